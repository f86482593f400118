"""Filters that vary over the frame: what the tests of `DecorrelateALKernelSpatialTask` share."""

from __future__ import annotations

from typing import Any

import exposures
import whitediff
from exposures import XY0
from white_noise import gaussian, linear_kernel
from whitediff import Polynomial2D, SpatialKernel
from whitediff.exposure import Exposure
from whitediff.psf import KernelPsf
from whitediff.tasks import (
    DecorrelateALKernelMapper,
    DecorrelateALKernelMapReduceConfig,
    DecorrelateALKernelSpatialConfig,
    DecorrelateALKernelSpatialTask,
    ImageMapReduceTask,
)

NAME = "ip_diffim_decorrelateALKernelSpatial"
SHAPE = (211, 187)
PSF = gaussian(1.5, 10)


def placed(kernel: SpatialKernel, xy0: tuple[int, int]) -> SpatialKernel:
    """A kernel whose functions are linear, in coordinates that count from `xy0`."""
    functions = []
    for function in kernel.functions:
        constant, slope_x, slope_y = function.coefficients  # type: ignore[attr-defined]
        constant -= slope_x * xy0[0] + slope_y * xy0[1]
        functions.append(Polynomial2D([constant, slope_x, slope_y]))
    return SpatialKernel(kernel.basis, functions, center=kernel.center)


KERNEL = placed(linear_kernel(SHAPE, 1.3, (1.2, 1.9)), XY0)


def make_exposure(seed: int, shape: tuple[int, int] = SHAPE, **values: Any) -> Exposure:
    return exposures.make_exposure(seed, shape, **{"psf": KernelPsf(PSF), **values})


def make_exposures(**values: Any) -> tuple[Exposure, Exposure, Exposure]:
    """Science, template, difference."""
    return make_exposure(1, **values), make_exposure(2, **values), make_exposure(3, **values)


def core(inputs: Any, kernel: Any = KERNEL, **options: Any) -> whitediff.Whitened:
    return exposures.decorrelated(inputs, kernel, **{"psf": PSF, "variance": "estimate", **options})


def spatial_task(**grid: Any) -> DecorrelateALKernelSpatialTask:
    """A task with cells of 61 pixels every 50, which overlap, and with these settings."""
    config = DecorrelateALKernelSpatialConfig()
    map_reduce = config.decorrelateMapReduceConfig
    configure(map_reduce, **grid)
    return DecorrelateALKernelSpatialTask(config=config)


def configure(config: DecorrelateALKernelMapReduceConfig, **values: Any) -> None:
    for name in ("mapper", "reducer"):
        getattr(config, name).update(**values.pop(name, {}))
    cells = dict.fromkeys(("cellSizeX", "cellSizeY"), 61)
    steps = dict.fromkeys(("gridStepX", "gridStepY"), 50)
    borders = dict.fromkeys(("borderSizeX", "borderSizeY"), 20)
    config.update(**{"scaleByFwhm": False, **cells, **steps, **borders, **values})


def map_reduce_task(**values: Any) -> ImageMapReduceTask:
    """The grid task that Rubin users configure by hand."""
    config = DecorrelateALKernelMapReduceConfig()
    configure(config, **values)
    return ImageMapReduceTask(config=config)


def arguments(exposures: Any, **options: Any) -> dict[str, Any]:
    science, template, _ = exposures
    return {"science": science, "template": template, "psfMatchingKernel": KERNEL, **options}


MODES: dict[str, dict[str, Any]] = {
    "template": {},
    "science": {"templateMatched": False},
    "score": {"preConvMode": True},
}


CORE_MODES: dict[str, dict[str, Any]] = {
    "template": {},
    "science": {"convolved": "science"},
    "score": {"mode": "score", "preconvolved": True},
}


class CellByCell(DecorrelateALKernelMapper):
    """The mapper without its way to do all cells at once."""

    def runAll(self, *args: Any, **kwargs: Any) -> None:  # type: ignore[override]
        return None
