"""Names of files on the command line."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import click

__all__ = ["INPUT", "OUTPUT", "check_outputs"]

INPUT = click.Path(exists=True, dir_okay=False, path_type=Path)
OUTPUT = click.Path(dir_okay=False, path_type=Path)


def check_outputs(outputs: Iterable[Path], inputs: Iterable[Path], *, overwrite: bool) -> None:
    """Refuse outputs that cannot or must not be written, before any work is done.

    Raises
    ------
    click.BadParameter
        If the directory of an output does not exist; if the output is an input, or is named
        twice; if it exists and is not to be overwritten.
    """
    taken = {path.resolve() for path in inputs}
    for path in outputs:
        if not path.parent.is_dir():
            raise click.BadParameter(f"directory '{path.parent}' of '{path}' does not exist")
        if path.resolve() in taken:
            raise click.BadParameter(f"'{path}' would be written over another file of this run")
        if path.exists() and not overwrite:
            raise click.BadParameter(f"'{path}' exists: give --overwrite to replace it")
        taken.add(path.resolve())
