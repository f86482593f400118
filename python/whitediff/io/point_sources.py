"""Planes of a score image that say what a point source at every pixel would be."""

from __future__ import annotations

import os

from ..exposure import Exposure
from ..whitening import PointSources
from .fits_file import native, open_fits
from .reading import ContentError, reading

__all__ = ["point_source_units", "read_point_sources"]

_SIGNIFICANCE, _FLUX, _FLUX_ERROR = "SIGNIFICANCE", "PSFFLUX", "PSFFLUXERR"


def point_source_units(exposure: Exposure) -> dict[str, str]:
    """Give the names of the planes in their order, with the units that they have."""
    unit = str(exposure.metadata.get("BUNIT", "")) or "adu"
    return {_SIGNIFICANCE: "", _FLUX: unit, _FLUX_ERROR: unit}


def read_point_sources(path: str | os.PathLike[str]) -> PointSources:
    """Read the planes of a file of mode "score".

    Parameters
    ----------
    path : path-like
        FITS file.

    Raises
    ------
    OSError
        If the file is missing, is no FITS file, or is truncated.
    ValueError
        If it has no such planes.
    """
    with open_fits(path) as hdus, reading(path):
        names = (_SIGNIFICANCE, _FLUX, _FLUX_ERROR)
        for name in names:
            if name not in hdus:
                raise ContentError(
                    f"{path} must be an image of mode score, got one without the plane {name}"
                )
        return PointSources(*(native(hdus[name].data) for name in names))
