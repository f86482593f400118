"""Keywords of exposures: what places the pixels, and all the others.

The origin stands in LTV1 and LTV2 and in the linear WCS "A", as lsst.afw writes it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from astropy.io import fits

from ..wcs_cards import WcsCards
from .header_cards import sound_header
from .wcs_header import WCS_KEYWORD, has_wcs, read_wcs, wcs_header

if TYPE_CHECKING:
    from astropy.wcs import WCS

__all__ = ["Frame", "frame_header", "primary_header", "read_frame"]

_ORIGIN_KEYWORD = re.compile(
    r"LT[VM]\d(_\d)?|(WCSAXES|C(TYPE|RVAL|RPIX|DELT|UNIT)\d|(PC|CD)\d_\d)A"
)
# Keywords that describe an HDU or a file, not the exposure.
_FILE_KEYWORD = re.compile(
    r"EXTNAME|EXTVER|EXTTYPE|INHERIT|CHECKSUM|DATASUM|BLANK|AR_HDU|(PSF|(SKY)?WCS)_ID|ARCHIVE_ID_.*"
    # How Pan-STARRS compresses values, which are linear from here on.
    r"|BSOFTEN|BOFFSET"
)


@dataclass(frozen=True)
class Frame:
    """What headers tell of an exposure.

    Attributes
    ----------
    wcs : astropy.wcs.WCS, WcsCards or None
        In parent pixel coordinates, counted from 0.
    xy0 : (int, int) or None
        Pixel coordinates (x, y) of pixel [0, 0].
    metadata : astropy.io.fits.Header
        All other keywords.
    notes : list of str
        What was mended or left out, or is found elsewhere than in the header of the image.
    """

    wcs: WCS | WcsCards | None
    xy0: tuple[int, int] | None
    metadata: fits.Header
    notes: list[str]


def read_frame(hdus: fits.HDUList, image: Any, others: Sequence[Any] = ()) -> Frame:
    """Read the headers of the primary HDU and of the image, which may be the same one.

    Cards that cannot be read are mended or left out, as HISTORY says then.

    Parameters
    ----------
    hdus : HDUList
        Open file.
    image : HDU
        The image.
    others : sequence of HDU
        Those that may have the WCS where the image has none.
    """
    header, notes = sound_header(image.header)
    xy0, found = _origin(header)
    source = next((hdu for hdu in (image, *others) if has_wcs(hdu.header)), image)
    wcs, said = read_wcs(source.header, hdus, xy0 or (0, 0), image.shape[-2:])
    if source is not image and wcs is not None:
        said.insert(0, f"WCS of the HDU {source.name or 'of another plane'}")
    obsolete = [_FILE_KEYWORD]
    obsolete += [WCS_KEYWORD] if wcs is not None else []
    obsolete += [_ORIGIN_KEYWORD] if xy0 is not None else []
    metadata: fits.Header = header.copy(strip=True)
    if image is not hdus[0]:
        more_cards, more = sound_header(hdus[0].header)
        metadata.extend(more_cards.copy(strip=True), unique=True)
        notes += more
    metadata = _without(metadata, obsolete)
    for note in notes:
        metadata.add_history(note)
    return Frame(wcs, xy0, metadata, [*notes, *found, *said])


def frame_header(wcs: WCS | WcsCards | None, xy0: tuple[int, int]) -> fits.Header:
    """Keywords that place the pixels: WCS and origin."""
    header = fits.Header() if wcs is None else wcs_header(wcs, xy0)
    for n, (origin, axis) in enumerate(zip(xy0, ("column", "row"), strict=True), start=1):
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


def _origin(header: fits.Header) -> tuple[tuple[int, int] | None, list[str]]:
    """Origin as the linear WCS "A" has it, or LTV of IRAF; and what cannot be made of these."""
    if header.get("CTYPE1A") == header.get("CTYPE2A") == "LINEAR":
        x0, y0 = (header[f"CRVAL{n}A"] + 1 - header[f"CRPIX{n}A"] for n in (1, 2))
        scales = [header.get(f"CD{n}_{n}A", header.get(f"CDELT{n}A", 1.0)) for n in (1, 2)]
        if scales == [1, 1] and (x0, y0) == (round(x0), round(y0)):
            return (round(x0), round(y0)), []
        said = f"pixels are counted from 0: the linear WCS A has scales {scales}"
        return (0, 0), [f"{said} and the origin ({x0:g}, {y0:g}), no whole pixels"]
    shifts = [header.get(f"LTV{n}", 0.0) for n in (1, 2)]
    steps = [header.get(f"LTM{n}_{n}", 1.0) for n in (1, 2)]
    if shifts == [0, 0] and steps == [1, 1]:
        return None, []
    if steps == [1, 1] and all(
        isinstance(shift, int | float) and shift == round(shift) for shift in shifts
    ):
        x0, y0 = (-round(shift) for shift in shifts)
        return (x0, y0), [f"pixels are counted from ({x0}, {y0}), as LTV says"]
    return None, [f"pixels are counted from 0: LTV {shifts}, LTM {steps} are no whole pixels"]
