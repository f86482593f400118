"""Values of options: names of files."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import click

__all__ = ["INPUT", "OUTPUT", "check_outputs", "is_input"]


class _Input(click.Path):
    """A file to read, or ``FILE[EXT]``; a regular one, since devices and pipes may have no end."""

    def __init__(self) -> None:
        super().__init__(exists=True, dir_okay=False, path_type=Path)

    def convert(self, value: Any, parameter: Any, context: Any) -> Any:
        from ..io.file_names import bare

        try:
            file: Any = super().convert(bare(value), parameter, context)
        except ValueError as error:
            self.fail(str(error), parameter, context)
        if not file.is_file():
            self.fail(f"File '{file}' is not a regular file.", parameter, context)
        return Path(value)


INPUT = _Input()
OUTPUT = click.Path(dir_okay=False, path_type=Path)


def is_input(path: Path) -> bool:
    """Whether a name is that of a file, be it of an extension of it: ``FILE[EXT]``."""
    from ..io.file_names import bare

    return path.is_file() or bare(path).is_file()


def check_outputs(outputs: Iterable[Path], inputs: Iterable[Path], *, overwrite: bool) -> None:
    """Refuse outputs that cannot or must not be written, before any work is done.

    Raises
    ------
    click.UsageError
        If the directory of an output does not exist; if the output is an input, or is named
        twice; if it exists and is not to be overwritten.
    """
    taken = {path.resolve() for path in inputs}
    for path in outputs:
        if not path.parent.is_dir():
            raise click.UsageError(f"directory '{path.parent}' of '{path}' does not exist")
        if path.resolve() in taken:
            raise click.UsageError(f"'{path}' would be written over another file of this run")
        if path.exists() and not path.is_file():
            raise click.UsageError(f"'{path}' is not a regular file, and is not replaced")
        if path.exists() and not overwrite:
            raise click.UsageError(f"'{path}' exists: give --overwrite to replace it")
        taken.add(path.resolve())
