"""Convolution kernels."""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt

from . import _core
from ._core import (
    Chebyshev2D,
    Kernel,
    Polynomial2D,
    SpatialFunction,
    SpatialKernel,
    TabulatedKernel,
)
from .arrays import hidden_pixels, plain

__all__ = [
    "Chebyshev2D",
    "Kernel",
    "Polynomial2D",
    "Side",
    "SpatialFunction",
    "SpatialKernel",
    "TabulatedKernel",
    "fitted",
    "fixed_kernel",
    "flipped",
    "flux_scale",
    "normalized",
    "one_less",
    "rebinned",
    "shifted",
    "transform_size",
]

# Of a subtraction: which image was convolved with the matching kernel.
Side = Literal["template", "science"]

Positions = npt.NDArray[np.float64]
KernelImages = npt.NDArray[np.float64]


def _kernel_html(kernel: Kernel) -> str:
    from .html import shown

    image = kernel.evaluate(np.zeros(1), np.zeros(1))[0]
    facts = {"kernel": kernel, "sum at (0, 0)": f"{image.sum():.6g}"}
    return shown("Kernel at (0, 0)", facts, image)


# The compiled class knows nothing of notebooks.
setattr(Kernel, "_repr_html_", _kernel_html)  # noqa: B010


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
    array = np.asarray(plain(image, "kernel"))
    if array.dtype.kind not in "fiu":
        raise TypeError(f"kernel must hold real numbers, got dtype {array.dtype}")
    if array.ndim != 2 or array.size == 0:
        raise ValueError(
            f"kernel must be a 2-D array of at least one pixel, got shape {array.shape}"
        )
    return SpatialKernel(array[np.newaxis].astype(np.float64), [Polynomial2D([1.0])], center=center)


def flipped(kernel: Kernel) -> Kernel:
    """Turn a kernel by 180 degrees about its centre: correlation in place of convolution.

    Parameters
    ----------
    kernel : Kernel
        The kernel.

    Returns
    -------
    Kernel
        A kernel that is evaluated where the other is.
    """
    return _Flipped(kernel)


def flux_scale(
    kernel: Kernel,
    convolved: Side,
    shape: tuple[int, int],
    xy0: tuple[float, float],
) -> float:
    """Factor with which a difference has the fluxes of the science image.

    Parameters
    ----------
    kernel : Kernel
        The matching kernel.
    convolved : {"template", "science"}
        Which image it was applied to.
    shape : (int, int)
        Height and width of the difference.
    xy0 : (float, float)
        Position (x, y) of its pixel [0, 0] in the coordinates of the kernel.

    Returns
    -------
    float
        1, or 1 over the sum of the kernel at the centre of the frame.

    Raises
    ------
    ValueError
        If that sum is zero.
    """
    return _core.flux_scale(kernel, _core.Convolved[convolved], shape, xy0)


def normalized(kernel: Kernel) -> Kernel:
    """Scale a kernel to a sum of one at every position.

    Parameters
    ----------
    kernel : Kernel
        The kernel, that of a PSF. Its evaluation raises ValueError where the sum is not finite and
        positive.

    Returns
    -------
    Kernel
        A kernel that is evaluated where the other is.
    """
    return _Normalized(kernel)


def one_less(kernel: Kernel) -> Kernel:
    """Give what an image goes through from which its convolution with a kernel is subtracted.

    Parameters
    ----------
    kernel : Kernel
        The kernel.

    Returns
    -------
    Kernel
        One in the centre, less the kernel.
    """
    if not isinstance(kernel, SpatialKernel):
        return _OneLess(kernel)
    one = np.zeros(kernel.shape)
    one[kernel.center] = 1.0
    return SpatialKernel(
        np.concatenate([one[np.newaxis], -kernel.basis]),
        [Polynomial2D([1.0]), *kernel.functions],
        center=kernel.center,
    )


def fitted(image: KernelImages, shape: tuple[int, int]) -> KernelImages:
    """Cut a kernel image, or pad it with zeros, about its centre, ((h - 1) // 2, (w - 1) // 2).

    Parameters
    ----------
    image : numpy.ndarray, [v, u]
        The kernel image.
    shape : tuple [int, int]
        The shape to give it.

    Returns
    -------
    numpy.ndarray, [v, u]
        The image itself if it has the shape.
    """
    if image.shape == shape:
        return image
    result = np.zeros(shape)
    target, source = [], []
    for size, wanted in zip(image.shape, shape, strict=True):
        shift = (wanted - 1) // 2 - (size - 1) // 2
        begin, end = max(0, shift), min(wanted, size + shift)
        target.append(slice(begin, end))
        source.append(slice(begin - shift, end - shift))
    result[tuple(target)] = image[tuple(source)]
    return result


def shifted(kernel: Kernel, xy0: tuple[float, float]) -> Kernel:
    """Count positions from elsewhere.

    Parameters
    ----------
    kernel : Kernel
        A kernel that counts positions from the pixel at `xy0`.
    xy0 : tuple [float, float]
        That position (x, y).

    Returns
    -------
    Kernel
        A kernel that counts them from where `xy0` does.
    """
    return kernel if tuple(xy0) == (0, 0) else _Shifted(kernel, xy0)


def rebinned(image: KernelImages, factor: int) -> KernelImages:
    """Sum up pixels that are finer than those of a detector, with one of these in the middle.

    Parameters
    ----------
    image : numpy.ndarray, [v, u]
        What falls on each fine pixel, the centre being the middle of the image.
    factor : int
        Fine pixels along one of the detector. Fine ones of which a half lies in each of two of
        these are divided as their neighbours say.

    Returns
    -------
    numpy.ndarray, [v, u]
        Of odd sides: as many as the image fills.

    Raises
    ------
    ValueError
        If it fills none.
    """
    in_y, in_x = (_shares(size, factor) for size in image.shape)
    rebinned: KernelImages = in_y @ image @ in_x.T
    return rebinned


def _shares(size: int, factor: int) -> KernelImages:
    """Parts of fine pixels, [coarse, fine], in coarse ones."""
    number = size // factor
    number -= number % 2 == 0
    if number < 1:
        raise ValueError(f"an image of {size} pixels must fill a pixel of {factor}, got less")
    edges = 0.5 * size + factor * (np.arange(number + 1) - 0.5 * number)
    # What lies below the edges of fine pixels is known, [edge, fine]; half-way between them it is
    # that of a cubic through the four nearest.
    below = np.tri(size + 1, size, -1)
    near = np.floor(edges).astype(int) + np.array([[-1], [0], [1], [2]])
    weights = [0.0, 1.0, 0.0, 0.0] if edges[0] % 1 == 0 else [-1 / 16, 9 / 16, 9 / 16, -1 / 16]
    reached = np.tensordot(weights, below[np.clip(near, 0, size)], axes=1)
    shares: KernelImages = np.diff(reached, axis=0)
    return shares


class _Flipped(Kernel):
    def __init__(self, kernel: Kernel) -> None:
        (height, width), (y, x) = kernel.shape, kernel.center
        super().__init__(shape=kernel.shape, center=(height - 1 - y, width - 1 - x))
        self._kernel = kernel

    def evaluate(self, x: Positions, y: Positions) -> KernelImages:
        return self._kernel.evaluate(x, y)[..., ::-1, ::-1]


class _Shifted(Kernel):
    def __init__(self, kernel: Kernel, xy0: tuple[float, float]) -> None:
        super().__init__(shape=kernel.shape, center=kernel.center)
        self._kernel, self._xy0 = kernel, xy0

    def evaluate(self, x: Positions, y: Positions) -> KernelImages:
        return self._kernel.evaluate(x - self._xy0[0], y - self._xy0[1])


class _OneLess(Kernel):
    def __init__(self, kernel: Kernel) -> None:
        super().__init__(shape=kernel.shape, center=kernel.center)
        self._kernel = kernel

    def evaluate(self, x: Positions, y: Positions) -> KernelImages:
        images = -self._kernel.evaluate(x, y)
        y0, x0 = self.center
        images[:, y0, x0] += 1.0
        return images


class _Normalized(Kernel):
    def __init__(self, kernel: Kernel) -> None:
        super().__init__(shape=kernel.shape, center=kernel.center)
        self._kernel = kernel

    def evaluate(self, x: Positions, y: Positions) -> KernelImages:
        images = self._kernel.evaluate(x, y)
        with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
            totals = np.array([image.sum() for image in images])
            scaled: KernelImages = images / totals[:, np.newaxis, np.newaxis]
        known = (0 < totals) & (totals < np.inf) & np.isfinite(scaled).all(axis=(1, 2))
        if not known.all():
            raise ValueError(f"psf must have a finite, positive sum, got {totals[~known][0]}")
        return scaled


def transform_size(size: int) -> int:
    """Give a length, not below this one, that numpy transforms fast: no factor is above 7."""
    unit = max(1, 1 << max(0, size.bit_length() - 3))
    return -(-size // unit) * unit
