"""Planes of pixels that are read row by row, so that they need not fit into memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from .fits_file import native

__all__ = ["Rows", "pixels_of_hdu", "rows_of_hdu"]

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
    """

    def __init__(
        self, shape: tuple[int, int], dtype: DTypeLike, read: Callable[[slice], NDArray[Any]]
    ) -> None:
        self.shape = shape
        self.dtype = np.dtype(dtype)
        self._read = read

    def __getitem__(self, key: Key) -> NDArray[Any]:
        rows, columns = key if isinstance(key, tuple) else (key, slice(None))
        return self._read(rows)[:, columns].astype(self.dtype, copy=False)

    def map(self, dtype: DTypeLike, change: Callable[[NDArray[Any]], NDArray[Any]]) -> Rows:
        """Rows that are changed after they have been read.

        Parameters
        ----------
        dtype : dtype
            Of the new rows.
        change : callable
            From an array of rows to an array of the same shape.
        """
        return Rows(self.shape, dtype, lambda rows: change(self[rows]))


def rows_of_hdu(hdu: Any) -> Rows:
    """Rows of an image HDU, compressed or not; the file must stay open."""
    section = hdu.section
    shape = hdu.shape[0], hdu.shape[1]
    dtype = section[0:1].dtype.newbyteorder("=")
    return Rows(shape, dtype, lambda rows: native(section[rows]))


def pixels_of_hdu(hdu: Any) -> Rows:
    """Rows of an image HDU whose pixels without a value, those of the keyword BLANK, are NaN."""
    rows, header = rows_of_hdu(hdu), hdu.header
    if "BLANK" not in header or header["BITPIX"] < 0:
        return rows
    # Astropy replaces them itself, but for 0 and for integers that it takes for unsigned.
    blank = header["BLANK"] * header.get("BSCALE", 1) + header.get("BZERO", 0)
    dtype = np.result_type(rows.dtype, np.float32)
    return rows.map(
        dtype, lambda pixels: np.where(pixels == blank, dtype.type(np.nan), pixels.astype(dtype))
    )
