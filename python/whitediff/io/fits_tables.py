"""Binary tables of FITS files, checked before a decoder follows their descriptors."""

from __future__ import annotations

import math
import re
import zlib
from collections.abc import Mapping
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from .reading import ReadError

__all__ = ["check_table"]

_FORMAT = re.compile(r"(\d{0,9})([LXBIJKAEDCMPQ])(.*)")
# Bytes of a value of each type; of a descriptor, of its two numbers.
_BYTES = {
    "L": 1, "B": 1, "I": 2, "J": 4, "K": 8, "A": 1, "E": 4, "D": 8, "C": 8, "M": 16,
    "P": 8, "Q": 16,
}  # fmt: skip
_INTEGERS = {"P": ">i4", "Q": ">i8"}
# A tile of zeros takes a few bytes, of a run of 4095 pixels two.
_MAX_COMPRESSION = 100_000
# What a byte of a deflated stream can become, and what of it does not matter.
_MAX_DEFLATION, _SMALL = 1032, 1 << 26
# Of a pixel.
_MAX_BYTES = 8
_HCOMPRESS_MAGIC = b"\xdd\x99"


def check_table(
    file: BinaryIO, begin: int, length: int, cards: Mapping[str, str], where: str
) -> None:
    """Find out whether the columns of a table fit its rows, and its descriptors what is stored.

    Parameters
    ----------
    file : file object
        Binary and seekable.
    begin, length : int
        Place of the data of the table, in bytes.
    cards : mapping of str to str
        Values of its header.
    where : str
        What messages call it.

    Raises
    ------
    ReadError
        If they do not.
    """
    width, n_rows = int(cards["NAXIS1"]), int(cards["NAXIS2"])
    heap = _number(cards, "THEAP", where) if "THEAP" in cards else width * n_rows
    if not width * n_rows <= heap <= length:
        raise ReadError(f"is damaged: THEAP of {where} must be within its data, got {heap}")
    is_image = cards.get("ZIMAGE") == "T"
    tile = _check_image(cards, n_rows, length, where) if is_image else []
    place = 0
    for n in range(1, int(cards["TFIELDS"]) + 1):
        name = f"TFORM{n}"
        match = _FORMAT.fullmatch(cards.get(name, "").strip())
        if match is None:
            raise ReadError(f"is damaged: {where} needs the format of a column in {name}")
        count, kind = int(match[1] or 1), match[2]
        size = (count + 7) // 8 if kind == "X" else count * _BYTES[kind]
        if place + size > width:
            raise ReadError(
                f"is damaged: the columns of {where} must fit its rows of {width} bytes"
            )
        if kind in _INTEGERS and count:
            item = _FORMAT.match(match[3].strip())
            value = _BYTES.get(item[2], 1) if item else 1
            found = _descriptors(file, begin, width, n_rows, place, _INTEGERS[kind])
            _check_descriptors(found, value, length - heap, f"column {n} of {where}")
            # What cannot be compressed well stands in a column of its own.
            kinds = {"COMPRESSED_DATA": cards.get("ZCMPTYPE", ""), "GZIP_COMPRESSED_DATA": "GZIP_1"}
            name = cards.get(f"TTYPE{n}", "")
            if is_image and name in kinds:
                _check_tiles(file, begin + heap, found, value, kinds[name], tile, where)
        place += size


def _number(cards: Mapping[str, str], name: str, where: str) -> int:
    text = cards.get(name, "")
    if not re.fullmatch(r"\d{1,18}", text):
        raise ReadError(f"is damaged: {name} of {where} must be a whole number, got {text[:40]!r}")
    return int(text)


def _check_image(cards: Mapping[str, str], n_rows: int, length: int, where: str) -> list[int]:
    """Find out whether an image has as many tiles as the table rows; give the shape of a tile."""
    n_axes = _number(cards, "ZNAXIS", where)
    if not 1 <= n_axes <= 6:
        raise ReadError(f"is damaged: ZNAXIS of {where} must be 1 to 6, got {n_axes}")
    sides = [_number(cards, f"ZNAXIS{n}", where) for n in range(1, n_axes + 1)]
    tile = [
        # By default a tile is a row.
        _number(cards, f"ZTILE{n}", where) if f"ZTILE{n}" in cards else (sides[0] if n == 1 else 1)
        for n in range(1, n_axes + 1)
    ]
    if 0 in tile or 0 in sides:
        raise ReadError(f"is damaged: the tiles of {where} must have pixels, got {tile} of {sides}")
    n_tiles = math.prod(-(-side // part) for side, part in zip(sides, tile, strict=True))
    if n_tiles != n_rows:
        raise ReadError(f"is damaged: {where} must have a row for each of {n_tiles} tiles")
    if math.prod(sides) > _MAX_COMPRESSION * max(length, 1):
        raise ReadError(
            f"is damaged: {where} must hold its {math.prod(sides)} pixels in {length} bytes"
        )
    return [min(side, part) for side, part in zip(sides, tile, strict=True)]


def _descriptors(
    file: BinaryIO, begin: int, width: int, n_rows: int, place: int, dtype: str
) -> NDArray[np.int64]:
    """Number of values and offset [row, 2] of every cell of a column."""
    file.seek(begin)
    rows = np.frombuffer(file.read(width * n_rows), np.uint8).reshape(n_rows, width)
    size = 2 * np.dtype(dtype).itemsize
    column = np.ascontiguousarray(rows[:, place : place + size])
    return column.view(dtype).astype(np.int64).reshape(n_rows, 2)


def _check_descriptors(found: NDArray[np.int64], value: int, heap: int, where: str) -> None:
    count, offset = found.T
    # Divided, not multiplied: products of such numbers may overflow.
    inside = (count >= 0) & (offset >= 0) & (offset <= heap) & (count <= (heap - offset) // value)
    # Where there are no values, the offset means nothing.
    if not (inside | (count == 0)).all():
        raise ReadError(f"is damaged: {where} must have its values inside of the table")


def _check_tiles(
    file: BinaryIO,
    heap: int,
    found: NDArray[np.int64],
    value: int,
    kind: str,
    tile: list[int],
    where: str,
) -> None:
    """Find out whether the streams of tiles say what their decoders follow blindly."""
    checks = {
        "HCOMPRESS_1": _check_hcompress, "PLIO_1": _check_plio, "GZIP_1": _check_gzip,
        "GZIP_2": _check_gzip, "RICE_1": None, "RICE_ONE": None, "NOCOMPRESS": None,
    }  # fmt: skip
    if kind not in checks:
        raise ReadError(f"is damaged: ZCMPTYPE of {where} must be a compression, got {kind}")
    check = checks[kind]
    if check is None:
        return
    n_pixels = math.prod(tile)
    for count, offset in found:
        if count == 0:
            continue
        file.seek(heap + int(offset))
        stream = file.read(int(count) * value)
        if not check(stream, n_pixels):
            raise ReadError(f"is damaged: a compressed tile of {where} must be of its size")


def _check_gzip(stream: bytes, n_pixels: int) -> bool:
    if len(stream) * _MAX_DEFLATION < _SMALL:
        return True
    inflater, most = zlib.decompressobj(wbits=31), n_pixels * _MAX_BYTES
    try:
        content = inflater.decompress(stream, most + 1)
    except zlib.error:
        return False
    return len(content) <= most and inflater.eof and not inflater.unused_data


def _check_hcompress(stream: bytes, n_pixels: int) -> bool:
    if len(stream) < 10 or not stream.startswith(_HCOMPRESS_MAGIC):
        return False
    height, width = (int(side) for side in np.frombuffer(stream[2:10], ">i4"))
    return height > 0 and width > 0 and height * width <= n_pixels


def _check_plio(stream: bytes, n_pixels: int) -> bool:
    words = np.frombuffer(stream[: len(stream) // 2 * 2], ">i2")
    if len(words) < 3:
        return False
    # The old form has its length in the third word, the new one in two others.
    if words[2] > 0:
        first, length = 3, int(words[2])
    else:
        if len(words) < 7:
            return False
        first, length = int(words[1]), (int(words[4]) << 15) + int(words[3])
    return 0 <= first <= length <= len(words)
