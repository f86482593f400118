"""Exposures that are written to FITS files row by row."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, BinaryIO

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

from ..exposure import Exposure
from .atomic import begin_to_write
from .exposure_fits import further_hdus, plane_hdus, primary_hdu
from .packing import new_fits_file

__all__ = ["ExposureWriter", "new_exposure_file"]

_BLOCK, _CARD = 2880, 80
_PIECE = 1 << 18


class ExposureWriter:
    """A FITS file of the form of `write_exposure`, whose rows come in any order.

    Parameters
    ----------
    file : file object
        Empty, binary and seekable.
    exposure : Exposure
        What the file will hold, but for the values of pixels: its planes only tell shape and type.
    more_planes : mapping of str to str
        Planes besides image, mask and variance: units by name.
    """

    def __init__(
        self, file: BinaryIO, exposure: Exposure, more_planes: Mapping[str, str] | None = None
    ) -> None:
        self._file = file
        self._hdus = _complete_hdus(exposure, more_planes or {})
        self._positions = [0]
        for hdu in self._hdus:
            self._positions.append(_end_of_data(hdu, self._positions[-1]))
        for hdu, position in zip(self._hdus, self._positions, strict=False):
            file.seek(position)
            file.write(_bytes_of_header(hdu))
        file.truncate(self._positions[-1])
        width = exposure.image.array.shape[1]
        # For some rows of numbers of any type; new memory would take longer than to swap bytes.
        self._room = np.empty((max(_PIECE // (8 * width), 1), width), np.float64)

    def write_rows(self, y0: int, *planes: NDArray[Any], first: int = 0) -> None:
        """Write rows of planes, from row `y0` on.

        Parameters
        ----------
        y0 : int
            The first row.
        *planes : numpy.ndarray, [y, x]
            Rows of image, mask, variance and the other planes, or of as many of them as are known.
        first : int
            The number of the first of these planes.
        """
        for n, rows in enumerate(planes, start=first + 1):
            hdu, position = self._hdus[n], self._positions[n]
            dtype = self._seek(hdu, position, y0)
            begin = self._file.tell()
            # What is swapped a piece at a time stays in the cache until it is written.
            swapped = self._room.view(dtype).reshape(-1, rows.shape[1])
            for y in range(0, len(rows), len(swapped)):
                part = swapped[: len(rows) - y]
                part[...] = rows[y : y + len(swapped)]
                self._file.write(part.data)
            begin_to_write(self._file, begin)

    def read_rows(self, plane: int, y0: int, y1: int) -> NDArray[Any]:
        """Read rows that were written, of the image (0), the mask (1) or the variance (2)."""
        hdu = self._hdus[plane + 1]
        dtype = self._seek(hdu, self._positions[plane + 1], y0)
        shape = y1 - y0, hdu.header["NAXIS1"]
        begin = self._file.tell()
        self._file.flush()
        data = os.pread(self._file.fileno(), shape[0] * shape[1] * dtype.itemsize, begin)
        return np.frombuffer(data, dtype).reshape(shape).astype(dtype.newbyteorder("="))

    def _seek(self, hdu: Any, position: int, y0: int) -> np.dtype[Any]:
        """Go to a row of a plane; gives the type of its pixels."""
        dtype: np.dtype[Any] = np.dtype(fits.BITPIX2DTYPE[hdu.header["BITPIX"]]).newbyteorder(">")
        begin = position + len(_bytes_of_header(hdu))
        self._file.seek(begin + y0 * hdu.header["NAXIS1"] * dtype.itemsize)
        return dtype

    def finish(self, exposure: Exposure, others: Sequence[Any] = ()) -> None:
        """Write the final values of keywords, and what comes after the planes.

        Parameters
        ----------
        exposure : Exposure
            The one that the file was begun with, apart from its PSF and from values of keywords,
            of which there may be fewer.
        others : sequence of astropy.io.fits.ImageHDU, optional
            Extensions that follow the PSF and the tables of the WCS.
        """
        hdus = fits.HDUList([primary_hdu(exposure), *self._hdus[1:]])
        hdus.update_extend()
        primary = _bytes_of_header(hdus[0])
        if len(primary) > self._positions[1]:
            raise ValueError(
                f"the header of a file that is being written must keep its {self._positions[1]} "
                f"bytes, got {len(primary)}"
            )
        if len(primary) < self._positions[1]:
            cards = primary.rstrip().removesuffix(b"END")
            primary = cards.ljust(self._positions[1] - _CARD) + b"END".ljust(_CARD)
        self._file.seek(0)
        self._file.write(primary)
        self._file.seek(self._positions[-1])
        memory = io.BytesIO()
        empty = fits.PrimaryHDU()
        fits.HDUList([empty, *further_hdus(exposure), *others]).writeto(memory)
        self._file.write(memory.getbuffer()[_BLOCK:])


@contextmanager
def new_exposure_file(
    exposure: Exposure,
    path: str | os.PathLike[str],
    *,
    more_planes: Mapping[str, str] | None = None,
    quantization: float = 0,
    overwrite: bool = False,
) -> Iterator[ExposureWriter]:
    """Begin a FITS file that takes its name only once it is complete.

    Parameters
    ----------
    exposure, more_planes
        See `ExposureWriter`.
    path, quantization
        See `new_fits_file`.
    overwrite : bool
        Whether an existing file may be replaced.

    Raises
    ------
    FileExistsError
        If the file exists and `overwrite` is False.
    OSError
        If the file cannot be written.
    """
    with new_fits_file(path, quantization=quantization, overwrite=overwrite) as file:
        yield ExposureWriter(file, exposure, more_planes)


def _complete_hdus(exposure: Exposure, more_planes: Mapping[str, str]) -> fits.HDUList:
    hdus = fits.HDUList(plane_hdus(exposure))
    image = hdus["IMAGE"]
    for name, unit in more_planes.items():
        hdu = fits.ImageHDU(image.data, header=image.header.copy(), name=name)
        hdu.header["EXTTYPE"], hdu.header["BUNIT"] = name, unit
        hdus.append(hdu)
    hdus.update_extend()
    return hdus


def _bytes_of_header(hdu: Any) -> bytes:
    return hdu.header.tostring().encode("ascii")  # type: ignore[no-any-return]


def _end_of_data(hdu: Any, begin: int) -> int:
    size = int(hdu.size)
    return begin + len(_bytes_of_header(hdu)) + (size + _BLOCK - 1) // _BLOCK * _BLOCK
