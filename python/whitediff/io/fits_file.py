"""Opening FITS files, with one clear error for whatever is wrong with them."""

from __future__ import annotations

import errno
import os
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, BinaryIO

import numpy as np
from astropy.io import fits
from astropy.utils.exceptions import AstropyUserWarning
from numpy.typing import NDArray

from .compressed import plain
from .decoded import TiledImage
from .fits_structure import check_structure
from .packing import new_fits_file
from .reading import ReadError, in_one_line, open_input, reading

__all__ = [
    "find_image",
    "is_image",
    "is_plane",
    "native",
    "open_fits",
    "table_hdu",
    "write_fits",
]

_IMAGES = (fits.PrimaryHDU, fits.ImageHDU, fits.CompImageHDU)
_KNOWN = (*_IMAGES, fits.BinTableHDU, fits.TableHDU, fits.GroupsHDU, fits.FitsHDU)


@contextmanager
def open_fits(path: str | os.PathLike[str]) -> Iterator[fits.HDUList]:
    """Open a FITS file for reading: headers are checked, data stay on the disk until asked for.

    Raises
    ------
    OSError
        If the file is missing, is no FITS file, or is truncated or damaged.
    """
    name = os.fspath(path)
    with open_input(path) as file, plain(file, name) as content:
        try:
            check_structure(content)
        except ReadError as error:
            raise ReadError(f"{name} {in_one_line(str(error))}") from error
        with reading(path):
            hdus = _opened(content, name)
        with hdus, warnings.catch_warnings():
            # What it says of cards, while they are copied and written, is about their looks.
            warnings.simplefilter("ignore", AstropyUserWarning)
            yield hdus


def _opened(file: BinaryIO, name: str) -> fits.HDUList:
    # Astropy carries on after these two and fails later, or not at all.
    for message in ("File may have been truncated", "Error validating header"):
        warnings.filterwarnings("error", message, AstropyUserWarning)
    try:
        hdus = fits.open(file, lazy_load_hdus=False)
    except MemoryError:
        raise
    except Exception as error:  # whatever the parser trips over in a damaged header
        raise ReadError(f"{name} is not a FITS file, or is damaged") from error
    for number, hdu in enumerate(hdus):
        # What astropy makes of an HDU whose header it cannot follow has no data.
        if not isinstance(hdu, _KNOWN):
            raise ReadError(f"{name} is damaged: HDU {number} is of no known kind")
        if isinstance(hdu, fits.CompImageHDU):
            hdu.__class__ = TiledImage
    return hdus


def write_fits(
    hdus: fits.HDUList,
    path: str | os.PathLike[str],
    *,
    quantization: float = 0,
    overwrite: bool = False,
) -> None:
    """Write a FITS file, atomically, compressed if its name ends with .gz or .fz.

    Raises
    ------
    FileExistsError
        If the file exists and `overwrite` is False.
    OSError
        If the file cannot be written.
    ValueError
        If its name is that of a file compressed in a way that is not written.
    """
    with new_fits_file(path, quantization=quantization, overwrite=overwrite) as file:
        try:
            hdus.writeto(file)
        except AttributeError as error:
            # Astropy looks for the free space of files that it has opened itself only, and fails.
            if not isinstance(error.__context__, OSError):
                raise
            number = error.__context__.errno or errno.ENOSPC
            raise OSError(number, os.strerror(number), os.fspath(path)) from error


def table_hdu(name: str, columns: Sequence[fits.Column]) -> fits.BinTableHDU:
    """Give a table of columns."""
    hdu = fits.BinTableHDU(name=name)
    # One that is made with its data imports astropy.table, and half of astropy with it.
    hdu.data = fits.FITS_rec.from_columns(fits.ColDefs(columns))
    return hdu


def is_plane(hdu: Any) -> bool:
    """Whether an HDU is an image of two axes or more."""
    return isinstance(hdu, _IMAGES) and hdu.header["NAXIS"] >= 2 and min(hdu.shape) > 0


def is_image(hdu: Any) -> bool:
    """Whether an HDU holds two-dimensional data; further axes may have the length 1."""
    return is_plane(hdu) and all(side == 1 for side in hdu.shape[:-2])


def find_image(hdus: fits.HDUList) -> Any:
    """First HDU with two-dimensional data, or None."""
    return next((hdu for hdu in hdus if is_image(hdu)), None)


def native(data: Any, dtype: Any = None) -> NDArray[Any]:
    """Copy of FITS data in memory, in the byte order of the machine."""
    array = np.asarray(data)
    # NaN of any bits stay NaN.
    with np.errstate(invalid="ignore"):
        return array.astype(np.dtype(dtype or array.dtype).newbyteorder("="))
