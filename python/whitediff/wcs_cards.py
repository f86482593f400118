"""World coordinates as the header cards that they are read from."""

from __future__ import annotations

import warnings
from functools import cached_property
from typing import TYPE_CHECKING, Any

# Astropy's WCS takes longer to import than most images take to whiten.
if TYPE_CHECKING:
    from astropy.io import fits
    from astropy.wcs import WCS

__all__ = ["WcsCards", "equatorial", "made_wcs", "shift_reference"]


class WcsCards:
    """World coordinates that can be copied as they stand, and become a WCS when one is asked for.

    Parameters
    ----------
    header : astropy.io.fits.Header
        Cards of which `astropy.wcs.WCS` makes what they mean, with nothing to mend, and without
        tables in other HDUs; it is kept as it is.
    xy0 : (int, int)
        Parent coordinates (x, y) of pixel [0, 0] of the image of the header.
    """

    def __init__(self, header: fits.Header, xy0: tuple[int, int]) -> None:
        self.header = header
        self.xy0 = xy0

    @cached_property
    def wcs(self) -> WCS:
        """The WCS, in parent coordinates (counted from 0)."""
        from astropy.wcs import WCS, FITSFixedWarning

        header = self.header.copy()
        shift_reference(header, self.xy0)
        with warnings.catch_warnings():
            # Dates and observatories, which it mends, have no place in an image.
            warnings.simplefilter("ignore", FITSFixedWarning)
            return WCS(header, naxis=2)

    @property
    def is_made(self) -> bool:
        """Whether somebody has the WCS, who may have changed it."""
        return "wcs" in vars(self)


def made_wcs(wcs: WCS | WcsCards | None) -> Any:
    """Give a WCS, or None, as it is, and make it where there are its cards."""
    return wcs.wcs if isinstance(wcs, WcsCards) else wcs


def equatorial(wcs: WCS, x: Any, y: Any) -> tuple[Any, Any]:
    """Right ascension and declination of pixels, in degrees.

    Parameters
    ----------
    wcs : astropy.wcs.WCS
        With two celestial axes, in either order; of other systems than the equatorial ones
        positions are converted to ICRS.
    x, y : array_like, [n]
        Pixels, counted from 0.
    """
    if wcs.wcs.lngtyp.strip() == "RA":
        values = wcs.pixel_to_world_values(x, y)
        return values[wcs.wcs.lng], values[wcs.wcs.lat]
    sky = wcs.pixel_to_world(x, y).icrs
    return sky.ra.deg, sky.dec.deg


def shift_reference(header: fits.Header, offset: tuple[int, int]) -> None:
    """Move the reference point of a header's WCS by whole pixels (x, y)."""
    for n in (1, 2):
        if offset[n - 1]:
            header[f"CRPIX{n}"] = header.get(f"CRPIX{n}", 0.0) + offset[n - 1]
