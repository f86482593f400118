"""What headers say of the size of a FITS file, checked before a library believes it."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import BinaryIO

from .compressed import plain
from .fits_tables import check_table
from .reading import ReadError, open_input

__all__ = ["BLOCK", "check_structure", "first_header"]

BLOCK = 2880
_CARD = 80
# Headers of the largest mosaics have some thousand cards.
_MAX_HEADER = 64 << 20
_MAX_AXES = _MAX_FIELDS = 999
_BITS = (8, 16, 32, 64, -32, -64)
_VALUE = re.compile(rb"=\s*(?:'((?:[^']|'')*)'|([^/]*))")


def check_structure(file: BinaryIO) -> None:
    """Find out whether a FITS file is as large as its headers say, and its tables are as they say.

    Parameters
    ----------
    file : file object
        Binary and seekable; is at its beginning afterwards.

    Raises
    ------
    ReadError
        If it is not.
    """
    size = file.seek(0, os.SEEK_END)
    position, number = 0, 0
    while position < size:
        cards, begin = _read_header(file, position, first=number == 0)
        where = f"HDU {number}"
        length = _data_size(cards, where)
        position = begin + -(-length // BLOCK) * BLOCK
        if position > size:
            raise ReadError(f"is truncated: {where} ends at byte {position}, the file at {size}")
        if cards.get("XTENSION") == "BINTABLE":
            check_table(file, begin, length, cards, where)
        number += 1
        file.seek(position)
        if position < size and file.read(8) != b"XTENSION":
            # Libraries look for headers in it.
            raise ReadError(f"is damaged: what follows {where} is no HDU")
    if number == 0:
        raise ReadError("is not a FITS file: it is empty")
    file.seek(0)


def first_header(path: str | os.PathLike[str]) -> dict[str, str]:
    """Give the values of the first header of a file by their keywords, as text.

    Raises
    ------
    OSError
        If the file is missing, or does not begin as a FITS file.
    """
    with open_input(path) as file, plain(file, os.fspath(path)) as content:
        return _read_header(content, 0, first=True)[0]


def _read_header(file: BinaryIO, position: int, *, first: bool) -> tuple[dict[str, str], int]:
    """Give the values of a header by their keywords, as text, and where its data begin."""
    file.seek(position)
    cards: dict[str, str] = {}
    end = position
    while end - position < _MAX_HEADER:
        block = file.read(BLOCK)
        end += len(block)
        if first and end - position <= BLOCK and not block.startswith(b"SIMPLE  ="):
            raise ReadError("is not a FITS file: it does not begin with SIMPLE")
        if len(block) < BLOCK:
            raise ReadError("is truncated: it ends within a header")
        for begin in range(0, BLOCK, _CARD):
            card = block[begin : begin + _CARD]
            if card.rstrip() == b"END":
                return cards, end
            match = _VALUE.match(card, 8)
            if match:
                keyword = card[:8].rstrip().decode("latin-1")
                value = match[1] if match[1] is not None else match[2]
                # Where a keyword is repeated, the first is that which libraries take.
                cards.setdefault(keyword, value.strip().decode("latin-1"))
    raise ReadError("is not a FITS file: a header has no end")


def whole_number(cards: Mapping[str, str], name: str, least: int, most: int, where: str) -> int:
    """Give a whole number of a header that must be within limits."""
    text = cards.get(name)
    if text is None:
        raise ReadError(f"is damaged: {where} needs the keyword {name}, which is missing")
    if not re.fullmatch(r"[+-]?\d{1,19}", text) or not least <= int(text) <= most:
        raise ReadError(
            f"is damaged: {name} of {where} must be a whole number from {least} to {most}, "
            f"got {text[:40]}"
        )
    return int(text)


_MOST = (1 << 63) - 1


def _data_size(cards: Mapping[str, str], where: str) -> int:
    """Number of bytes of data."""
    bits = whole_number(cards, "BITPIX", min(_BITS), max(_BITS), where)
    if bits not in _BITS:
        raise ReadError(f"is damaged: BITPIX of {where} must be one of {_BITS}, got {bits}")
    n_axes = whole_number(cards, "NAXIS", 0, _MAX_AXES, where)
    sides = [whole_number(cards, f"NAXIS{n}", 0, _MOST, where) for n in range(1, n_axes + 1)]
    if cards.get("XTENSION") in ("BINTABLE", "TABLE"):
        whole_number(cards, "TFIELDS", 0, _MAX_FIELDS, where)
        if n_axes != 2 or bits != 8:
            raise ReadError(f"is damaged: the table of {where} must have bytes in two axes")
    if not sides:
        return 0
    n_more = whole_number(cards, "PCOUNT", 0, _MOST, where) if "PCOUNT" in cards else 0
    n_groups = whole_number(cards, "GCOUNT", 0, _MOST, where) if "GCOUNT" in cards else 1
    if sides[0] == 0 and cards.get("GROUPS") == "T":
        sides = sides[1:]
    n_values = 1
    for side in sides:
        n_values *= side
    return abs(bits) // 8 * n_groups * (n_more + n_values)
