"""Kernels and PSFs of lsst.afw, and PSFs of this package for its exposures."""

from __future__ import annotations

from importlib import import_module
from types import SimpleNamespace
from typing import Any

import numpy as np

from ..kernel import Kernel, KernelImages, Positions, fitted
from .pixels import pixels_of

__all__ = ["AfwKernel", "AfwPsf", "foreign_psf"]


class AfwKernel(Kernel):
    """What an lsst.afw kernel gives, as it gives it: upright, since it acts by correlation.

    Parameters
    ----------
    kernel : object
        Something with ``getDimensions()`` and ``computeImage(image, doNormalize, x, y)``.
    """

    def __init__(self, kernel: Any) -> None:
        width, height = (int(size) for size in kernel.getDimensions())
        x, y = kernel.getCtr() if hasattr(kernel, "getCtr") else (_middle(width), _middle(height))
        super().__init__(shape=(height, width), center=(int(y), int(x)))
        self._kernel = kernel

    def evaluate(self, x: Positions, y: Positions) -> KernelImages:
        """Give the images [n, v, u] at positions."""
        images = np.empty((len(x), *self.shape))
        # One for each call: threads may share the kernel.
        target = _image_for(self._kernel, *self.shape)
        for image, at_x, at_y in zip(images, x, y, strict=True):
            self._kernel.computeImage(target, False, float(at_x), float(at_y))
            image[...] = target.array
        return images


class AfwPsf(Kernel):
    """An lsst.afw PSF; where it fails at a position, its average stands in.

    Parameters
    ----------
    psf : object
        Something with ``computeKernelImage(point)`` and ``getAveragePosition()``.
    """

    def __init__(self, psf: Any) -> None:
        self._psf = psf
        self._average_position = psf.getAveragePosition()
        self._average = pixels_of(psf.computeKernelImage(self._average_position))
        super().__init__(shape=self._average.shape)

    def evaluate(self, x: Positions, y: Positions) -> KernelImages:
        """Give the images [n, v, u] at positions; PSFs change size over a coadd."""
        return np.stack(
            [
                fitted(self._image_at(float(u), float(v)), self.shape)
                for u, v in zip(x, y, strict=True)
            ]
        )

    def _image_at(self, x: float, y: float) -> KernelImages:
        point = type(self._average_position)(x, y)
        try:
            return pixels_of(self._psf.computeKernelImage(point))
        except (RuntimeError, ValueError, LookupError):
            # Rubin's pex exceptions (InvalidParameterError, RangeError, ...) derive from these.
            return self._average


def _middle(size: int) -> int:
    return (size - 1) // 2


def _image_for(kernel: Any, height: int, width: int) -> Any:
    """An image that the kernel's computeImage can fill."""
    if type(kernel).__module__.startswith("lsst.afw"):
        return import_module("lsst.afw.image").ImageD(width, height)
    return SimpleNamespace(array=np.zeros((height, width)))


def foreign_psf(psf: Any, exposure: Any) -> Any:
    """Give a PSF that an exposure of another package can hold.

    Parameters
    ----------
    psf : whitediff.psf.CellPsf
        The PSF.
    exposure : Exposure
        The exposure that is to hold it.

    Returns
    -------
    psf : Psf
        For an lsst.afw exposure with a WCS a ``CoaddPsf`` of the cells, which can be written to a
        file; for one without, the ``KernelPsf`` at the average position. For any other exposure
        the PSF as it is.
    """
    if not type(exposure).__module__.startswith("lsst.afw."):
        return psf
    algorithms = import_module("lsst.meas.algorithms")
    wcs = exposure.getWcs()
    if wcs is None:
        return _kernel_psf(psf.computeKernelImage().array, psf.getAveragePosition())
    table = import_module("lsst.afw.table")
    box_type = type(exposure.getBBox())
    schema = table.ExposureTable.makeMinimalSchema()
    schema.addField("weight", type="D", doc="Weight of the cell where several overlap")
    catalog = table.ExposureCatalog(schema)
    for index in range(psf.getComponentCount()):
        record = catalog.addNew()
        record.setId(index)
        record["weight"] = 1.0
        record.setBBox(_box(psf.boxes[index], exposure, box_type))
        record.setPsf(_kernel_psf(psf.images[index], psf.positions[index]))
        record.setWcs(wcs)
    return algorithms.CoaddPsf(catalog, wcs, "weight")


def _box(limits: Any, exposure: Any, box_type: Any) -> Any:
    box = exposure.getBBox()
    x0, y0, x1, y1 = (int(limit) for limit in limits)
    point, extent = type(box.getMin()), type(box.getDimensions())
    return box_type(point(x0, y0), extent(x1 - x0, y1 - y0))


def _kernel_psf(image: Any, position: Any) -> Any:
    geometry, afw_image, math, algorithms = (
        import_module(f"lsst.{name}")
        for name in ("geom", "afw.image", "afw.math", "meas.algorithms")
    )
    pixels = afw_image.ImageD(image.shape[1], image.shape[0])
    pixels.array[...] = image
    x, y = (float(coordinate) for coordinate in position)
    return algorithms.KernelPsf(math.FixedKernel(pixels), geometry.Point2D(x, y))
