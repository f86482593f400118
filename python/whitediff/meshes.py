"""Parts of a frame that stand for all of it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["in_one_row", "sky_meshes", "spread_meshes"]

# A million pixels tell the variance to 0.14 %, and what fills a thousandth of them.
_SKY_SIDE = 128
_SKY_MESHES = 64


def sky_meshes(shape: tuple[int, ...]) -> list[tuple[slice, slice]]:
    """Choose the meshes in which the sky is measured, and fill values are sought."""
    return spread_meshes(shape, _SKY_SIDE, _SKY_MESHES)


def in_one_row(parts: Iterable[NDArray[Any]]) -> NDArray[Any]:
    """Give the pixels of meshes as an image of one row."""
    return np.concatenate([part.ravel() for part in parts])[np.newaxis]


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
    across = len(columns) - 1
    meshes = (len(rows) - 1) * across
    chosen = np.linspace(0, meshes - 1, min(meshes, number)).round().astype(int)
    return [
        (slice(rows[j], rows[j + 1]), slice(columns[i], columns[i + 1]))
        for j, i in zip(*np.divmod(chosen, across), strict=True)
    ]
