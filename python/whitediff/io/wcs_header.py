"""World coordinates: read with what distorts them, written, and checked to be the same."""

from __future__ import annotations

import copy
import logging
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

from ..wcs_cards import WcsCards, made_wcs, shift_reference
from .header_cards import sound_header
from .plain_wcs import is_plain

if TYPE_CHECKING:
    from astropy.wcs import WCS

__all__ = ["WCS_KEYWORD", "has_wcs", "lookup_hdus", "read_wcs", "wcs_header"]

# Those of two axes: what a header says of others is none of an image's.
WCS_KEYWORD = re.compile(
    r"(WCSAXES|WCSNAME|C(TYPE|RVAL|RPIX|DELT|UNIT|ROTA)[12]|(CD|PC)[12]_[12]|P[VS][12]_\d+"
    r"|L(ONPOLE|ATPOLE)|RADE(C)?SYS|EQUINOX|[AB]P?_(ORDER|DMAX|\d_\d)"
    r"|(CP|D2IM)(DIS|ERR)\d|(DP|D2IM)\d(\..*)?|D2IMEXT|AXISCORR)"
)
_WCS_NUMBER = re.compile(
    r"WCSAXES|C(RVAL|RPIX|DELT|ROTA)\d|(CD|PC)\d_\d|PV\d_\d+|L(ONPOLE|ATPOLE)|EQUINOX"
    r"|[AB]P?_(ORDER|\d_\d)"
)
_TABLES = ("cpdis1", "cpdis2", "det2im1", "det2im2")
# Dates and observatories have no place in an image; of all other repairs the user hears.
_USUAL = ("datfix", "obsfix", "RADECSYS", "EPOCH", "more axes")
# Pixels within which a copy must be the same.
_TOLERANCE = 1e-3
_MAX_TOLD = 120


def has_wcs(header: fits.Header) -> bool:
    """Whether a header has the axes of a map of the sky, of whatever use they may be."""
    return re.match(r"(RA|DEC|.LON|.LAT)-", str(header.get("CTYPE1", ""))) is not None


def read_wcs(
    header: fits.Header, hdus: fits.HDUList, xy0: tuple[int, int], shape: tuple[int, int]
) -> tuple[WCS | WcsCards | None, list[str]]:
    """Read the WCS of an image.

    Parameters
    ----------
    header : Header
        The header that has it.
    hdus : HDUList
        Its file, for tables of distortions.
    xy0 : (int, int)
        Parent coordinates (x, y) of pixel [0, 0].
    shape : (int, int)
        Height and width of the image.

    Returns
    -------
    wcs : WCS, WcsCards or None
        In parent coordinates; None where there is none that can be used and copied.
    notices : list of str
        What was mended, and what cannot be used or copied.
    """
    if not has_wcs(header):
        return None, []
    sound, _ = sound_header(header)
    # A number of the WCS that is none, or was left out, would be taken for its default.
    lost = set(header) - set(sound)
    lost |= {card.keyword for card in sound.cards if isinstance(card.value, str)}
    if any(map(_WCS_NUMBER.fullmatch, lost)):
        return None, ["WCS cannot be used, and its keywords are kept: some have no number"]
    if is_plain(sound):
        return WcsCards(sound.copy(), xy0), []
    from astropy.wcs import WCS
    from astropy.wcs.utils import proj_plane_pixel_scales

    shift_reference(sound, xy0)
    with _quiet() as said:
        # wcslib has many ways to fail, and an image is of use without its WCS.
        try:
            wcs = WCS(sound, fobj=hdus, naxis=2)
            _shift_tables(wcs, xy0)
            here = _sky(wcs, xy0, shape)
        except Exception as error:
            # What stands before are places in the source of wcslib.
            told = (str(error).strip().splitlines() or [type(error).__name__])[-1][:_MAX_TOLD]
            return None, [f"WCS cannot be used, and its keywords are kept: {told}"]
    with _quiet():
        tables = fits.HDUList([fits.PrimaryHDU(), *lookup_hdus(wcs, (0, 0))])
        try:
            there = _sky(WCS(wcs_header(wcs, (0, 0)), fobj=tables, naxis=2), xy0, shape)
        except Exception:
            there = np.full_like(here, np.nan)
        is_copied = np.abs(there - here).max() < _TOLERANCE * min(proj_plane_pixel_scales(wcs))
    if not is_copied:
        return None, ["WCS cannot be copied exactly, and is not: its keywords are kept"]
    return wcs, [f"WCS was mended: {'; '.join(said)}"] if said else []


def wcs_header(wcs: WCS | WcsCards, xy0: tuple[int, int]) -> fits.Header:
    """Keywords of the WCS of an image whose pixel [0, 0] has the parent coordinates `xy0`."""
    if isinstance(wcs, WcsCards) and not wcs.is_made:
        complete, origin = wcs.header, wcs.xy0
    else:
        made, origin = made_wcs(wcs), (0, 0)
        with _quiet():
            complete = made.to_fits(relax=True)[0].header
    cards = [card for card in complete.cards if WCS_KEYWORD.fullmatch(card.keyword)]
    header = fits.Header(cards, copy=True)
    shift_reference(header, (origin[0] - xy0[0], origin[1] - xy0[1]))
    return header


def lookup_hdus(wcs: WCS | WcsCards | None, xy0: tuple[int, int]) -> list[Any]:
    """HDUs of the tables that distort a WCS: D2IMARR and WCSDVARR."""
    if wcs is None or (isinstance(wcs, WcsCards) and not wcs.is_made):
        return []
    made = made_wcs(wcs)
    if all(getattr(made, name) is None for name in _TABLES):
        return []
    made = copy.deepcopy(made)
    _shift_tables(made, (-xy0[0], -xy0[1]))
    with _quiet():
        return list(made.to_fits(relax=True)[1:])


def _sky(wcs: WCS, xy0: tuple[int, int], shape: tuple[int, int]) -> NDArray[np.float64]:
    """Celestial coordinates [axis, place] of nine pixels, in degrees."""
    x, y = (
        origin + np.linspace(0, side - 1, 3) for origin, side in zip(xy0, shape[::-1], strict=True)
    )
    x, y = (grid.ravel() for grid in np.meshgrid(x, y))
    sky: NDArray[np.float64] = np.array(wcs.all_pix2world(x, y, 0))
    # The edge of a map may have no sky.
    return np.nan_to_num(sky)


def _shift_tables(wcs: WCS, offset: tuple[int, int]) -> None:
    """Move tables of distortions, whose coordinates are pixels."""
    for name in _TABLES:
        table = getattr(wcs, name)
        if table is not None and any(offset):
            table.crval = tuple(np.array(table.crval) + offset)


@contextmanager
def _quiet() -> Iterator[list[str]]:
    """Keep from the screen what astropy says, and give what is worth telling, once it is said."""
    from astropy.wcs import FITSFixedWarning

    said: list[str] = []

    def hear(record: logging.LogRecord) -> bool:
        said.append(" ".join(record.getMessage().split()).split(". ")[0])
        return False

    log = logging.getLogger("astropy")
    level = log.level
    log.setLevel(min(level, logging.INFO))
    log.addFilter(hear)
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            yield said
    finally:
        log.removeFilter(hear)
        log.setLevel(level)
    messages = {str(w.message) for w in caught if issubclass(w.category, FITSFixedWarning)}
    said += sorted(text for text in messages if not any(usual in text for usual in _USUAL))
