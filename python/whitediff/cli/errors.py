"""Errors, and how they read."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["WriteError", "reason", "writing"]


class WriteError(Exception):
    """A file cannot be written, through no fault of the input."""


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn errors of the operating system into a `WriteError` about the file `path`."""
    try:
        yield
    except OSError as error:
        raise WriteError(f"cannot write {path}: {error.strerror or error}") from error


def reason(error: BaseException) -> str:
    """Message of an error, without the number that an OSError puts before it."""
    if isinstance(error, OSError) and error.filename is not None and error.strerror:
        return f"{error.filename}: {error.strerror}"
    return str(error)
