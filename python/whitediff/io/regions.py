"""Kernels and functions that are put together from those of rectangular regions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..cells import Grid
from ..kernel import Kernel, fixed_kernel
from .matching_kernel import MatchingKernel

__all__ = ["RegionFunction", "RegionKernel", "joined"]

_Function = Callable[[Any, Any], Any]

# Sides of cells, in pixels: over so many, filters of the kernels of subtractions change by less
# than counts.
_CELL_SIDE = 96
# Regions that overlap, or leave a gap, of fewer pixels meet there.
_NARROW = 8


class RegionKernel(Kernel):
    """Kernel that has a different form in each of several regions.

    At a position outside of all regions it is that of the nearest one; where regions overlap, of
    the last one.

    Parameters
    ----------
    kernels : sequence of Kernel
        One kernel a region, all of one shape and centre.
    boxes : array_like of int
        Regions [n, 4] as half-open (x0, y0, x1, y1), in pixels.
    factors : sequence of float, optional
        By which the kernels are multiplied.

    Raises
    ------
    ValueError
        If there is not one box for each kernel, or the kernels differ in shape or centre.
    """

    def __init__(
        self,
        kernels: Sequence[Kernel],
        boxes: ArrayLike,
        factors: Sequence[float] | None = None,
    ) -> None:
        self._boxes = _checked_boxes(boxes, len(kernels))
        self._kernels = tuple(kernels)
        self._factors = tuple([1.0] * len(kernels) if factors is None else factors)
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

    @property
    def factors(self) -> Sequence[float]:
        """What the kernel of each region is multiplied by."""
        return self._factors

    def evaluate(self, x: ArrayLike, y: ArrayLike) -> NDArray[np.float64]:
        """Kernel images [position, v, u] at positions given as 1-D arrays x and y."""
        x, y = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
        images = np.empty((len(x), *self.shape))
        region = _nearest_region(self._boxes, x, y)
        for index in np.unique(region):
            here = region == index
            images[here] = self._kernels[index].evaluate(x[here], y[here])
            images[here] *= self._factors[index]
        return images

    def grid(self, shape: tuple[int, ...]) -> Grid:
        """Divide a frame into cells that end where regions end.

        Parameters
        ----------
        shape : (int, int)
            Height and width of the frame, whose first pixel is at (0, 0).
        """
        rows, columns = (
            _cuts(self._boxes[:, axis::2], size) for axis, size in ((1, shape[0]), (0, shape[1]))
        )
        return Grid([(x0, y0, x1, y1) for y0, y1 in rows for x0, x1 in columns])


class RegionFunction:
    """Function of position that has a different form in each of several regions.

    Parameters
    ----------
    functions : sequence of callable
        One function of (x, y) a region.
    boxes : array_like of int
        Regions [n, 4] as half-open (x0, y0, x1, y1), in pixels.
    factors : sequence of float, optional
        By which the functions are multiplied.

    Raises
    ------
    ValueError
        If there is not one box for each function.
    """

    def __init__(
        self,
        functions: Sequence[_Function],
        boxes: ArrayLike,
        factors: Sequence[float] | None = None,
    ) -> None:
        self.boxes = _checked_boxes(boxes, len(functions))
        self.functions = tuple(functions)
        self.factors = tuple([1.0] * len(functions) if factors is None else factors)

    def __call__(self, x: ArrayLike, y: ArrayLike) -> NDArray[np.float64]:
        """Values at positions x and y, which are broadcast against each other."""
        x, y = np.broadcast_arrays(x, y)
        region = _nearest_region(self.boxes, x, y)
        values = [
            factor * function(x, y)
            for function, factor in zip(self.functions, self.factors, strict=True)
        ]
        return np.choose(region, values)


def joined(parts: Sequence[MatchingKernel], boxes: ArrayLike) -> MatchingKernel:
    """Join the matching kernels of regions to one.

    Parameters
    ----------
    parts : sequence of MatchingKernel
        One a region, with direction and background.
    boxes : array_like of int
        Regions [n, 4] as half-open (x0, y0, x1, y1), in pixels.

    Returns
    -------
    MatchingKernel
        Of the form ``J*S - K*T - background`` if regions differ in scale or direction.
    """
    first = parts[0]
    if {(part.convolved, part.scale) for part in parts} == {(first.convolved, first.scale)}:
        kernel = RegionKernel([part.kernel for part in parts], boxes)
        background = RegionFunction([_of(part) for part in parts], boxes)
        return replace(first, kernel=kernel, background=background)
    scales = [1.0 if part.scale is None else part.scale for part in parts]
    science, template = (
        RegionKernel(
            [part.kernel if part.convolved == side else _nothing(part.kernel) for part in parts],
            boxes,
            scales,
        )
        for side in ("science", "template")
    )
    # It is subtracted from the image that was not convolved.
    signed = [
        scale if part.convolved == "template" else -scale
        for scale, part in zip(scales, parts, strict=True)
    ]
    background = RegionFunction([_of(part) for part in parts], boxes, signed)
    return MatchingKernel(template, "both", 1.0, background, first.origin, science)


def _of(part: MatchingKernel) -> _Function:
    if part.background is None:
        raise ValueError("the parts of a matching kernel must have a background, got none")
    return part.background


def _nothing(kernel: Kernel) -> Kernel:
    """Give a kernel that changes nothing, of the same shape."""
    image = np.zeros(kernel.shape)
    image[kernel.center] = 1.0
    return fixed_kernel(image, center=kernel.center)


def _checked_boxes(boxes: ArrayLike, n_regions: int) -> NDArray[np.int64]:
    array = np.array(boxes, dtype=np.int64)
    if n_regions == 0 or array.shape != (n_regions, 4):
        raise ValueError(f"boxes must have shape {(n_regions, 4)}, got {array.shape}")
    array.flags.writeable = False
    return array


def _cuts(ends: NDArray[np.int64], size: int) -> list[tuple[int, int]]:
    """Cut an axis where regions begin and end, and what lies between into cells."""
    edges = [0, size]
    for edge in ends.T.ravel().tolist():
        if all(abs(edge - other) >= _NARROW for other in edges):
            edges.append(edge)
    cuts: list[tuple[int, int]] = []
    for begin, end in pairwise(sorted(edges)):
        parts = -(-(end - begin) // _CELL_SIDE)
        cuts += pairwise(np.linspace(begin, end, parts + 1).round().astype(int).tolist())
    return cuts


def _nearest_region(
    boxes: NDArray[np.int64], x: NDArray[np.float64], y: NDArray[np.float64]
) -> NDArray[np.int64]:
    """Index of the region that each position is in, or next to."""
    # Pixels are centred on whole numbers, so that a box ends half a pixel before its last number.
    x0, y0, x1, y1 = (edge.reshape(-1, *[1] * np.ndim(x)) - 0.5 for edge in boxes.T)
    dx = np.maximum(0, np.maximum(x0 - x, x - x1))
    dy = np.maximum(0, np.maximum(y0 - y, y - y1))
    distances = np.hypot(dx, dy)
    return np.asarray(len(boxes) - 1 - np.argmin(distances[::-1], axis=0))
