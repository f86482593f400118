"""World coordinates about which nothing is doubtful: they may be copied card by card."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

from astropy.io import fits

__all__ = ["is_plain"]

# About the axes, and how they are projected: what is not among it is looked at by wcslib.
_KNOWN = re.compile(
    r"WCSAXES|WCSNAME|C(TYPE|RVAL|RPIX|DELT|UNIT)[12]|(CD|PC)[12]_[12]|LONPOLE|LATPOLE"
    r"|RADESYS|EQUINOX|PV[12]_[1-3]?\d|[AB]P?_(ORDER|DMAX|\d_\d)"
)
# Other forms of the same, further axes, and tables.
_OTHER = re.compile(
    r"C(TYPE|RVAL|RPIX|DELT|UNIT)\d|CROTA\d|(CD|PC)(\d_\d|\d{6})|P[VS]\d+_\d+|PROJP\d+"
    r"|RADECSYS|EPOCH|(CP|D2IM)(DIS|ERR)\d|(DP|D2IM|DQ|CQDIS)\d.*|D2IMEXT|AXISCORR|WAT\d_\d+"
)
# Those of both axes, in either order.
_CTYPES = re.compile(r"(RA--|DEC-)-((?:TAN|SIN|STG|ARC|ZEA)(?:-SIP)?|TPV) (?!\1)(?:RA--|DEC-)-\2")
_POWER = re.compile(r"([AB]P?)_(\d)_(\d)")


def is_plain(header: fits.Header) -> bool:
    """Whether a header's WCS means what its cards say, with nothing to mend or to look up.

    These are right ascension and declination in degrees, in a zenithal projection, with the
    distortions of SIP or TPV. For all such cards `astropy.wcs.WCS` is the same as for a copy of
    them.

    Parameters
    ----------
    header : Header
        With sound cards.
    """
    values: dict[str, Any] = {}
    for keyword, value in header.items():
        if _KNOWN.fullmatch(keyword):
            # Of a keyword that is there twice one reader takes the first, another the last.
            if keyword in values:
                return False
            values[keyword] = value
        elif _OTHER.fullmatch(keyword):
            return False
    return (
        header.get("NAXIS", 2) in (0, 2)
        and values.get("WCSAXES", 2) == 2
        and all(values.get(f"CUNIT{n}", "deg") == "deg" for n in (1, 2))
        and values.get("RADESYS", "ICRS") in ("ICRS", "FK5")
        and all(_is_number(value) for key, value in values.items() if not _is_text(key))
        and _has_axes(values)
        and _has_scale(values)
        and _has_distortion(values)
    )


def _is_text(keyword: str) -> bool:
    return keyword.startswith(("CTYPE", "CUNIT")) or keyword in ("RADESYS", "WCSNAME")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _has_axes(values: Mapping[str, Any]) -> bool:
    """Whether both axes are there, in one projection, with a place on the sky."""
    if not all(f"C{key}{n}" in values for key in ("TYPE", "RVAL", "RPIX") for n in (1, 2)):
        return False
    match = _CTYPES.fullmatch(f"{values['CTYPE1']} {values['CTYPE2']}")
    if match is None:
        return False
    declination = values["CRVAL2" if match[1] == "RA--" else "CRVAL1"]
    return bool(abs(declination) <= 90)


def _has_scale(values: Mapping[str, Any]) -> bool:
    """Whether pixels have a size, said in one way."""
    of_cd = any(key.startswith("CD") and "_" in key for key in values)
    of_pc = any(key.startswith(("PC", "CDELT")) for key in values)
    if of_cd == of_pc:
        return False
    if of_cd:
        (a, b), (c, d) = ([values.get(f"CD{i}_{j}", 0.0) for j in (1, 2)] for i in (1, 2))
    else:
        (a, b), (c, d) = (
            [values.get(f"PC{i}_{j}", float(i == j)) * values.get(f"CDELT{i}", 1.0) for j in (1, 2)]
            for i in (1, 2)
        )
    area = abs(a * d - b * c)
    # From nanoseconds of arc to degrees, and no line of zero width.
    return bool(1e-26 < area < 100 and area > 1e-6 * math.hypot(a, c) * math.hypot(b, d))


def _has_distortion(values: Mapping[str, Any]) -> bool:
    """Whether there are distortions, and all of them, where the axes say so, and else none."""
    projection = str(values["CTYPE1"])[5:]
    if projection != "TPV" and any(key.startswith("PV") for key in values):
        return False
    orders = {key.partition("_")[0]: values[key] for key in values if key.endswith("_ORDER")}
    powers = [match for key in values if (match := _POWER.fullmatch(key))]
    if not projection.endswith("-SIP"):
        return not orders and not powers
    return (
        set(orders) in ({"A", "B"}, {"A", "B", "AP", "BP"})
        and all(isinstance(order, int) and 2 <= order <= 9 for order in orders.values())
        and all(int(m[2]) + int(m[3]) <= orders.get(m[1], 0) for m in powers)
    )
