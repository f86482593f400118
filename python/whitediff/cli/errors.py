"""Errors, and how they read."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["ClusterError", "WriteError", "reason", "writing"]


class WriteError(Exception):
    """A file cannot be written, through no fault of the input."""


class ClusterError(Exception):
    """The machines that do the work cannot be reached, or are not set up for it."""


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn errors of the operating system into a `WriteError` about the file `path`."""
    try:
        yield
    except OSError as error:
        raise WriteError(f"cannot write {path}: {error.strerror or error}") from error


def reason(error: BaseException) -> str:
    """What went wrong, in one line; an error that is no one's expectation has its type before."""
    if isinstance(error, OSError) and error.filename is not None and error.strerror:
        text = f"{error.filename}: {error.strerror}"
    elif isinstance(error, MemoryError):
        text = "not enough memory"
    elif isinstance(error, OSError | TypeError | ValueError | WriteError | ClusterError):
        text = str(error)
    else:
        text = f"{type(error).__name__}: {error}"
    return " ".join(text.split())
