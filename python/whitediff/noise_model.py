"""The raw input images as sources of noise."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy.typing as npt

from .adapters import as_kernel
from .kernel import Kernel


class NoiseSource:
    """One raw input image of independent pixel noise.

    Its transfer function is the weight times the product of the kernels' Fourier transforms: what
    the image went through before it became a part of the image to be whitened.

    Parameters
    ----------
    variance : float or array_like, [y, x]
        Variance of the raw pixels, in the squared units of the image; >= 0. Non-finite pixels are
        allowed.
    kernels : sequence of kernels, optional
        What the image was convolved with, in any order: what ``as_kernel`` takes.
    weight : float, optional
        What it was multiplied by.
    mask : array_like of int or bool, [y, x], optional
        Its mask, for the clipped mean of the variance.
    mean_variance : float, optional
        What filters are made with instead of clipped means of the variance.

    Notes
    -----
    A term of the noise power of docs/mathematics.md, Eq. 1.
    """

    def __init__(
        self,
        variance: npt.ArrayLike,
        *,
        kernels: Sequence[Any] = (),
        weight: float = 1.0,
        mask: npt.ArrayLike | None = None,
        mean_variance: float | None = None,
    ) -> None:
        self.variance = variance
        self.kernels: tuple[Kernel, ...] = tuple(as_kernel(kernel) for kernel in kernels)
        self.weight = float(weight)
        self.mask = mask
        self.mean_variance = None if mean_variance is None else float(mean_variance)

    def __repr__(self) -> str:
        return f"NoiseSource({len(self.kernels)} kernels, weight={self.weight})"
