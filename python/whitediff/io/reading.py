"""The one boundary for reading: whatever is wrong with a file becomes one line that names it."""

from __future__ import annotations

import os
import stat
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import BinaryIO

from astropy.utils.exceptions import AstropyWarning

from .atomic import WriteError

__all__ = ["ContentError", "ReadError", "in_one_line", "naming", "open_input", "reading"]

# Libraries put whole tables and headers into their messages.
_MAX_LENGTH = 300


class ReadError(OSError):
    """A file cannot be read: it is truncated, damaged, or not of the format it should be."""


class ContentError(ValueError):
    """A file can be read, and does not hold what it should."""


@contextmanager
def reading(path: str | os.PathLike[str]) -> Iterator[None]:
    """Raise whatever goes wrong while a file is read as a `ReadError` or `ContentError`.

    Both name the file. Warnings of libraries are part of the message; where nothing goes wrong,
    those of astropy are about repairs that it has made, and dropped. An error of the operating
    system that names a file, and a lack of memory or disk, are raised as they are.

    Parameters
    ----------
    path : path-like
        The file.
    """
    name = os.fspath(path)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            yield
        except (ContentError, MemoryError, ReadError, WriteError):
            raise
        except OSError as error:
            if error.filename is not None:
                raise
            raise ReadError(f"{name}: {_told(error, caught)}") from error
        except KeyError as error:
            raise ContentError(f"{name} is incomplete: it has no {_told(error)}") from error
        except Exception as error:
            raise ContentError(f"{name}: {_told(error, caught)}") from error
    for warning in caught:
        if not issubclass(warning.category, AstropyWarning):
            warnings.warn_explicit(
                warning.message, warning.category, warning.filename, warning.lineno
            )


@contextmanager
def naming(**files: object) -> Iterator[None]:
    """Put the file before what is said of an argument that was read from it.

    Parameters
    ----------
    **files : path-like or None
        By the names of arguments, with which errors begin.
    """
    try:
        yield
    except ValueError as error:
        file = files.get(str(error).partition(" ")[0])
        if file is None:
            raise
        raise ContentError(f"{file}: {error}") from error


def _told(error: Exception, caught: Sequence[warnings.WarningMessage] = ()) -> str:
    """Give what an error and the warnings before it say, in one line of bounded length."""
    said = str(error)
    if not said or isinstance(error, AssertionError | AttributeError | RecursionError):
        # Their words are about the code of a library.
        said = "it is damaged, or nested too deeply"
    parts = [said, *(str(warning.message) for warning in caught)]
    return in_one_line("; ".join(dict.fromkeys(parts)))


def in_one_line(text: str) -> str:
    """Give what a message may show of text that a file or a library wrote, of bounded length."""
    shown = "".join(letter if letter.isprintable() else " " for letter in text)
    shown = " ".join(shown.split())
    return shown if len(shown) <= _MAX_LENGTH else f"{shown[:_MAX_LENGTH]} ..."


def open_input(path: str | os.PathLike[str]) -> BinaryIO:
    """Open a file for reading.

    Raises
    ------
    OSError
        If it is missing, its name cannot be one, or it is no regular file: devices and pipes may
        have no end.
    """
    try:
        mode = os.stat(path).st_mode
    except ValueError as error:
        raise ReadError(f"{os.fspath(path)!r} is not the name of a file: {error}") from error
    # To open a pipe would wait for someone to write into it.
    if not stat.S_ISREG(mode):
        raise ReadError(f"{os.fspath(path)} is not a regular file")
    return open(path, "rb")
