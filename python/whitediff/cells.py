"""The cells of a frame: given by the caller, and as they were used."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from .arrays import one_of

Boxes = npt.NDArray[np.int32]
Reduction = Literal["crossfade", "average", "copy"]


class Grid:
    """Cells chosen by the caller.

    Parameters
    ----------
    boxes : array_like of int, [n, 4]
        The pixels that every cell gives to the result: ``x0, y0, x1, y1``, half open, counted from
        the corner of the array. Pixels in no box come out as NaN.
    expanded : array_like of int, [n, 4], optional
        The pixels that every cell reads; by default its box and the border that the filter needs.
    reduction : {"crossfade", "average", "copy"}, optional
        What becomes of pixels of several cells: a mean weighted with the distance to the edges,
        a plain mean, or the last cell's pixel.

    Raises
    ------
    ValueError
        If the arrays have no such shape or the reduction is unknown.
    """

    def __init__(
        self,
        boxes: npt.ArrayLike,
        *,
        expanded: npt.ArrayLike | None = None,
        reduction: Reduction = "crossfade",
    ) -> None:
        self.boxes = _as_boxes(boxes, "boxes")
        self.expanded = None if expanded is None else _as_boxes(expanded, "expanded")
        if self.expanded is not None and len(self.expanded) != len(self.boxes):
            raise ValueError(
                f"expanded must have one box for each of {len(self.boxes)}, "
                f"got {len(self.expanded)}"
            )
        self.reduction = one_of(reduction, ("crossfade", "average", "copy"), "reduction")

    def __repr__(self) -> str:
        return f"Grid({len(self.boxes)} boxes, reduction={self.reduction!r})"


@dataclass(frozen=True, repr=False)
class Cells:
    """The cells with which a result was made.

    Attributes
    ----------
    boxes : numpy.ndarray of int32, [n, 4]
        What every cell gave: ``x0, y0, x1, y1``, half open, in array pixels.
    expanded : numpy.ndarray of int32, [n, 4]
        What every cell read.
    centers : numpy.ndarray of float64, [m, 2]
        Positions (x, y) in pixel coordinates (``xy0`` included) at which filters were made: one a
        cell, or one in all if the filter does not vary.
    variances : numpy.ndarray of float64, [m, n_sources]
        Clipped mean variance of every noise source there: of some 4 000 pixels of the cell, in
        evenly spaced rows, or of the whole plane if the filter does not vary.
    """

    boxes: Boxes
    expanded: Boxes
    centers: npt.NDArray[np.float64]
    variances: npt.NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.boxes)

    def __repr__(self) -> str:
        return f"Cells({len(self)} cells, {len(self.centers)} filters)"


def _as_boxes(value: npt.ArrayLike, name: str) -> Boxes:
    array = np.asarray(value)
    if array.ndim != 2 or array.shape[1] != 4 or len(array) == 0:
        raise ValueError(f"{name} must have shape (n, 4), n >= 1, got {array.shape}")
    if array.dtype.kind not in "iu":
        raise ValueError(f"{name} must hold integers, got dtype {array.dtype}")
    limits = np.iinfo(np.int32)
    if array.min() < limits.min or array.max() > limits.max:
        raise ValueError(f"{name} must fit into 32 bits, got up to {np.abs(array).max()}")
    return np.ascontiguousarray(array, dtype=np.int32)
