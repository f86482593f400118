"""Images in compressed tiles, decoded where a damaged one cannot take the command with it."""

from __future__ import annotations

import os
import signal
import tempfile
import warnings
from functools import cached_property
from typing import Any, BinaryIO, NoReturn

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

from .atomic import WriteError, writing

__all__ = ["TiledImage"]

_DAMAGED, _NO_MEMORY, _NO_SPACE = 1, 2, 3
# What is in memory at once, unless a tile is larger.
_BYTES = 1 << 24


class TiledImage(fits.CompImageHDU):  # type: ignore[misc]  # astropy has no types
    """A compressed image whose pixels are decoded, once, by `_decoded`."""

    @property
    def section(self) -> Any:
        """The pixels, for reading."""
        return self.data

    @cached_property
    def data(self) -> Any:
        """The pixels, for reading."""
        return _decoded(self)


def _decoded(hdu: fits.CompImageHDU) -> NDArray[Any]:
    """Decode an image into a file without a name in the directory of temporary files.

    Decoders follow what the tiles say, wherever that leads: they run in a fork of the process.

    Parameters
    ----------
    hdu : CompImageHDU
        Of an open file.

    Returns
    -------
    pixels : ndarray
        The image, on the disk, for reading.

    Raises
    ------
    OSError
        If its tiles are damaged.
    WriteError
        If the directory is full.
    """
    with tempfile.TemporaryFile(prefix="whitediff-") as file:
        child = _fork()
        if child == 0:
            _decode(hdu, file)
        status = _end_of(child)
        # Both share the place in the input file, of which the reader has its own idea.
        hdu.fileinfo()["file"].seek(0, os.SEEK_END)
        file.seek(0)
        if status == 0:
            dtype = np.dtype(file.readline().decode().strip())
            return np.memmap(file, dtype, "r", file.tell(), hdu.shape)
        said = file.read().decode() if status == _DAMAGED else ""
    if status == _NO_MEMORY:
        raise MemoryError
    if status == _NO_SPACE:
        raise WriteError(f"cannot write a decoded image to {tempfile.gettempdir()}")
    raise OSError(f"its compressed tiles are damaged{said}")


def _fork() -> int:
    with warnings.catch_warnings():
        # Threads of ours are no concern of the child's, which starts none and takes no lock.
        warnings.simplefilter("ignore", DeprecationWarning)
        return os.fork()


def _end_of(child: int) -> int:
    """Exit status of a process, which is ended if the wait for it is."""
    try:
        _, how = os.waitpid(child, 0)
    except BaseException:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        raise
    return os.waitstatus_to_exitcode(how)


def _decode(hdu: fits.CompImageHDU, file: BinaryIO) -> NoReturn:
    """Write the type of the pixels and all rows, or what is wrong; end the process."""
    status = -1
    try:
        for number in (signal.SIGSEGV, signal.SIGBUS, signal.SIGFPE, signal.SIGABRT):
            # Others would print where it was.
            signal.signal(number, signal.SIG_DFL)
        try:
            _write_rows(hdu, file)
            status = 0
        except MemoryError:
            status = _NO_MEMORY
        except WriteError:
            status = _NO_SPACE
        except Exception as error:
            file.seek(0)
            file.truncate()
            file.write(f": {error}".encode())
            file.flush()
            status = _DAMAGED
    finally:
        os._exit(status)


def _write_rows(hdu: fits.CompImageHDU, file: BinaryIO) -> None:
    section, tile = fits.CompImageHDU.section.fget(hdu), hdu.tile_shape[0]
    n_rows = max(_BYTES // max(hdu.size // hdu.shape[0], 1) // tile, 1) * tile
    for y in range(0, hdu.shape[0], n_rows):
        rows = section[y : y + n_rows]
        with writing(tempfile.gettempdir()):
            if y == 0:
                file.write(f"{rows.dtype.str}\n".encode())
            file.write(np.ascontiguousarray(rows).data)
            file.flush()
