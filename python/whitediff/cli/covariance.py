"""How the noise of neighbouring pixels goes together, as options and tables say it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, cast, get_args

import click

from .files import is_input

if TYPE_CHECKING:
    from ..subtraction.colour import InputCovariance, Remaining

__all__ = [
    "default_covariance",
    "input_covariance",
    "input_covariance_value",
    "remaining",
    "remaining_value",
]


def default_covariance(*, blind: bool, preconvolved: bool) -> Remaining:
    """What the commands do about what remains of the colour, if nobody says."""
    if preconvolved:
        return "none"
    return "measured" if blind else "auto"


def remaining(text: str, folder: Path) -> Remaining | Path:
    """What remains of the colour: what to do about it, or a file named from a directory."""
    from ..subtraction.colour import Remaining

    return cast("Remaining", text) if text in get_args(Remaining) else folder / text


def input_covariance(text: str, folder: Path) -> InputCovariance:
    """That of an input image: a resampling, or a file named from a directory.

    Raises
    ------
    ValueError
        If the phases of a resampling are none.
    """
    from ..subtraction.colour import Resampling

    return Resampling.of(text) or folder / text


def remaining_value(
    context: click.Context, parameter: click.Parameter, value: str | None
) -> Remaining | Path | None:
    """`remaining`, as the callback of an option.

    Raises
    ------
    click.BadParameter
        If it is no word and no file.
    """
    found = None if value is None else remaining(value, Path())
    if isinstance(found, Path) and not is_input(found):
        raise click.BadParameter(f"expected auto, measured, none or a FITS file, got '{value}'.")
    return found


def input_covariance_value(
    context: click.Context, parameter: click.Parameter, value: str | None
) -> InputCovariance | None:
    """`input_covariance`, as the callback of an option.

    Raises
    ------
    click.BadParameter
        If it is neither a resampling nor a file.
    """
    if value is None:
        return None
    from ..subtraction.colour import INTERPOLATIONS

    try:
        found = input_covariance(value, Path())
    except ValueError as error:
        raise click.BadParameter(f"{error}.") from None
    if isinstance(found, Path) and not is_input(found):
        names = ", ".join(INTERPOLATIONS)
        raise click.BadParameter(
            f"expected a FITS file, or one of {names}, with phases or without "
            f"(lanczos3:0.25,0.4), got '{value}'."
        )
    return found
