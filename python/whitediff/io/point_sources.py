"""Planes of a score image that say what a point source at every pixel would be."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from ..exposure import Exposure
from ..whitening import PointSources
from .file_names import bare
from .fits_file import open_fits
from .reading import ContentError, reading
from .rows import Rows, rows_of_hdu

__all__ = ["open_point_sources", "point_source_units", "read_point_sources"]

_SIGNIFICANCE, _FLUX, _FLUX_ERROR = "SIGNIFICANCE", "PSFFLUX", "PSFFLUXERR"


def point_source_units(exposure: Exposure) -> dict[str, str]:
    """Give the names of the planes in their order, with the units that they have."""
    unit = str(exposure.metadata.get("BUNIT", "")) or "adu"
    return {_SIGNIFICANCE: "", _FLUX: unit, _FLUX_ERROR: unit}


@contextmanager
def open_point_sources(path: str | os.PathLike[str]) -> Iterator[list[Rows]]:
    """Open the planes of a file of mode "score": significance, flux, and its error.

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
    with open_fits(bare(path)) as hdus:
        with reading(path):
            names = (_SIGNIFICANCE, _FLUX, _FLUX_ERROR)
            for name in names:
                if name not in hdus:
                    raise ContentError(
                        f"{path} must be an image of mode score, got one without the plane {name}"
                    )
            rows = [rows_of_hdu(hdus[name]) for name in names]
        yield rows


def read_point_sources(path: str | os.PathLike[str]) -> PointSources:
    """Read them as a whole.

    Raises
    ------
    OSError, ValueError
        As `open_point_sources`.
    """
    with open_point_sources(path) as planes, reading(path):
        return PointSources(*(plane[:] for plane in planes))
