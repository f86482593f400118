"""Kernels and functions that are put together from those of rectangular regions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..kernel import Kernel

__all__ = ["RegionFunction", "RegionKernel"]


class RegionKernel(Kernel):
    """Kernel that has a different form in each of several regions.

    At a position outside of all regions it is that of the nearest one.

    Parameters
    ----------
    kernels : sequence of Kernel
        One kernel a region, all of one shape and centre.
    boxes : array_like of int
        Regions [n, 4] as half-open (x0, y0, x1, y1), in pixels.

    Raises
    ------
    ValueError
        If there is not one box for each kernel, or the kernels differ in shape or centre.
    """

    def __init__(self, kernels: Sequence[Kernel], boxes: ArrayLike) -> None:
        self._boxes = _checked_boxes(boxes, len(kernels))
        self._kernels = tuple(kernels)
        frames = {(kernel.shape, kernel.center) for kernel in kernels}
        if len(frames) != 1:
            raise ValueError(f"the kernels must have one shape and centre, got {sorted(frames)}")
        shape, center = frames.pop()
        super().__init__(shape=shape, center=center)

    @property
    def kernels(self) -> tuple[Kernel, ...]:
        """Kernel of each region."""
        return self._kernels

    @property
    def boxes(self) -> NDArray[np.int64]:
        """Regions [n, 4] as half-open (x0, y0, x1, y1), in pixels."""
        return self._boxes

    def evaluate(self, x: ArrayLike, y: ArrayLike) -> NDArray[np.float64]:
        """Kernel images [position, v, u] at positions given as 1-D arrays x and y."""
        x, y = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
        images = np.empty((len(x), *self.shape))
        region = _nearest_region(self._boxes, x, y)
        for index in np.unique(region):
            here = region == index
            images[here] = self._kernels[index].evaluate(x[here], y[here])
        return images


class RegionFunction:
    """Function of position that has a different form in each of several regions.

    Parameters
    ----------
    functions : sequence of callable
        One function of (x, y) a region.
    boxes : array_like of int
        Regions [n, 4] as half-open (x0, y0, x1, y1), in pixels.

    Raises
    ------
    ValueError
        If there is not one box for each function.
    """

    def __init__(self, functions: Sequence[Callable[[Any, Any], Any]], boxes: ArrayLike) -> None:
        self._boxes = _checked_boxes(boxes, len(functions))
        self._functions = tuple(functions)

    def __call__(self, x: ArrayLike, y: ArrayLike) -> NDArray[np.float64]:
        """Values at positions x and y, which are broadcast against each other."""
        x, y = np.broadcast_arrays(x, y)
        region = _nearest_region(self._boxes, x, y)
        values = [function(x, y) for function in self._functions]
        return np.choose(region, values)


def _checked_boxes(boxes: ArrayLike, n_regions: int) -> NDArray[np.int64]:
    array = np.array(boxes, dtype=np.int64)
    if n_regions == 0 or array.shape != (n_regions, 4):
        raise ValueError(f"boxes must have shape {(n_regions, 4)}, got {array.shape}")
    array.flags.writeable = False
    return array


def _nearest_region(
    boxes: NDArray[np.int64], x: NDArray[np.float64], y: NDArray[np.float64]
) -> NDArray[np.int64]:
    """Index of the region that each position is in, or next to."""
    # Pixels are centred on whole numbers, so that a box ends half a pixel before its last number.
    x0, y0, x1, y1 = (edge.reshape(-1, *[1] * np.ndim(x)) - 0.5 for edge in boxes.T)
    dx = np.maximum(0, np.maximum(x0 - x, x - x1))
    dy = np.maximum(0, np.maximum(y0 - y, y - y1))
    return np.asarray(np.argmin(np.hypot(dx, dy), axis=0))
