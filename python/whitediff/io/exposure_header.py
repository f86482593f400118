"""Keywords of exposures: what places the pixels, and all the others.

The origin stands in LTV1 and LTV2 and in the linear WCS "A", as lsst.afw writes it.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from astropy.io import fits
from astropy.wcs import WCS

from .header_cards import sound_header

__all__ = ["Frame", "frame_header", "primary_header", "read_frame"]

_WCS_KEYWORD = re.compile(
    r"(WCSAXES|WCSNAME|C(TYPE|RVAL|RPIX|DELT|UNIT|ROTA)\d|(CD|PC)\d_\d|P[VS]\d_\d+"
    r"|L(ONPOLE|ATPOLE)|RADE(C)?SYS|EQUINOX|[AB]P?_(ORDER|DMAX|\d_\d))"
)
_WCS_NUMBER = re.compile(
    r"WCSAXES|C(RVAL|RPIX|DELT|ROTA)\d|(CD|PC)\d_\d|PV\d_\d+|L(ONPOLE|ATPOLE)|EQUINOX"
    r"|[AB]P?_(ORDER|\d_\d)"
)
_ORIGIN_KEYWORD = re.compile(r"LT[VM]\d(_\d)?|(WCSAXES|C(TYPE|RVAL|RPIX|DELT|UNIT)\d)A")
# Keywords that describe an HDU or a file, not the exposure.
_FILE_KEYWORD = re.compile(
    r"EXTNAME|EXTVER|EXTTYPE|INHERIT|CHECKSUM|DATASUM|BLANK|AR_HDU|(PSF|(SKY)?WCS)_ID|ARCHIVE_ID_.*"
)


@dataclass(frozen=True)
class Frame:
    """What headers tell of an exposure.

    Attributes
    ----------
    wcs : astropy.wcs.WCS or None
        In parent pixel coordinates, counted from 0.
    xy0 : (int, int) or None
        Pixel coordinates (x, y) of pixel [0, 0].
    metadata : astropy.io.fits.Header
        All other keywords.
    notes : list of str
        What was mended or left out.
    """

    wcs: WCS | None
    xy0: tuple[int, int] | None
    metadata: fits.Header
    notes: list[str]


def read_frame(primary: Any, image: Any) -> Frame:
    """Read the headers of the primary HDU and of the image, which may be the same one.

    Cards that cannot be read are mended or left out, as HISTORY says then.
    """
    header, notes = sound_header(image.header)
    xy0 = _origin(header)
    # A number of the WCS that is none, or was left out, would be taken for its default.
    lost = set(image.header) - set(header)
    lost |= {card.keyword for card in header.cards if isinstance(card.value, str)}
    is_whole = not any(map(_WCS_NUMBER.fullmatch, lost))
    wcs = _read_wcs(header, xy0 or (0, 0)) if is_whole else None
    obsolete = [_FILE_KEYWORD]
    obsolete += [_WCS_KEYWORD] if wcs is not None else []
    obsolete += [_ORIGIN_KEYWORD] if xy0 is not None else []
    metadata: fits.Header = header.copy(strip=True)
    if image is not primary:
        others, more = sound_header(primary.header)
        metadata.extend(others.copy(strip=True), unique=True)
        notes += more
    metadata = _without(metadata, obsolete)
    for note in notes:
        metadata.add_history(note)
    return Frame(wcs, xy0, metadata, notes)


def frame_header(wcs: WCS | None, xy0: tuple[int, int]) -> fits.Header:
    """Keywords that place the pixels: WCS and origin."""
    header = fits.Header()
    x0, y0 = xy0
    if wcs is not None:
        wcs_header = wcs.to_header(relax=True)
        header = fits.Header([c for c in wcs_header.cards if _WCS_KEYWORD.fullmatch(c.keyword)])
        _shift_reference(header, (-x0, -y0))
    for n, (origin, axis) in enumerate(((x0, "column"), (y0, "row")), start=1):
        header[f"LTV{n}"] = -origin
        header[f"CTYPE{n}A"] = "LINEAR"
        header[f"CRPIX{n}A"] = 1
        header[f"CRVAL{n}A"] = (origin, f"{axis} of the first pixel in the parent image")
        header[f"CUNIT{n}A"] = "pixel"
    return header


def primary_header(metadata: fits.Header) -> fits.Header:
    """Keywords of the exposure as a whole."""
    return _without(metadata, [_FILE_KEYWORD])


def _without(header: fits.Header, patterns: Iterable[re.Pattern[str]]) -> fits.Header:
    cards = [
        card
        for card in header.cards
        if not any(pattern.fullmatch(card.keyword) for pattern in patterns)
    ]
    return fits.Header(cards)


def _origin(header: fits.Header) -> tuple[int, int] | None:
    if not header.get("CTYPE1A") == header.get("CTYPE2A") == "LINEAR":
        return None
    x0, y0 = (header[f"CRVAL{n}A"] + 1 - header[f"CRPIX{n}A"] for n in (1, 2))
    return round(x0), round(y0)


def _read_wcs(header: fits.Header, xy0: tuple[int, int]) -> WCS | None:
    """WCS in parent coordinates, or None where there is none that can be used."""
    header = header.copy()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        # wcslib has many ways to fail, and an image is of use without its WCS: the keywords stay
        # in the metadata.
        with suppress(Exception):
            _shift_reference(header, xy0)
            wcs = WCS(header, naxis=2)
            return wcs if wcs.has_celestial else None
    return None


def _shift_reference(header: fits.Header, offset: tuple[int, int]) -> None:
    for n in (1, 2):
        if offset[n - 1]:
            header[f"CRPIX{n}"] = header.get(f"CRPIX{n}", 0.0) + offset[n - 1]
