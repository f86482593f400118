"""Masks of FITS files: bits that the file names, that a convention means, or any at all."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..exposure import DEFAULT_MASK_PLANES, Mask
from .conventions import MASKS, MaskBits
from .rows import Rows, rows_of_hdu

__all__ = ["equality", "mask_rows", "with_invalid"]


def mask_rows(hdu: Any, headers: Sequence[Any]) -> tuple[Rows, Mapping[str, int], str]:
    """Read the mask of an HDU.

    Parameters
    ----------
    hdu : HDU
        The mask.
    headers : sequence of Header
        Those that may say whose mask it is, besides its own, which counts first.

    Returns
    -------
    mask : Rows
        Bits [y, x].
    planes : mapping of str to int
        The number of the bit of each plane.
    note : str
        What the bits were taken for; empty where the file itself names them.

    Raises
    ------
    TypeError
        If bits are named, and pixels are no integers.
    """
    mask, named = rows_of_hdu(hdu), _named_planes(hdu.header)
    known = next(
        (bits for header in (hdu.header, *headers) for bits in MASKS if _is_of(bits, header)), None
    )
    if (named or known) and mask.dtype.kind not in "iu":
        raise TypeError(f"mask must hold the bits of its planes as integers, got {mask.dtype}")
    if named:
        # Planes may have bits beyond those that a narrow type can hold.
        if mask.dtype.itemsize < np.dtype(np.int32).itemsize:
            mask = mask.map(np.int32, lambda bits: bits)
        return mask, named, ""
    planes = dict(DEFAULT_MASK_PLANES)
    if known is not None:
        return _translated(mask, known, planes), planes, _told(known)
    missing = np.int32(1 << planes["NO_DATA"])
    anything = mask.map(np.int32, lambda bits: np.where(bits != 0, missing, np.int32(0)))
    return anything, planes, "mask: whatever is not 0 has no value"


def _named_planes(header: Any) -> dict[str, int]:
    """Planes that a header names: MP_NAME = n of lsst.afw, MSKNnnnn = NAME of lsst-images."""
    named = {
        keyword.removeprefix("MP_"): value
        for keyword, value in header.items()
        if keyword.startswith("MP_")
    }
    named |= {
        name: int(keyword.removeprefix("MSKN"))
        for keyword, name in header.items()
        if keyword.startswith("MSKN") and keyword.removeprefix("MSKN").isdecimal()
    }
    # Which bits a mask can have, and how planes are named, is its own.
    return Mask(np.zeros((1, 1), np.int32), planes=named).getMaskPlaneDict()


def _is_of(bits: MaskBits, header: Any) -> bool:
    return any(
        str(header.get(keyword, "")).strip().upper().startswith(value)
        for keyword, value in bits.keywords.items()
    )


def _translated(mask: Rows, known: MaskBits, planes: Mapping[str, int]) -> Rows:
    """Mask with our planes in place of theirs."""
    pairs = [
        (sum(1 << bit for bit in theirs.values()), np.int32(1 << planes[name]))
        for name, theirs in known.planes.items()
    ]

    def translate(bits: NDArray[Any]) -> NDArray[np.int32]:
        # The widest that is stored has 32 bits without a sign.
        bits = bits.astype(np.int64)
        ours = np.zeros(bits.shape, np.int32)
        for theirs, bit in pairs:
            ours[(bits & theirs) != 0] |= bit
        return ours

    return mask.map(np.int32, translate)


def _told(known: MaskBits) -> str:
    parts = (f"{', '.join(theirs)} as {name}" for name, theirs in known.planes.items())
    return f"mask of {known.name}: {'; '.join(parts)}; no other bit"


def equality(
    values: Sequence[Any], header: Any, dtype: np.dtype[Any]
) -> Callable[[NDArray[Any]], NDArray[np.bool_]]:
    """Give what tells pixels that have one of some values, after it was rounded as they were.

    Raises
    ------
    ValueError
        If a value, that of MASKVAL, is no number.
    """
    for value in values:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ValueError(f"MASKVAL must be a number, got {value!r}")
    if header["BITPIX"] > 0:
        half_step = abs(header.get("BSCALE", 1)) / 2
        return lambda pixels: np.any(
            [np.abs(pixels.astype(np.float64) - value) <= half_step for value in values], axis=0
        )
    # Programs that compute in single precision write it in double precision too.
    with np.errstate(over="ignore"):
        rounded = [float(kind(value)) for value in values for kind in (np.float32, dtype.type)]
    return lambda pixels: np.isin(pixels, rounded)


def with_invalid(
    known: Rows | None,
    planes: Mapping[str, int],
    pixels: Rows,
    is_invalid: Callable[[NDArray[Any]], NDArray[np.bool_]],
) -> tuple[Rows, Mapping[str, int]]:
    """Give a mask whose plane NO_DATA has the invalid pixels too.

    Raises
    ------
    ValueError
        If the mask that is known does not fit the pixels.
    """
    if known is not None and known.shape != pixels.shape:
        raise ValueError(
            f"mask must have shape {pixels.shape}, that of the image, got {known.shape}"
        )
    some = Mask(np.zeros((1, 1), np.int32), planes=planes)
    bit = 1 << some.addMaskPlane("NO_DATA")

    def bits_with_invalid(rows: slice) -> NDArray[np.int32]:
        image = pixels[rows]
        bits = np.zeros(image.shape, np.int32) if known is None else known[rows]
        bits[is_invalid(image)] |= bit
        return bits

    dtype = np.dtype(np.int32) if known is None else known.dtype
    return Rows(pixels.shape, dtype, bits_with_invalid), some.getMaskPlaneDict()
