"""Which pixels the statistics leave out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from ..exposure import IGNORED_MASK_PLANES, Exposure
from ..io.exposure_rows import ExposureRows
from ..io.rows import Rows

__all__ = ["check_planes", "left_out", "left_out_rows"]


def check_planes(names: Sequence[str], known: Iterable[Iterable[str]]) -> Sequence[str]:
    """Mask planes to leave out: those that were named, or the default ones.

    Parameters
    ----------
    names : sequence of str
        The planes that were named.
    known : iterable of iterable of str
        The planes of each exposure.

    Raises
    ------
    ValueError
        If no exposure has a plane that was named.
    """
    expected = sorted(set().union(*known))
    for name in names:
        if name not in expected:
            raise ValueError(f"unknown mask plane {name!r}, expected one of {', '.join(expected)}")
    return names or IGNORED_MASK_PLANES


def left_out(exposure: Exposure, planes: Iterable[str]) -> NDArray[np.bool_]:
    """Pixels [y, x] with a bit of any of the planes that the exposure has."""
    mask = exposure.mask
    own = mask.getMaskPlaneDict()
    bits = mask.getPlaneBitMask([name for name in planes if name in own])
    return np.asarray((mask.array & bits) != 0)


def left_out_rows(exposure: ExposureRows, planes: Iterable[str]) -> Rows | None:
    """Tell the same of an exposure on the disk; None if it has no mask."""
    if exposure.mask is None:
        return None
    own = exposure.mask_planes
    bits = sum(1 << own[name] for name in planes if name in own)
    return exposure.mask.map(np.bool_, lambda mask: (mask & bits) != 0)
