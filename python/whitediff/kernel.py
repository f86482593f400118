"""Convolution kernels, and how kernels of other packages become ours."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import numpy as np
import numpy.typing as npt

from ._core import (
    Chebyshev2D,
    Kernel,
    Polynomial2D,
    SpatialFunction,
    SpatialKernel,
    TabulatedKernel,
)
from .arrays import hidden_pixels

__all__ = [
    "Chebyshev2D",
    "Kernel",
    "Polynomial2D",
    "SpatialFunction",
    "SpatialKernel",
    "TabulatedKernel",
    "as_kernel",
    "as_psf",
    "fixed_kernel",
]

Positions = npt.NDArray[np.float64]
KernelImages = npt.NDArray[np.float64]


def fixed_kernel(image: npt.ArrayLike, *, center: tuple[int, int] | None = None) -> SpatialKernel:
    """One kernel image for every position.

    Parameters
    ----------
    image : array_like, [v, u]
        The kernel image.
    center : tuple [int, int], optional
        Pixel (cy, cx) that stands for no shift; default ((h - 1) // 2, (w - 1) // 2).

    Raises
    ------
    TypeError
        If the values are no real numbers.
    ValueError
        If the image is not 2-D, empty, or not finite.
    """
    hidden = hidden_pixels(image)
    if hidden is not None and hidden.any():
        raise ValueError("kernel must have no masked pixels, got some")
    array = np.asarray(image)
    if array.dtype.kind not in "fiu":
        raise TypeError(f"kernel must hold real numbers, got dtype {array.dtype}")
    if array.ndim != 2 or array.size == 0:
        raise ValueError(
            f"kernel must be a 2-D array of at least one pixel, got shape {array.shape}"
        )
    return SpatialKernel(array[np.newaxis].astype(np.float64), [Polynomial2D([1.0])], center=center)


def as_kernel(kernel: Any) -> Kernel:
    """Give a kernel of this package for what stands for one.

    Parameters
    ----------
    kernel : Kernel, array_like [v, u], or object
        An object may have ``getDimensions()`` and ``computeImage(image, doNormalize, x, y)``
        (lsst.afw.math.Kernel, which convolves by correlation), or
        ``compute_kernel_image(x=, y=)`` (lsst-images), or a ``kernel`` attribute that is one of
        these (what ``read_kernel`` gives).

    Raises
    ------
    TypeError
        If it is none of these.
    ValueError
        If an array is not 2-D, empty, or not finite.
    """
    if isinstance(kernel, Kernel):
        return kernel
    if hasattr(kernel, "computeImage") and hasattr(kernel, "getDimensions"):
        return _AfwKernel(kernel)
    if hasattr(kernel, "compute_kernel_image"):
        return _LsstImagesKernel(kernel)
    if hasattr(kernel, "kernel"):
        return as_kernel(kernel.kernel)
    return _from_array(kernel, "kernel")


def as_psf(psf: Any) -> Kernel:
    """Give a kernel for a point spread function, scaled to a sum of one at every position.

    Parameters
    ----------
    psf : Kernel, array_like [v, u], or object
        An object may have ``computeKernelImage(point)`` and ``getAveragePosition()`` (lsst.afw
        PSFs), or ``compute_kernel_image(x=, y=)`` (lsst-images).

    Raises
    ------
    TypeError, ValueError
        As `as_kernel`.
    """
    if isinstance(psf, Kernel):
        return _Normalized(psf)
    if hasattr(psf, "computeKernelImage"):
        return _AfwPsf(psf)
    if hasattr(psf, "compute_kernel_image"):
        return _Normalized(_LsstImagesPsf(psf))
    return _Normalized(_from_array(psf, "psf"))


def _from_array(value: Any, name: str) -> Kernel:
    try:
        array = np.asarray(value)
    except (TypeError, ValueError):
        array = np.asarray(None)
    if array.dtype.kind not in "fiu":
        raise TypeError(
            f"{name} must be a Kernel, a 2-D array of numbers or an object with a kernel "
            f"interface, got {type(value).__name__}"
        )
    return fixed_kernel(array)


class _AfwKernel(Kernel):
    """An lsst.afw kernel: image and centre are flipped, since it acts by correlation."""

    def __init__(self, kernel: Any) -> None:
        width, height = (int(size) for size in kernel.getDimensions())
        has_center = hasattr(kernel, "getCtr")
        x, y = kernel.getCtr() if has_center else ((width - 1) // 2, (height - 1) // 2)
        super().__init__(shape=(height, width), center=(height - 1 - int(y), width - 1 - int(x)))
        self._kernel = kernel
        self._image = _image_for(kernel, width, height)

    def evaluate(self, x: Positions, y: Positions) -> KernelImages:
        images = np.empty((len(x), *self.shape))
        for n, (at_x, at_y) in enumerate(zip(x, y, strict=True)):
            self._kernel.computeImage(self._image, False, float(at_x), float(at_y))
            images[n] = self._image.array[::-1, ::-1]
        return images


def _image_for(kernel: Any, width: int, height: int) -> Any:
    """An image that the kernel's computeImage can fill."""
    if type(kernel).__module__.startswith("lsst.afw"):
        return import_module("lsst.afw.image").ImageD(width, height)
    from .exposure import Image

    return Image(np.zeros((height, width)))


class _LsstImagesKernel(Kernel):
    """An lsst-images kernel, flipped since its images come from lsst.afw kernels."""

    def __init__(self, kernel: Any) -> None:
        bbox = kernel.kernel_bbox
        (height, width), y0, x0 = bbox.shape, bbox.y.start, bbox.x.start
        super().__init__(shape=(height, width), center=(height - 1 + y0, width - 1 + x0))
        self._kernel = kernel

    def evaluate(self, x: Positions, y: Positions) -> KernelImages:
        return np.stack(
            [
                _pixels(self._kernel.compute_kernel_image(x=float(u), y=float(v)))[::-1, ::-1]
                for u, v in zip(x, y, strict=True)
            ]
        )


class _LsstImagesPsf(Kernel):
    """An lsst-images PSF."""

    def __init__(self, psf: Any) -> None:
        super().__init__(shape=psf.kernel_bbox.shape)
        self._psf = psf

    def evaluate(self, x: Positions, y: Positions) -> KernelImages:
        return np.stack(
            [
                _pixels(self._psf.compute_kernel_image(x=float(u), y=float(v)))
                for u, v in zip(x, y, strict=True)
            ]
        )


class _AfwPsf(Kernel):
    """An lsst.afw PSF; where it fails at a position, its average stands in."""

    def __init__(self, psf: Any) -> None:
        self._psf = psf
        self._average_position = psf.getAveragePosition()
        self._average = _pixels(psf.computeKernelImage(self._average_position))
        super().__init__(shape=self._average.shape)

    def evaluate(self, x: Positions, y: Positions) -> KernelImages:
        return np.stack([self._image(float(u), float(v)) for u, v in zip(x, y, strict=True)])

    def _image(self, x: float, y: float) -> KernelImages:
        point = type(self._average_position)(x, y)
        try:
            image = _pixels(self._psf.computeKernelImage(point))
        except (RuntimeError, ValueError, LookupError):
            # Rubin's pex exceptions (InvalidParameterError, RangeError, ...) derive from these.
            image = self._average
        return _unit_sum(_fitted(image, self.shape))


class _Normalized(Kernel):
    """A kernel scaled to a sum of one."""

    def __init__(self, kernel: Kernel) -> None:
        super().__init__(shape=kernel.shape, center=kernel.center)
        self._kernel = kernel

    def evaluate(self, x: Positions, y: Positions) -> KernelImages:
        return np.stack([_unit_sum(image) for image in self._kernel.evaluate(x, y)])


def _pixels(image: Any) -> KernelImages:
    return np.asarray(getattr(image, "array", image), dtype=np.float64)


def _unit_sum(image: KernelImages) -> KernelImages:
    total = image.sum()
    if not (np.isfinite(total) and total > 0):
        raise ValueError(f"psf must have a finite, positive sum, got {total}")
    scaled: KernelImages = image / total
    return scaled


def _fitted(image: KernelImages, shape: tuple[int, int]) -> KernelImages:
    """The image cut or padded with zeros about its centre; PSFs change size over a coadd."""
    if image.shape == shape:
        return image
    fitted = np.zeros(shape)
    target, source = [], []
    for size, wanted in zip(image.shape, shape, strict=True):
        shift = (wanted - 1) // 2 - (size - 1) // 2
        begin, end = max(0, shift), min(wanted, size + shift)
        target.append(slice(begin, end))
        source.append(slice(begin - shift, end - shift))
    fitted[tuple(target)] = image[tuple(source)]
    return fitted
