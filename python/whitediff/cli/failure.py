"""What goes wrong although the input is good."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["Failure", "reason", "writing"]


class Failure(Exception):
    """The computer could not do what it was asked to; its message is for the user."""


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn errors of the operating system into a `Failure` to write the file `path`."""
    try:
        yield
    except OSError as error:
        raise Failure(f"cannot write {path}: {error.strerror or error}") from error


def reason(error: BaseException) -> str:
    """Message of an error, without the number that an OSError puts before it."""
    if isinstance(error, OSError) and error.filename is not None and error.strerror:
        return f"{error.filename}: {error.strerror}"
    return str(error)
