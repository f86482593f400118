"""Which pixels the statistics leave out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray

__all__ = ["check_planes", "ignore_plane_option", "left_out"]

_DEFAULT_PLANES = (
    "BAD", "SAT", "INTRP", "CR", "EDGE", "DETECTED", "DETECTED_NEGATIVE", "NO_DATA",
)  # fmt: skip

ignore_plane_option = click.option(
    "--ignore-plane",
    "ignore_planes",
    multiple=True,
    metavar="NAME",
    help="Mask plane whose pixels all statistics leave out; may be given several times.  "
    f"[default: {', '.join(_DEFAULT_PLANES)}, where they exist]",
)


def check_planes(names: Sequence[str], exposures: Iterable[Any]) -> Sequence[str]:
    """Mask planes to leave out: those that were named, or the default ones.

    Raises
    ------
    ValueError
        If no exposure has a plane that was named.
    """
    known = sorted(set().union(*(e.mask.getMaskPlaneDict() for e in exposures)))
    for name in names:
        if name not in known:
            raise ValueError(f"unknown mask plane {name!r}, expected one of {', '.join(known)}")
    return names or _DEFAULT_PLANES


def left_out(exposure: Any, planes: Iterable[str]) -> NDArray[np.bool_]:
    """Pixels [y, x] with a bit of any of the planes that the exposure has."""
    mask = exposure.mask
    own = mask.getMaskPlaneDict()
    bits = mask.getPlaneBitMask([name for name in planes if name in own])
    return np.asarray((mask.array & bits) != 0)
