"""Kernels and PSFs of lsst-images."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..kernel import Kernel, KernelImages, Positions
from .pixels import pixels_of

__all__ = ["LsstImagesKernel"]


class LsstImagesKernel(Kernel):
    """What an object gives with ``compute_kernel_image(x=, y=)``, as it gives it.

    Parameters
    ----------
    kernel : object
        A kernel or a PSF of lsst-images.
    center : tuple [int, int], optional
        Pixel (cy, cx) that stands for no shift; default ((h - 1) // 2, (w - 1) // 2).
    """

    def __init__(self, kernel: Any, *, center: tuple[int, int] | None = None) -> None:
        super().__init__(shape=kernel.kernel_bbox.shape, center=center)
        self._kernel = kernel

    def evaluate(self, x: Positions, y: Positions) -> KernelImages:
        """Give the images [n, v, u] at positions."""
        images = (
            self._kernel.compute_kernel_image(x=float(u), y=float(v))
            for u, v in zip(x, y, strict=True)
        )
        return np.stack([pixels_of(image) for image in images])
