"""Planes of pixels that are read row by row, so that they need not fit into memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from .fits_file import native

__all__ = ["Rows", "StoredRows", "is_asinh", "pixels_of_hdu", "rows_of_hdu"]

_SCALING = {"BSCALE", "BZERO", "BLANK"}

Key = slice | tuple[slice, slice]


class Rows:
    """A plane [y, x] whose pixels are read when they are asked for.

    ``rows[y0:y1]``, ``rows[y0:y1:step]`` and ``rows[y0:y1, x0:x1]`` give arrays in the byte order
    of the machine, which the caller may change.

    Parameters
    ----------
    shape : (int, int)
        Height and width.
    dtype : dtype
        Of the arrays.
    read : callable
        Gives the rows of a slice.

    Attributes
    ----------
    stored : Rows
        The same pixels in the byte order of the file, if they are as they are stored, which the
        caller may not change.
    """

    def __init__(
        self, shape: tuple[int, int], dtype: DTypeLike, read: Callable[[slice], NDArray[Any]]
    ) -> None:
        self.shape = shape
        self.dtype = np.dtype(dtype)
        self.stored = self
        self._part: Callable[[slice, slice], NDArray[Any]] = lambda rows, columns: read(rows)[
            :, columns
        ]

    def __getitem__(self, key: Key) -> NDArray[Any]:
        rows, columns = key if isinstance(key, tuple) else (key, slice(None))
        # Files hold any numbers; what becomes of them is looked at, and counted, afterwards.
        with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
            return self._part(rows, columns).astype(self.dtype, copy=False)

    def map(self, dtype: DTypeLike, change: Callable[[NDArray[Any]], NDArray[Any]]) -> Rows:
        """Rows that are changed after they have been read.

        Parameters
        ----------
        dtype : dtype
            Of the new rows.
        change : callable
            From an array, which it may change, to an array of the same shape, pixel by pixel.
        """
        changed = Rows(self.shape, dtype, self.__getitem__)
        # Of some columns, no others are read and changed.
        changed._part = lambda rows, columns: change(self[rows, columns])
        return changed


class StoredRows(Rows):
    """Rows that are as they are stored, but for the order of bytes.

    Parameters
    ----------
    stored : Rows
        In the byte order of the file.
    """

    def __init__(self, stored: Rows) -> None:
        super().__init__(
            stored.shape, stored.dtype.newbyteorder("="), lambda rows: native(stored[rows])
        )
        self.stored = stored

    def __getitem__(self, key: Key) -> NDArray[Any]:
        return native(self.stored[key])


def rows_of_hdu(hdu: Any) -> Rows:
    """Rows of an image HDU, compressed or not; the file must stay open."""
    # Sections are read anew for each request, by way of the header; data that are as they are
    # stored are looked up in the mapped file.
    section = hdu.section if _SCALING & set(hdu.header) else hdu.data
    *others, height, width = hdu.shape
    # Axes of length 1, as radio astronomers have them.
    first = (0,) * len(others)
    dtype = section[(*first, slice(0, 1))].dtype
    return StoredRows(
        Rows((height, width), dtype, lambda rows: np.asarray(section[(*first, rows)]))
    )


def pixels_of_hdu(hdu: Any) -> Rows:
    """Rows of an image HDU as its header means them.

    Pixels without a value, those of the keyword BLANK, are NaN. Values that Pan-STARRS has
    compressed are made linear: BOFFSET + 2 BSOFTEN sinh(x / a), a = 2.5 log10(e)
    (outerspace.stsci.edu/display/PANSTARRS/PS1+Stack+images).
    """
    rows, header = rows_of_hdu(hdu), hdu.header
    if "BLANK" in header and header["BITPIX"] > 0:
        # Astropy replaces them itself, but for 0 and for integers that it takes for unsigned.
        blank = header["BLANK"] * header.get("BSCALE", 1) + header.get("BZERO", 0)
        dtype = np.result_type(rows.dtype, np.float32)
        rows = rows.map(
            dtype,
            lambda pixels: np.where(pixels == blank, dtype.type(np.nan), pixels.astype(dtype)),
        )
    if is_asinh(header):
        softening, offset = float(header["BSOFTEN"]), float(header["BOFFSET"])
        scale = 2.5 * np.log10(np.e)
        rows = rows.map(np.float64, lambda pixels: offset + 2 * softening * np.sinh(pixels / scale))
    return rows


def is_asinh(header: Any) -> bool:
    """Whether a header says that values are compressed as those of Pan-STARRS."""
    return "BSOFTEN" in header and "BOFFSET" in header
