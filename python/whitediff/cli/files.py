"""Values of options: names of files, variances."""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import click

__all__ = ["INPUT", "OUTPUT", "check_outputs", "variance_value"]


class _Input(click.Path):
    """A file to read, which must be a regular one: devices and pipes may have no end."""

    def __init__(self) -> None:
        super().__init__(exists=True, dir_okay=False, path_type=Path)

    def convert(self, value: Any, parameter: Any, context: Any) -> Any:
        path: Any = super().convert(value, parameter, context)
        if not path.is_file():
            self.fail(f"File '{path}' is not a regular file.", parameter, context)
        return path


INPUT = _Input()
OUTPUT = click.Path(dir_okay=False, path_type=Path)


def variance_value(
    context: click.Context, parameter: click.Parameter, value: str | None
) -> float | Path | None:
    """A variance as it was given: a number, or a file; the callback of an option.

    Raises
    ------
    click.BadParameter
        If it is neither, or a number that no variance can have.
    """
    if value is None:
        return None
    try:
        number = float(value)
    except ValueError:
        if Path(value).is_file():
            return Path(value)
        raise click.BadParameter(f"expected a number or a FITS file, got '{value}'.") from None
    if not (math.isfinite(number) and number >= 0):
        raise click.BadParameter(f"expected a finite number >= 0, got {value}.")
    return number


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
