"""Point sources of a score image in a file, with all that the file knows of them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from astropy.table import Table
from numpy.typing import NDArray

from ..detection import detect, measure
from ..io import read_exposure
from ..io.point_sources import point_source_units, read_point_sources
from ..wcs_cards import equatorial
from .masks import FILTER_EDGE, plane_bits

__all__ = ["NEAR", "is_dipole", "mask_flags", "source_table"]

NEAR = 5
"""Pixels within which a saturated one counts, and one without a value."""

# Pixels within which a source of the other sign counts.
_DIPOLE = 8.0


def source_table(path: Path, threshold: float, positions: Table | None = None) -> Table:
    """Detect point sources, or measure them at given positions.

    Parameters
    ----------
    path : Path
        File of mode "score".
    threshold : float
        Least absolute significance of a detection.
    positions : Table, optional
        Where to measure, in columns ``x`` and ``y``: pixel coordinates counted from 0, origin
        included. Nothing is detected then.

    Returns
    -------
    Table
        Position in pixels and, if there is a WCS, on the sky; flux and error; significance; and
        flags: ``near_edge``, a part of the filter fell on gaps or beyond the frame, or a pixel
        without a value is within 5 pixels; ``saturated``, a pixel of the plane SAT is within 5
        pixels; ``dipole``, a detection of the other sign is within 8 pixels.

    Raises
    ------
    OSError, ValueError
        If the file is not what it should be, or positions have no such columns.
    """
    exposure = read_exposure(path)
    sources = read_point_sources(path)
    origin = np.array(exposure.getXY0(), dtype=np.float64)
    if positions is None:
        found = detect(sources, threshold)
    else:
        for name in ("x", "y"):
            if name not in positions.colnames:
                raise ValueError(f"positions must have columns x and y, got {positions.colnames}")
        found = measure(
            sources,
            np.asarray(positions["x"], np.float64) - origin[0],
            np.asarray(positions["y"], np.float64) - origin[1],
        )
    table = Table(found, meta={"file": str(path), "threshold": threshold})
    if positions is not None:
        del table.meta["threshold"]
    mask, own = exposure.mask.array, exposure.mask.getMaskPlaneDict()
    for name, flags in mask_flags(found, mask, own).items():
        table[name] = flags
    table["near_edge"] |= _is_near(found, ~np.isfinite(sources.flux), NEAR)
    table["near_edge"] |= ~np.isfinite(found["flux"])
    table["dipole"] = is_dipole(found)
    for n, name in enumerate(("x", "y")):
        table[name] += origin[n]
        table[name].unit = "pix"
    unit = point_source_units(exposure)["PSFFLUX"]
    table["flux"].unit = table["flux_error"].unit = unit
    if exposure.wcs is not None and exposure.wcs.has_celestial:
        sky = equatorial(exposure.wcs, np.asarray(table["x"]), np.asarray(table["y"]))
        for name, values, n in zip(("ra", "dec"), sky, (2, 3), strict=True):
            table.add_column(values, name=name, index=n)
            table[name].unit = "deg"
    return table


def mask_flags(
    found: NDArray[np.void], mask: NDArray[np.integer], own: Mapping[str, int]
) -> dict[str, NDArray[np.bool_]]:
    """Tell which sources masks make doubtful: those "near_edge", and those "saturated".

    Parameters
    ----------
    found : structured numpy.ndarray
        Sources, at pixels of the mask.
    mask : numpy.ndarray of int, [y, x]
        Bits of a whitened image.
    own : mapping of str to int
        Bit number of each of its planes.
    """
    reaches = {"near_edge": (FILTER_EDGE, 0), "saturated": ("SAT", NEAR)}
    return {
        flag: _is_near(found, (mask & plane_bits(own, [plane])) != 0, reach)
        for flag, (plane, reach) in reaches.items()
    }


def _is_near(found: NDArray[np.void], marked: NDArray[np.bool_], reach: int) -> NDArray[np.bool_]:
    """Whether a pixel within a square of so many pixels about each source is marked."""
    near = np.zeros(len(found), bool)
    for n, source in enumerate(found):
        if np.isfinite(source["flux"]):
            x, y = (int(np.floor(source[name] + 0.5)) for name in ("x", "y"))
            rows, columns = (slice(max(0, at - reach), at + reach + 1) for at in (y, x))
            near[n] = marked[rows, columns].any()
    return near


def is_dipole(found: NDArray[np.void]) -> NDArray[np.bool_]:
    """Whether a source of the other sign is near."""
    order = np.argsort(found["y"])
    y = found["y"][order]
    dipole = np.zeros(len(found), bool)
    for n, source in enumerate(found):
        near = order[
            np.searchsorted(y, source["y"] - _DIPOLE) : np.searchsorted(
                y, source["y"] + _DIPOLE, "right"
            )
        ]
        distance = np.hypot(found["x"][near] - source["x"], found["y"][near] - source["y"])
        other = found["flux"][near] * source["flux"] < 0
        dipole[n] = (other & (distance <= _DIPOLE)).any()
    return dipole
