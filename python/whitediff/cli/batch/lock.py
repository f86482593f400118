"""One run at a time for a table of results."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from ...io.atomic import writing

__all__ = ["locked"]


@contextmanager
def locked(results: Path) -> Iterator[None]:
    """Keep a table of results from other runs, until the block or the process ends.

    Parameters
    ----------
    results : Path
        The table, which need not exist yet.

    Raises
    ------
    click.UsageError
        If another run has it.
    WriteError
        If nothing can be written beside it.
    """
    path = results.with_name(f".{results.name}.lock")
    with writing(results):
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Who had it before may have removed it since it was opened.
            is_held = path.exists() and os.path.samestat(os.fstat(descriptor), path.stat())
        except OSError:
            is_held = False
        if not is_held:
            raise click.UsageError(f"'{results}' is in use by another run: wait until it has ended")
        try:
            yield
        finally:
            path.unlink(missing_ok=True)
    finally:
        os.close(descriptor)
