"""Files that are compressed as a whole, which are read from an uncompressed copy."""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import tempfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO

from .atomic import writing
from .reading import ReadError

__all__ = ["plain"]

_OPENERS: dict[bytes, Callable[[Any], Any]] = {
    b"\x1f\x8b": gzip.open,
    b"BZh": bz2.open,
    b"\xfd7zXZ\x00": lzma.open,
}
_BEGINNING = b"SIMPLE  ="
_PIECE = 1 << 20


@contextmanager
def plain(file: BinaryIO, name: str) -> Iterator[BinaryIO]:
    """Give the uncompressed content of a file, which lies in the directory of temporary files.

    Parameters
    ----------
    file : file object
        At its beginning; compressed with gzip, bzip2 or xz, or not at all.
    name : str
        What messages call it.

    Raises
    ------
    ReadError
        If it cannot be uncompressed, or does not begin as a FITS file: what is compressed may be a
        thousand times as large as it looks.
    """
    beginning = file.read(max(map(len, _OPENERS)))
    file.seek(0)
    opener = next((of for magic, of in _OPENERS.items() if beginning.startswith(magic)), None)
    if opener is None:
        yield file
        return
    # It has no name, and ends with the process.
    with _temporary() as copy:
        try:
            with opener(file) as stream:
                piece = stream.read(_PIECE)
                if not piece.startswith(_BEGINNING):
                    raise ReadError(f"{name} is not a FITS file: its content is none")
                while piece:
                    with writing(tempfile.gettempdir()):
                        copy.write(piece)
                    piece = stream.read(_PIECE)
        except (EOFError, OSError, lzma.LZMAError, zlib.error) as error:
            # Of the disk, or told already.
            if isinstance(error, ReadError) or getattr(error, "errno", None) is not None:
                raise
            raise ReadError(f"{name} is truncated or damaged: {error}") from error
        with writing(tempfile.gettempdir()):
            copy.flush()
        copy.seek(0)
        with os.fdopen(os.dup(copy.fileno()), "rb") as content:
            yield content


def _temporary() -> BinaryIO:
    with writing(tempfile.gettempdir()):
        return tempfile.TemporaryFile()
