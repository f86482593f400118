"""Mappers for the tests of grids of cells, and tasks that run them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

import exposures
from whitediff.exposure import Exposure
from whitediff.geometry import Box2I, Extent2I
from whitediff.psf import KernelPsf
from whitediff.tasks import ImageMapper, ImageMapReduceConfig, ImageMapReduceTask, Struct

SIGMA = 1.7
FWHM = SIGMA * 2.3548200450309493


def gaussian(sigma: float, shape: tuple[int, int] = (25, 25)) -> NDArray[np.float64]:
    y, x = np.indices(shape, dtype=float)
    y, x = y - (shape[0] - 1) // 2, x - (shape[1] - 1) // 2
    image = np.exp(-(x**2 + y**2) / (2 * sigma**2))
    return np.asarray(image / image.sum())


def make_exposure(
    shape: tuple[int, int] = (43, 57), xy0: tuple[int, int] = (-5, 300), seed: int = 1
) -> Exposure:
    return exposures.make_exposure(seed, shape, np.float32, psf=KernelPsf(gaussian(SIGMA)), xy0=xy0)


class IdentityMapper(ImageMapper):
    """Return the cell as it is."""

    def run(
        self, subExposure: Any, expandedSubExposure: Any, fullBBox: Any, **kwargs: Any
    ) -> Struct:
        return Struct(subExposure=subExposure)


class DoublingMapper(ImageMapper):
    """Change in place all that can be changed."""

    def run(
        self, subExposure: Any, expandedSubExposure: Any, fullBBox: Any, **kwargs: Any
    ) -> Struct:
        for exposure in (subExposure, expandedSubExposure):
            exposure.image.array *= 2
            exposure.variance.array *= 4
            exposure.mask.array |= 1 << exposure.mask.addMaskPlane("DOUBLED")
            exposure.metadata["DOUBLED"] = True
            exposure.setPsf(KernelPsf(gaussian(2 * SIGMA)))
        return Struct(subExposure=subExposure)


class ConstantMapper(ImageMapper):
    """Fill cells with numbers counted up, and `nan_at` of each with NaN."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.n = 0

    def run(
        self,
        subExposure: Any,
        expandedSubExposure: Any,
        fullBBox: Any,
        values: Sequence[float] = (),
        nan_at: tuple[slice, slice] | None = None,
        **kwargs: Any,
    ) -> Struct:
        subExposure.image.array[...] = values[self.n]
        subExposure.variance.array[...] = 10 * values[self.n]
        subExposure.mask.array[...] = 1 << self.n
        if nan_at is not None:
            subExposure.image.array[nan_at] = np.nan
        self.n += 1
        return Struct(subExposure=subExposure)


class MeanMapper(ImageMapper):
    """Return numbers, no exposure."""

    def run(
        self, subExposure: Any, expandedSubExposure: Any, fullBBox: Any, **kwargs: Any
    ) -> Struct:
        return Struct(mean=subExposure.image.array.mean())


class WideningMapper(ImageMapper):
    """Give each cell a PSF that is the wider the larger its x."""

    def run(
        self, subExposure: Any, expandedSubExposure: Any, fullBBox: Any, **kwargs: Any
    ) -> Struct:
        box = subExposure.getBBox()
        psf = KernelPsf(gaussian(1.0 + 0.05 * (box.getCenterX() - fullBBox.getMinX())))
        subExposure.setPsf(psf)
        return Struct(subExposure=subExposure, psf=psf, bbox=box)


def make_config(mapper: type[Any] = IdentityMapper, **values: Any) -> ImageMapReduceConfig:
    config = ImageMapReduceConfig()
    config.mapper.retarget(mapper)
    config.scaleByFwhm = False
    if "reduceOperation" in values:
        config.reducer.reduceOperation = values.pop("reduceOperation")
    config.update(**values)
    return config


def make_task(mapper: type[Any] = IdentityMapper, **values: Any) -> ImageMapReduceTask:
    return ImageMapReduceTask(config=make_config(mapper, **values))


def two_boxes(exposure: Exposure) -> list[Box2I]:
    """Two boxes of a frame (10, 20) [y, x] that share columns 8 to 11 and leave out row 9."""
    corner = exposure.getBBox().getMin()
    return [
        Box2I(corner, Extent2I(12, 9)),
        Box2I(corner + Extent2I(8, 0), Extent2I(12, 9)),
    ]
