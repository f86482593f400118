"""Files that appear whole or not at all."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

__all__ = ["WriteError", "replace_file", "writing"]


class WriteError(Exception):
    """A file cannot be written, through no fault of the input."""


@contextmanager
def writing(path: str | os.PathLike[str]) -> Iterator[None]:
    """Turn errors of the operating system into a `WriteError` about the file `path`."""
    try:
        yield
    except OSError as error:
        name = os.fspath(path)
        raise WriteError(f"cannot write {name}: {error.strerror or error}") from error


@contextmanager
def replace_file(path: str | os.PathLike[str], *, overwrite: bool = False) -> Iterator[BinaryIO]:
    """Open a binary file that takes its name only once it is complete and on the disk.

    The content goes to a temporary file in the same directory. When the block ends it is flushed
    to the disk and renamed; when the block raises it is removed, and what was at `path` before
    stays as it was.

    Parameters
    ----------
    path : path-like
        Name of the file.
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
        If the directory does not exist, or the file cannot be written.
    """
    target = Path(os.path.realpath(path))
    _check_target(target, overwrite)
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")
    # The mode lets the umask decide, as for any new file.
    descriptor = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666)
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        _check_target(target, overwrite)
        os.replace(temporary, target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    _sync_directory(target.parent)


def _check_target(target: Path, overwrite: bool) -> None:
    if not target.parent.is_dir():
        raise FileNotFoundError(f"directory {target.parent} of {target.name} does not exist")
    if target.is_dir():
        raise IsADirectoryError(f"path must be the name of a file, got the directory {target}")
    if target.exists() and not overwrite:
        raise FileExistsError(f"{target} exists and is not to be overwritten")


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
