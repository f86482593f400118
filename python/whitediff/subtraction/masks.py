"""Which pixels the statistics leave out, which have no value, and which the result marks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress

import numpy as np
from numpy.typing import NDArray

from ..exposure import IGNORED_MASK_PLANES, Exposure, Mask, own_names
from ..io.exposure_rows import ExposureRows
from ..io.rows import Rows

__all__ = [
    "FILTER_EDGE",
    "check_planes",
    "has_bits",
    "left_out",
    "left_out_rows",
    "plane_bits",
    "with_filter_edge",
]

FILTER_EDGE = "FILTER_EDGE"
"""Mask plane of results: filters that fell on gaps or beyond the frame."""


def check_planes(
    names: Sequence[str],
    known: Iterable[Iterable[str]],
    default: Sequence[str] = (*IGNORED_MASK_PLANES, FILTER_EDGE),
) -> Sequence[str]:
    """Mask planes: those that were named, or the default ones.

    Parameters
    ----------
    names : sequence of str
        The planes that were named.
    known : iterable of iterable of str
        The planes of each exposure.
    default : sequence of str, optional
        Those to leave out of statistics, if not given.

    Raises
    ------
    ValueError
        If no exposure has a plane that was named.
    """
    expected = sorted(set().union(*known))
    for name in names:
        if not own_names([name], expected):
            raise ValueError(f"unknown mask plane {name!r}, expected one of {', '.join(expected)}")
    return names or default


def left_out(exposure: Exposure, planes: Iterable[str]) -> NDArray[np.bool_]:
    """Pixels [y, x] with a bit of any of the planes that the exposure has."""
    bits = plane_bits(exposure.mask.getMaskPlaneDict(), planes)
    return np.asarray((exposure.mask.array & bits) != 0)


def left_out_rows(exposure: ExposureRows, planes: Iterable[str]) -> Rows | None:
    """Tell the same of an exposure on the disk; None if it has no mask."""
    if exposure.mask is None:
        return None
    bits = plane_bits(exposure.mask_planes, planes)
    return exposure.mask.map(np.bool_, lambda mask: has_bits(mask, bits))


def has_bits(rows: NDArray[np.integer], bits: int) -> NDArray[np.bool_]:
    """Tell which pixels of rows of a mask, which may be changed, have any of some bits."""
    # New memory takes longer than the test itself.
    rows &= bits
    return np.asarray(rows != 0)


def plane_bits(own: Mapping[str, int], planes: Iterable[str]) -> int:
    """Give the bits of those planes that a mask has."""
    return sum(1 << own[name] for name in own_names(planes, own))


def with_filter_edge(own: Mapping[str, int]) -> dict[str, int]:
    """Give the planes of a mask with FILTER_EDGE among them, if there is a bit left for it."""
    mask = Mask(np.zeros((1, 1), np.int32), planes=own)
    with suppress(ValueError):
        mask.addMaskPlane(FILTER_EDGE)
    return mask.getMaskPlaneDict()
