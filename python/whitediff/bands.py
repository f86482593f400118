"""Whitening of frames that need not fit into memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from numbers import Real
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from . import _core
from .adapters import as_kernel, as_psf
from .arrays import (
    FloatImage,
    as_integer,
    as_number,
    as_variance,
    ignored_pixels,
    one_of,
    without_hidden,
)
from .decorrelate import (
    Mode,
    Progress,
    Propagation,
    Whitening,
    as_pair,
    core_options,
    core_sources,
    require_sources,
)
from .noise_model import NoiseSource

__all__ = ["decorrelate_bands", "whiten_bands"]

WriteRows = Callable[[int, FloatImage, FloatImage], object]


def decorrelate_bands(
    difference: Any,
    science_variance: Any,
    template_variance: Any,
    kernel: Any,
    write: WriteRows,
    *,
    convolved: Literal["template", "science"] = "template",
    mode: Mode = "difference",
    spatially_varying: bool = True,
    variance: Propagation = "estimate",
    scale: float | None = None,
    mask: Any = None,
    science_mask: Any = None,
    template_mask: Any = None,
    ignore_mask: int = 0,
    mean_variances: tuple[float | None, float | None] = (None, None),
    psf: Any = None,
    pre_kernel: Any = None,
    xy0: tuple[float, float] = (0.0, 0.0),
    n_threads: int = 0,
    progress: Progress | None = None,
) -> Whitening:
    """Make the noise of a difference image white, band by band; see `decorrelate`.

    The result is that of `decorrelate`, bit by bit. Planes are read in bands of some 700 rows, once
    for filtering, after a sparse look at the variances of the whole frame (two complete passes
    with ``spatially_varying=False``).

    Parameters
    ----------
    difference, science_variance, template_variance : array-like on disk, [y, x]
        Anything with ``shape``, ``dtype`` and rows that slicing gives, ``plane[y0:y1:step]``:
        `numpy.memmap`, the ``section`` of a FITS image, h5py and zarr datasets. Variances may be
        numbers.
    write : callable
        Called as ``write(y0, image, variance)`` with finished rows, the first of them row ``y0`` of
        the frame; down the frame, every row once. What it raises ends the computation.
    mask, science_mask, template_mask : array-like on disk of int or bool, [y, x], optional
        Masks of each image.
    kernel, convolved, mode, spatially_varying, variance, scale, ignore_mask, mean_variances, psf, \
pre_kernel, xy0, n_threads, progress
        As in `decorrelate`.

    Returns
    -------
    Whitening
        Cells, filters, PSF.

    Raises
    ------
    TypeError, ValueError
        As `decorrelate`.
    """
    frame = _Frame(difference, "difference", ignore_mask)
    one_of(convolved, ("template", "science"), "convolved")
    options = core_options(
        mode, spatially_varying, variance, frame.mask(mask, "mask"), 1, psf, xy0, None, n_threads,
        progress,
    )  # fmt: skip
    science_mean, template_mean = as_pair(mean_variances, "mean_variances")

    def source(plane: Any, name: str, plane_mask: Any, mean: float | None) -> tuple[Any, ...]:
        checked = frame.variance(plane, f"{name}_variance")
        return checked, [], 1.0, frame.mask(plane_mask, f"{name}_mask"), mean, f"{name}_variance"

    core = _core.decorrelate_bands(
        frame.image,
        frame.shape,
        frame.dtype == np.float64,
        source(science_variance, "science", science_mask, science_mean),
        source(template_variance, "template", template_mask, template_mean),
        as_kernel(kernel),
        None if pre_kernel is None else as_psf(pre_kernel),
        convolved == "science",
        None if scale is None else as_number(scale, "scale"),
        options,
        write,
    )
    return Whitening(core, has_psf=psf is not None or mode == "score")


def whiten_bands(
    image: Any,
    sources: Sequence[NoiseSource],
    write: WriteRows,
    *,
    mode: Mode = "difference",
    spatially_varying: bool = True,
    variance: Propagation = "estimate",
    mask: Any = None,
    ignore_mask: int = 0,
    psf: Any = None,
    xy0: tuple[float, float] = (0.0, 0.0),
    n_threads: int = 0,
    progress: Progress | None = None,
) -> Whitening:
    """Make the noise of any linear combination of images white, band by band; see `whiten`.

    The result is that of `whiten`, bit by bit.

    Parameters
    ----------
    image : array-like on disk, [y, x]
        What `decorrelate_bands` reads.
    sources : sequence of NoiseSource
        Every raw input image. Variances and masks may be array-likes on disk, too.
    write : callable
        As in `decorrelate_bands`.
    mask : array-like on disk of int or bool, [y, x], optional
        Mask of ``image``.
    mode, spatially_varying, variance, ignore_mask, psf, xy0, n_threads, progress
        As in `whiten`.

    Returns
    -------
    Whitening
        Cells, filters, PSF.

    Raises
    ------
    TypeError, ValueError
        As `whiten`.
    """
    frame = _Frame(image, "image", ignore_mask)
    options = core_options(
        mode, spatially_varying, variance, frame.mask(mask, "mask"), 1, psf, xy0, None, n_threads,
        progress,
    )  # fmt: skip
    core = _core.whiten_bands(
        frame.image,
        frame.shape,
        frame.dtype == np.float64,
        core_sources(require_sources(sources), frame.variance, frame.mask),
        options,
        write,
    )
    return Whitening(core, has_psf=psf is not None)


class _Frame:
    """An image on disk, and how the planes that belong to it are read."""

    def __init__(self, image: Any, name: str, ignore_mask: int) -> None:
        self.shape = _shape_of(image, name)
        single = np.dtype(image.dtype).newbyteorder("=") == np.float32
        self.dtype = np.dtype(np.float32 if single else np.float64)
        self._ignore_mask = as_integer(ignore_mask, "ignore_mask")
        self.image = self._plane(image, name)

    def variance(self, plane: Any, name: str) -> Any:
        """Give a number, or a function that reads rows."""
        if isinstance(plane, Real):
            return as_variance(float(plane), name)
        return self._plane(plane, name)

    def mask(self, mask: Any, name: str) -> Callable[[int, int, int], npt.NDArray[np.int32]] | None:
        """Give a function that reads rows of a mask: 1 where a pixel is left out."""
        if mask is None:
            return None
        self._require_shape(mask, name)
        if np.dtype(mask.dtype).kind not in "biu":
            raise TypeError(f"{name} must hold integers or booleans, got dtype {mask.dtype}")

        def read(begin: int, end: int, step: int) -> npt.NDArray[np.int32]:
            rows = np.asarray(mask[begin:end:step])
            return np.ascontiguousarray(ignored_pixels(rows, self._ignore_mask), dtype=np.int32)

        return read

    def _plane(self, plane: Any, name: str) -> Callable[[int, int, int], npt.NDArray[Any]]:
        """Give a function that reads rows of real numbers."""
        self._require_shape(plane, name)
        if np.dtype(plane.dtype).kind not in "fiu":
            raise TypeError(f"{name} must hold real numbers, got dtype {plane.dtype}")

        def read(begin: int, end: int, step: int) -> npt.NDArray[Any]:
            rows = plane[begin:end:step]
            return without_hidden(rows, np.ascontiguousarray(rows, dtype=self.dtype))

        return read

    def _require_shape(self, plane: Any, name: str) -> None:
        if _shape_of(plane, name) != self.shape:
            raise ValueError(
                f"{name} must have shape {self.shape}, that of the image, got {tuple(plane.shape)}"
            )


def _shape_of(plane: Any, name: str) -> tuple[int, int]:
    if not (hasattr(plane, "shape") and hasattr(plane, "dtype")):
        raise TypeError(f"{name} must have shape, dtype and rows, got {type(plane).__name__}")
    if len(plane.shape) != 2 or 0 in plane.shape:
        raise ValueError(
            f"{name} must be a 2-D array of at least one pixel, got shape {plane.shape}"
        )
    return int(plane.shape[0]), int(plane.shape[1])
