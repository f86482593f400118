"""FITS files compressed as their names ask: ``.fits.gz`` as a whole, ``.fits.fz`` by tiles."""

from __future__ import annotations

import gzip
import io
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO

from astropy.io import fits

from .atomic import replace_file
from .fits_structure import BLOCK

__all__ = ["added_variance", "check_name", "is_tiled", "new_fits_file"]

_OTHERS = (".bz2", ".xz", ".z", ".zip")
_WHOLE, _TILES = ".gz", ".fz"
_PIECE = 1 << 20
# The bytes of noise hardly compress: to try hard takes four times as long for 1 % of the size.
_EFFORT = 1
_QUANTIZED = "IMAGE"


def check_name(path: str | os.PathLike[str], name: str = "path") -> None:
    """Refuse the name of a file that is compressed in a way that is not written.

    Raises
    ------
    ValueError
        If it is one.
    """
    if os.fspath(path).endswith("]"):
        raise ValueError(f"{name} must be a whole file, got an extension: {os.fspath(path)}")
    if os.fspath(path).lower().endswith(_OTHERS):
        raise ValueError(
            f"{name} must not end with {', '.join(_OTHERS)}: what is written is FITS, plain, "
            f".fits{_TILES} or .fits{_WHOLE}, got {os.fspath(path)}"
        )


def is_tiled(path: str | os.PathLike[str]) -> bool:
    """Whether the images of a file of that name are compressed by tiles."""
    return os.fspath(path).lower().endswith(_TILES)


def added_variance(quantization: float) -> float:
    """What steps of noise / `quantization` add to the variance of the noise, as a fraction of it.

    The rounding error of a dithered value is uniform over a step.
    """
    return 1 / (12 * quantization**2)


@contextmanager
def new_fits_file(
    path: str | os.PathLike[str], *, quantization: float = 0, overwrite: bool = False
) -> Iterator[BinaryIO]:
    """Begin a FITS file that takes its name only once it is complete.

    What is compressed lies uncompressed beside it, without a name, until the block ends. Then one
    plane after the other is compressed, for which up to four times its size is in memory with
    ``.fits.fz``, and next to nothing with ``.fits.gz``.

    Parameters
    ----------
    path : path-like
        Name of the file, which tells how it is compressed.
    quantization : float
        With ``.fits.fz``: the image is stored in steps of its noise, found tile by tile, over this
        number, with subtractive dithering; 0 stores the values themselves, as all else is stored.
    overwrite : bool
        Whether an existing file may be replaced.

    Yields
    ------
    file object
        Writable, binary; its descriptor can be read from.

    Raises
    ------
    FileExistsError
        If the file exists and `overwrite` is False.
    OSError
        If the file cannot be written.
    ValueError
        If its name is that of a file compressed otherwise.
    """
    check_name(path)
    with replace_file(path, overwrite=overwrite) as target:
        if not os.fspath(path).lower().endswith((_WHOLE, _TILES)):
            yield target
            return
        folder = os.path.dirname(os.path.realpath(path))
        with tempfile.TemporaryFile(dir=folder) as plain:
            yield plain
            plain.flush()
            plain.seek(0)
            if is_tiled(path):
                _write_tiles(plain, target, quantization)
            else:
                with gzip.GzipFile("", "wb", _EFFORT, target, mtime=0) as stream:
                    shutil.copyfileobj(plain, stream, _PIECE)


def _write_tiles(plain: BinaryIO, target: BinaryIO, quantization: float) -> None:
    # Astropy reads no file that can be written as well.
    with open(os.dup(plain.fileno()), "rb") as content, fits.open(content, memmap=True) as hdus:
        for hdu in hdus:
            if isinstance(hdu, fits.ImageHDU) and hdu.header["NAXIS"] > 0:
                memory = io.BytesIO()
                fits.HDUList([fits.PrimaryHDU(), _tiled(hdu, quantization)]).writeto(memory)
                target.write(memory.getbuffer()[BLOCK:])
                del hdu.data
            else:
                place = hdu.fileinfo()
                plain.seek(place["hdrLoc"])
                target.write(plain.read(place["datLoc"] + place["datSpan"] - place["hdrLoc"]))


def _tiled(hdu: fits.ImageHDU, quantization: float) -> fits.CompImageHDU:
    settings: dict[str, Any] = {"compression_type": "RICE_1"}
    if hdu.header["BITPIX"] < 0:
        settings = {"compression_type": "GZIP_2", "quantize_level": 0}
        if hdu.name == _QUANTIZED and quantization:
            settings = {
                "compression_type": "RICE_1",
                "quantize_level": quantization,
                # Values of 0 stay so, and NaN stays NaN.
                "quantize_method": 2,
                "dither_seed": 1,
            }
    return fits.CompImageHDU(hdu.data, hdu.header, **settings)
