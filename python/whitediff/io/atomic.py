"""Files that appear whole or not at all."""

from __future__ import annotations

import errno
import fcntl
import glob
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

__all__ = ["WriteError", "begin_to_write", "replace_file", "writing"]


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

    The content goes to a file in the same directory that has no name yet, where the file system has
    such files, and otherwise a hidden one. When the block ends it is flushed to the disk and takes
    the name, with the mode of the file that it replaces; when the block raises it is removed, and
    what was at `path` before stays as it was. Hidden files that killed processes have left are
    removed by the next one that writes to the same path.

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
        If the directory does not exist, if `path` is something else than a file, or if the file
        cannot be written.
    """
    target = Path(os.path.realpath(path))
    _check_target(target, overwrite)
    hidden = target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")
    descriptor = _open_nameless(target.parent)
    is_nameless = descriptor is not None
    if descriptor is None:
        _sweep(target)
        descriptor = _open_hidden(hidden)
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
            file.flush()
            if target.exists():
                os.fchmod(descriptor, stat.S_IMODE(target.stat().st_mode))
            os.fsync(descriptor)
            _check_target(target, overwrite)
            if is_nameless:
                # A link replaces nothing. Python follows the symbolic one of /proc only if it is
                # told a directory, which does not matter to an absolute path.
                os.link(f"/proc/self/fd/{descriptor}", hidden, src_dir_fd=descriptor)
            os.replace(hidden, target)
    except BaseException:
        hidden.unlink(missing_ok=True)
        raise
    _sync_directory(target.parent)


def begin_to_write(file: BinaryIO, begin: int) -> None:
    """Have the disk begin with what a file was given from byte `begin` on, and do not wait."""
    file.flush()
    if hasattr(os, "posix_fadvise"):
        # Only what is on the disk already would be dropped from memory.
        size = file.tell() - begin
        os.posix_fadvise(file.fileno(), begin, size, os.POSIX_FADV_DONTNEED)


def _open_nameless(directory: Path) -> int | None:
    """Open a file that ends with the process unless it gets a name; None if there is no such."""
    if not (hasattr(os, "O_TMPFILE") and os.path.isdir("/proc/self/fd")):
        return None
    try:
        # The mode lets the umask decide, as for any new file.
        return os.open(directory, os.O_RDWR | os.O_TMPFILE, 0o666)
    except OSError as error:
        # Directories that cannot be written say so again where a file is to have a name.
        if error.errno in (errno.EOPNOTSUPP, errno.EISDIR, errno.ENOENT, errno.EINVAL):
            return None
        raise


def _open_hidden(path: Path) -> int:
    """Open a file, locked to tell others that it is not left over."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666)
    # Where there are no locks, nobody sweeps.
    with suppress(OSError):
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    return descriptor


def _sweep(target: Path) -> None:
    """Remove hidden files that processes have left which were killed while they wrote to a path."""
    for path in target.parent.glob(f".{glob.escape(target.name)}.????????.part"):
        with suppress(OSError), open(path, "rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            path.unlink()


def _check_target(target: Path, overwrite: bool) -> None:
    if not target.parent.is_dir():
        raise FileNotFoundError(f"directory {target.parent} of {target.name} does not exist")
    if target.is_dir():
        raise IsADirectoryError(f"path must be the name of a file, got the directory {target}")
    if target.exists() and not target.is_file():
        raise FileExistsError(f"{target} is not a regular file, and is not replaced")
    if target.exists() and not overwrite:
        raise FileExistsError(f"{target} exists and is not to be overwritten")


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
