"""Images of the Roman Space Telescope in its own files, ASDF, as HDUs of the same planes."""

from __future__ import annotations

import mmap
import os
import struct
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

from .fits_file import native
from .header_cards import sound_header
from .reading import open_input, reading
from .wcs_header import WCS_KEYWORD

__all__ = ["is_asdf", "read_roman"]

# Schemas wfi_image and wfi_mosaic (github.com/spacetelescope/rad): mosaics have no dq, and weight
# and context besides, which are left out.
_PLANES = {"data": "SCI", "err": "ERR", "dq": "DQ"}
# The schema has the unit, and not the file; images of level 2 may have one of two.
_MOSAIC, _UNIT_OF_MOSAICS = "/wfi_mosaic-", "MJy/sr"
_CARDS = {"INSTRUME": "name", "DETECTOR": "detector", "FILTER": "optical_element"}
# Of the ASDF standard, low-level file layout: how a block begins, and the flag of one without end.
_BLOCK, _IS_STREAM = b"\xd3BLK", 1
# No compression that it has makes a constant image so many times smaller.
_LARGEST_GAIN = 1 << 16
# Pixels that a fit of polynomials to the WCS strives for, and the places where it is tried.
_TOLERANCE, _PLACES = 1e-3, 33


class _Plane(fits.ImageHDU):  # type: ignore[misc]  # astropy has no types
    """A plane in memory, whose rows are read as those of a file are."""

    @property
    def section(self) -> Any:
        return self.data


def is_asdf(path: str | os.PathLike[str]) -> bool:
    """Whether a file begins as ASDF does."""
    with open_input(path) as file:
        return file.read(5) == b"#ASDF"


def read_roman(path: str | os.PathLike[str]) -> tuple[fits.HDUList, list[str]]:
    """Read a file of Roman into memory.

    Parameters
    ----------
    path : path-like
        An exposure of level 2 (cal), or a mosaic of level 3 (coadd).

    Returns
    -------
    hdus : HDUList
        SCI, ERR and DQ as FITS files of Roman have them, half precision as float32.
    notes : list of str
        What became of the WCS, and what was left out.

    Raises
    ------
    OSError, ValueError
        If it is damaged, holds no such image, or there is no package to read it.
    """
    with reading(path), warnings.catch_warnings():
        # About versions of packages that have written the file.
        warnings.simplefilter("ignore")
        try:
            import asdf
        except ImportError as error:
            raise ValueError("ASDF is read by asdf: pip install 'whitediff[roman]'") from error
        _require_whole_blocks(path)
        unit = _unit(_own_blocks(asdf.util.load_yaml(path, tagged=True)))
        with (
            asdf.config_context() as config,
            asdf.open(path, lazy_tree=True, ignore_unrecognized_tag=True) as file,
        ):
            config.validate_on_read = False
            return _hdus(file["roman"], unit)


def _require_whole_blocks(path: str | os.PathLike[str]) -> None:
    """Refuse blocks that end beyond the file, as asdf never ends there, or fill all memory."""
    with (
        open_input(path) as file,
        mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content,
    ):
        # No text can have these bytes: the first are those of a block.
        place = content.find(_BLOCK)
        while place >= 0 and content[place : place + 4] == _BLOCK:
            fields = content[place + 4 : place + 38].ljust(34, b"\0")
            header, flags, _, allocated, used, unpacked = struct.unpack(">HI4s3Q", fields)
            if flags & _IS_STREAM:
                break
            place += 6 + header + allocated
            if used > allocated or place > len(content):
                raise OSError(
                    f"a block must end within the {len(content)} bytes of the file, got {used} in "
                    f"{allocated} that end at {place}"
                )
            most = _LARGEST_GAIN * used
            if unpacked > most:
                raise OSError(
                    f"a block of {used} bytes must unpack to at most {most}, got {unpacked}"
                )


def _own_blocks(tree: Any) -> Any:
    """Give the image's part of a tree; refuse arrays of other files: asdf would fetch them."""
    roman = tree.get("roman") if isinstance(tree, Mapping) else None
    if not isinstance(roman, Mapping) or "data" not in roman:
        raise ValueError("an image of Roman must have roman/data, got an ASDF file without")
    for name in _PLANES:
        array = roman.get(name)
        array = array.get("value", array) if isinstance(array, Mapping) else array
        if isinstance(array, Mapping) and not isinstance(array.get("source", 0), int):
            raise ValueError(f"{name} must lie in the file itself, got {array['source']!r}")
    return roman


def _unit(roman: Any) -> str:
    return _UNIT_OF_MOSAICS if _MOSAIC in str(getattr(roman, "_tag", "")) else ""


def _hdus(roman: Any, unit: str) -> tuple[fits.HDUList, list[str]]:
    planes = {name: _plane(roman[name], unit) for name in _PLANES if name in roman}
    image, _ = planes["data"]
    if image.ndim != 2:
        raise ValueError(f"data must be an image, [y, x], got the shape {image.shape}")
    meta = roman["meta"] if "meta" in roman else {}
    header, notes = _wcs_cards(meta["wcs"] if "wcs" in meta else None, image.shape)
    others = sorted(str(name).upper() for name in roman if name != "meta" and name not in planes)
    if others:
        notes.append(f"left out {', '.join(others)}")
    instrument = meta["instrument"] if "instrument" in meta else {}
    cards = {card: str(instrument[name]) for card, name in _CARDS.items() if name in instrument}
    primary, _ = sound_header(fits.Header({"TELESCOP": "ROMAN", **cards}))
    hdus = [fits.PrimaryHDU(header=primary)]
    for name, (array, unit) in planes.items():
        hdus.append(_Plane(array, header if name == "data" else None, name=_PLANES[name]))
        if unit and name != "dq":
            hdus[-1].header["BUNIT"] = unit
    return fits.HDUList(hdus), notes


def _plane(value: Any, unit: str) -> tuple[NDArray[Any], str]:
    """Pixels in memory and their unit; files of before 2025 have quantities."""
    if isinstance(value, Mapping):
        value, unit = value["value"], str(value["unit"])
    elif hasattr(value, "unit"):
        value, unit = value.value, value.unit.to_string("fits")
    array = np.asarray(value)
    # FITS has no numbers of half precision, and their squares would be out of its range.
    return native(array, np.float32 if array.dtype == np.float16 else None), unit


def _wcs_cards(wcs: Any, shape: tuple[int, ...]) -> tuple[fits.Header, list[str]]:
    """The WCS as FITS keywords, polynomials on a tangential plane, and how well they say it."""
    if wcs is None:
        return fits.Header(), []
    if not hasattr(wcs, "to_fits_sip"):
        return fits.Header(), [
            "WCS is left out: it is read by gwcs, pip install 'whitediff[roman]'"
        ]
    height, width = shape
    try:
        fitted = wcs.to_fits_sip(
            bounding_box=((-0.5, width - 0.5), (-0.5, height - 0.5)),
            max_pix_error=_TOLERANCE,
            max_inv_pix_error=None,
        )
        cards = [card for card in fitted.cards if WCS_KEYWORD.fullmatch(card.keyword)]
        # With the digits that a file has room for.
        header = fits.Header.fromstring(fits.Header(cards).tostring())
        error = _worst_error(wcs, header, shape)
    except Exception as problem:
        # It has many ways to fail, and an image is of use without its WCS.
        return fits.Header(), [f"WCS is left out, no polynomials (SIP) fit it: {problem}"]
    return header, [f"WCS is approximated by polynomials (SIP), to {error:.1g} pixels"]


def _worst_error(wcs: Any, header: fits.Header, shape: tuple[int, ...]) -> float:
    """The largest distance between two maps of the sky, in pixels."""
    from astropy.wcs import WCS

    y, x = np.meshgrid(*(np.linspace(0, side - 1, _PLACES) for side in shape), indexing="ij")
    other_x, other_y = WCS(header).all_world2pix(*wcs(x, y), 0)
    return float(np.hypot(other_x - x, other_y - y).max())
