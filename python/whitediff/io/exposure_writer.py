"""Exposures that are written to FITS files row by row."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, BinaryIO

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

from ..exposure import Exposure
from .atomic import replace_file
from .exposure_fits import plane_hdus, psf_hdus

__all__ = ["ExposureWriter", "new_exposure_file"]

_BLOCK, _CARD = 2880, 80


class ExposureWriter:
    """A FITS file of the form of `write_exposure`, whose rows come in any order.

    Parameters
    ----------
    file : file object
        Empty, binary and seekable.
    exposure : Exposure
        What the file will hold, but for the values of pixels: its planes only tell shape and type.
    """

    def __init__(self, file: BinaryIO, exposure: Exposure) -> None:
        self._file = file
        self._hdus = _complete_hdus(exposure)
        self._positions = [0]
        for hdu in self._hdus:
            self._positions.append(_end_of_data(hdu, self._positions[-1]))
        for hdu, position in zip(self._hdus, self._positions, strict=False):
            file.seek(position)
            file.write(_bytes_of_header(hdu))
        file.truncate(self._positions[-1])

    def write_rows(self, y0: int, *planes: NDArray[Any]) -> None:
        """Write rows of the image, the mask and the variance, from row `y0` on."""
        places = zip(self._hdus[1:], self._positions[1:-1], planes, strict=True)
        for hdu, position, rows in places:
            dtype = np.dtype(fits.BITPIX2DTYPE[hdu.header["BITPIX"]]).newbyteorder(">")
            begin = position + len(_bytes_of_header(hdu))
            self._file.seek(begin + y0 * rows.shape[1] * dtype.itemsize)
            self._file.write(np.ascontiguousarray(rows, dtype=dtype).data)

    def finish(self, exposure: Exposure, others: Sequence[Any] = ()) -> None:
        """Write the final values of keywords, and what comes after the planes.

        Parameters
        ----------
        exposure : Exposure
            The one that the file was begun with, apart from its PSF and from values of keywords,
            of which there may be fewer.
        others : sequence of astropy.io.fits.ImageHDU, optional
            Extensions that follow the PSF.
        """
        primary = _bytes_of_header(_complete_hdus(exposure)[0])
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
        fits.HDUList([empty, *psf_hdus(exposure.getPsf()), *others]).writeto(memory)
        self._file.write(memory.getbuffer()[_BLOCK:])


@contextmanager
def new_exposure_file(
    exposure: Exposure, path: str | os.PathLike[str], *, overwrite: bool = False
) -> Iterator[ExposureWriter]:
    """Begin a FITS file that takes its name only once it is complete.

    Parameters
    ----------
    exposure : Exposure
        See `ExposureWriter`.
    path : path-like
        Name of the file.
    overwrite : bool
        Whether an existing file may be replaced.

    Raises
    ------
    FileExistsError
        If the file exists and `overwrite` is False.
    OSError
        If the file cannot be written.
    """
    with replace_file(path, overwrite=overwrite) as file:
        yield ExposureWriter(file, exposure)


def _complete_hdus(exposure: Exposure) -> fits.HDUList:
    hdus = fits.HDUList(plane_hdus(exposure))
    hdus.update_extend()
    return hdus


def _bytes_of_header(hdu: Any) -> bytes:
    return hdu.header.tostring().encode("ascii")  # type: ignore[no-any-return]


def _end_of_data(hdu: Any, begin: int) -> int:
    size = int(hdu.size)
    return begin + len(_bytes_of_header(hdu)) + (size + _BLOCK - 1) // _BLOCK * _BLOCK
