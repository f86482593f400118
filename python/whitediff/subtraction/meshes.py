"""Parts of a frame that stand for all of it."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

__all__ = ["spread_meshes"]


def spread_meshes(shape: tuple[int, ...], side: int, number: int) -> list[tuple[slice, slice]]:
    """Divide a frame into meshes, and choose some of them.

    Parameters
    ----------
    shape : (int, int)
        Height and width of the frame.
    side : int
        About how many pixels a mesh is high and wide; all are nearly equal.
    number : int
        How many to choose at most, evenly spread.

    Returns
    -------
    list of (slice, slice)
        Rows and columns of each.
    """
    rows, columns = (
        np.linspace(0, size, max(1, round(size / side)) + 1).astype(int) for size in shape
    )
    meshes = [
        (slice(y0, y1), slice(x0, x1)) for y0, y1 in pairwise(rows) for x0, x1 in pairwise(columns)
    ]
    chosen = np.linspace(0, len(meshes) - 1, min(len(meshes), number)).round().astype(int)
    return [meshes[n] for n in chosen]
