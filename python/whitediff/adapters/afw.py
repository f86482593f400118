"""Kernels and PSFs of lsst.afw, and PSFs of this package for its exposures."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from importlib import import_module
from types import SimpleNamespace
from typing import Any

import numpy as np

from ..kernel import Kernel, KernelImages, Positions, fitted
from .pixels import pixels_of

_log = logging.getLogger(__name__)

# The grid on which the mean of a PSF is taken: its points along an axis, and the part of the axis
# that it leaves out at each end, where coadds have few inputs.
_GRID_POINTS = 20
_GRID_EDGE = 0.05

__all__ = ["AfwKernel", "AfwPsf", "clipped_statistics", "derives_from", "kernel_psf", "psf_for"]


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
    """An lsst.afw PSF; where it is not known, its average stands in.

    A PSF is not known where it raises anything, and where its image is not finite or has no
    positive sum. The average is the image at the average position or, where that is not known
    either, the mean of those on a grid.

    Parameters
    ----------
    psf : object
        Something with ``computeKernelImage(point)`` and ``getAveragePosition()``.
    box : Box2I, optional
        The box of the image that the grid covers but for 5 per cent at each edge. Without it there
        is no grid.

    Attributes
    ----------
    average : numpy.ndarray [v, u]
        What stands in.
    known_at_average : bool
        Whether it is the image at the average position.

    Raises
    ------
    ValueError
        If the PSF is known neither there nor on the grid.
    """

    def __init__(self, psf: Any, box: Any = None) -> None:
        self._psf = psf
        position = psf.getAveragePosition()
        self._point = type(position)
        average = self._image_at(position)
        self.known_at_average = average is not None
        if average is None and box is not None:
            average = self._mean_over(box)
        if average is None:
            raise ValueError(
                "psf must have an image with a positive sum at its average position or on a grid "
                "over its exposure, got none"
            )
        self.average = average
        super().__init__(shape=average.shape)

    def evaluate(self, x: Positions, y: Positions) -> KernelImages:
        """Give the images [n, v, u] at positions; PSFs change size over a coadd."""
        if hasattr(self._psf, "kernel_images"):
            # One of this package, which gives what it has, all at once.
            images = [_if_known(image) for image in self._psf.kernel_images(x, y)]
        else:
            images = [
                self._image_at(self._point(float(u), float(v))) for u, v in zip(x, y, strict=True)
            ]
        unknown = sum(image is None for image in images)
        if unknown:
            _log.warning(
                "The PSF is not known at %d of %d positions: its average stands in.",
                unknown,
                len(images),
            )
        return np.stack(
            [self.average if image is None else fitted(image, self.shape) for image in images]
        )

    def _image_at(self, point: Any) -> KernelImages | None:
        """Give the image at a point, None where it is not known."""
        try:
            image = pixels_of(self._psf.computeKernelImage(point))
        except Exception:
            # Exceptions of lsst.pex derive from no other class that is built in.
            return None
        return _if_known(image)

    def _mean_over(self, box: Any) -> KernelImages | None:
        low, high = (
            np.array([corner.getX(), corner.getY()], dtype=float)
            for corner in (box.getMin(), box.getMax())
        )
        edge = _GRID_EDGE * (high - low)
        xs, ys = np.linspace(low + edge, high - edge, _GRID_POINTS).T
        images = [
            image
            for y in ys
            for x in xs
            if (image := self._image_at(self._point(float(x), float(y)))) is not None
        ]
        if not images:
            return None
        height, width = np.max([image.shape for image in images], axis=0)
        mean: KernelImages = np.mean([fitted(image, (height, width)) for image in images], axis=0)
        return mean


def _if_known(image: KernelImages) -> KernelImages | None:
    return image if 0 < image.sum() < np.inf else None


def _middle(size: int) -> int:
    return (size - 1) // 2


def _image_for(kernel: Any, height: int, width: int) -> Any:
    """An image that the kernel's computeImage can fill."""
    if type(kernel).__module__.startswith("lsst.afw"):
        return import_module("lsst.afw.image").ImageD(width, height)
    return SimpleNamespace(array=np.zeros((height, width)))


def psf_for(exposure: Any, psf: Any) -> Any:
    """Give a PSF that an exposure can hold.

    Parameters
    ----------
    exposure : Exposure
        The exposure that is to hold it.
    psf : Psf or None
        A PSF of this package, or one that the exposure can hold as it is.

    Returns
    -------
    psf : Psf or None
        For an exposure that derives from one of lsst.afw: a ``CoaddPsf``, which can be written to a
        file, of a PSF of several cells; a ``KernelPsf`` of the image at the average position of any
        other PSF of this package, and where there is no WCS. All else as it is.
    """
    if not derives_from("lsst.afw", exposure) or psf is None or derives_from("lsst", psf):
        return psf
    wcs = exposure.getWcs()
    if hasattr(psf, "getComponentCount") and psf.getComponentCount() > 1:
        if wcs is not None:
            return _coadd_psf(psf, exposure, wcs)
        _log.warning("An exposure without a WCS holds one PSF only: that of the average position.")
    return kernel_psf(psf.computeKernelImage().array, psf.getAveragePosition())


def derives_from(package: str, value: Any) -> bool:
    """Say whether the class of an object, or one that it derives from, is of a package."""
    return any(kind.__module__.startswith(f"{package}.") for kind in type(value).__mro__)


def _coadd_psf(psf: Any, exposure: Any, wcs: Any) -> Any:
    algorithms, table = (import_module(f"lsst.{name}") for name in ("meas.algorithms", "afw.table"))
    schema = table.ExposureTable.makeMinimalSchema()
    schema.addField("weight", type="D", doc="Weight of the cell where several overlap")
    catalog = table.ExposureCatalog(schema)
    for index, limits in enumerate(_reaching_out(psf.parts)):
        record = catalog.addNew()
        record.setId(index)
        record["weight"] = 1.0
        record.setBBox(_box(limits, exposure))
        record.setPsf(kernel_psf(psf.images[index], psf.positions[index]))
        record.setWcs(wcs)
    return algorithms.CoaddPsf(catalog, wcs, "weight")


def _reaching_out(boxes: Any) -> Any:
    """Give boxes of which the outer ones reach beyond the frame by its size.

    A CoaddPsf is not known outside of all boxes, and sources at the edge may have their centre
    there.
    """
    boxes = np.array(boxes)
    low, high = boxes[:, :2].min(axis=0), boxes[:, 2:].max(axis=0)
    boxes[:, :2] -= (boxes[:, :2] == low) * (high - low)
    boxes[:, 2:] += (boxes[:, 2:] == high) * (high - low)
    return boxes


def _box(limits: Any, exposure: Any) -> Any:
    box = exposure.getBBox()
    x0, y0, x1, y1 = (int(limit) for limit in limits)
    point, extent = type(box.getMin()), type(box.getDimensions())
    return type(box)(point(x0, y0), extent(x1 - x0, y1 - y0))


def kernel_psf(image: Any, position: Any) -> Any:
    """Give the lsst.afw PSF that has one image [y, x] everywhere."""
    geometry, afw_image, math, algorithms = (
        import_module(f"lsst.{name}")
        for name in ("geom", "afw.image", "afw.math", "meas.algorithms")
    )
    pixels = afw_image.ImageD(image.shape[1], image.shape[0])
    pixels.array[...] = image
    x, y = (float(coordinate) for coordinate in position)
    return algorithms.KernelPsf(math.FixedKernel(pixels), geometry.Point2D(x, y))


def clipped_statistics(planes: Iterable[str]) -> Any:
    """Give the control of lsst.afw.math for a mean after three rounds of 3-sigma clipping.

    Parameters
    ----------
    planes : iterable of str
        Mask planes whose pixels are left out.

    Raises
    ------
    ImportError
        If lsst.afw is not installed.
    """
    control = import_module("lsst.afw.math").StatisticsControl()
    control.setNumSigmaClip(3.0)
    control.setNumIter(3)
    mask = import_module("lsst.afw.image").Mask
    control.setAndMask(mask.getPlaneBitMask(list(planes)))
    return control
