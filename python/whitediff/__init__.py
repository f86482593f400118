"""White noise, right variance and right PSF for astronomical difference images.

``decorrelate`` takes the difference image of two exposures, ``whiten`` any linear combination of
images. Both work on numpy arrays; ``read_exposure`` and ``read_kernel`` bring FITS files to them,
``whitediff.subtraction`` goes from files to a file, and ``whitediff.tasks`` is the layer for Rubin
pipelines.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from ._core import __version__
from .cells import Cells, Grid
from .covariance import NoiseCovariance
from .decorrelate import decorrelate, decorrelate_bands, whiten, whiten_bands
from .kernel import Chebyshev2D, Kernel, Polynomial2D, SpatialKernel, TabulatedKernel
from .options import WhitenOptions
from .sources import NoiseSource
from .stack import WhitenedStack, whiten_stack
from .statistics import clipped_mean
from .whitening import Whitened, Whitening

if TYPE_CHECKING:
    from .exposure import Exposure
    from .io import read_exposure, read_kernel, write_exposure, write_kernel

__all__ = [
    "Cells",
    "Chebyshev2D",
    "Exposure",
    "Grid",
    "Kernel",
    "NoiseCovariance",
    "NoiseSource",
    "Polynomial2D",
    "SpatialKernel",
    "TabulatedKernel",
    "WhitenOptions",
    "Whitened",
    "WhitenedStack",
    "Whitening",
    "__version__",
    "clipped_mean",
    "decorrelate",
    "decorrelate_bands",
    "read_exposure",
    "read_kernel",
    "whiten",
    "whiten_bands",
    "whiten_stack",
    "write_exposure",
    "write_kernel",
]

# These need astropy, which takes longer to import than the rest altogether.
_LAZY = {
    "Exposure": ".exposure",
    "read_exposure": ".io",
    "read_kernel": ".io",
    "write_exposure": ".io",
    "write_kernel": ".io",
}

# Modules with a use of their own: `import whitediff` is enough to name them.
_MODULES = {"detection", "pipeline", "report", "simulate", "subtraction", "tasks", "whiteness"}


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(import_module(_LAZY[name], __name__), name)
    if name in _MODULES:
        return import_module(f".{name}", __name__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, *_MODULES})
