"""Options that say where the noise of an input image is to be found."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .files import INPUT, is_input

if TYPE_CHECKING:
    from ..io.conventions import NoiseKind
    from ..io.noise_planes import NoiseFile

__all__ = ["NOISE_KINDS", "noise_number", "noise_of", "noise_options"]

NOISE_KINDS: tuple[NoiseKind, ...] = ("variance", "sigma", "weight")

_HELP = {
    "variance": "Variance of the raw {name} pixels, in squared image units; of a file, what its "
    "planes and units say that it holds.  [default: the plane of noise of the image, or else "
    "measured in its sky]",
    "sigma": "The same by the standard deviation.",
    "weight": "The same by the inverse variance; pixels of weight 0 have none.",
}


def noise_options(name: str) -> Callable[[Any], Any]:
    """Options of the noise and the mask of an input image."""

    def decorate(command: Any) -> Any:
        mask = click.option(
            f"--{name}-mask", type=INPUT, help="Mask of that image, if it has a file of its own."
        )
        command = mask(command)
        for kind in reversed(NOISE_KINDS):
            option = click.option(
                f"--{name}-{kind}",
                callback=_noise_value,
                metavar="NUMBER|FILE",
                help=_HELP[kind].format(name=name),
            )
            command = option(command)
        return command

    return decorate


def noise_of(name: str, given: Mapping[str, Any]) -> float | Path | NoiseFile | None:
    """Give the noise of an input image as a job has it.

    Parameters
    ----------
    name : str
        The image.
    given : mapping of str to float or Path or None
        What was said of it: ``science_variance``, ``science_sigma``, ``science_weight``.

    Raises
    ------
    ValueError
        If it was said in several ways.
    """
    said = {
        kind: value for kind in NOISE_KINDS if (value := given.get(f"{name}_{kind}")) is not None
    }
    if len(said) > 1:
        raise ValueError(f"the noise of {name} must be said in one way, got {', '.join(said)}")
    if not said:
        return None
    ((kind, value),) = said.items()
    if isinstance(value, Path):
        from ..io.noise_planes import NoiseFile

        return value if kind == "variance" else NoiseFile(value, kind)
    number = float(value)
    if kind == "weight":
        return 1 / number if number else math.inf
    return number**2 if kind == "sigma" else number


def noise_number(text: str) -> float | None:
    """Read noise that is a number; None if it is none.

    Raises
    ------
    ValueError
        If no variance can be that.
    """
    try:
        number = float(text)
    except ValueError:
        return None
    if not (math.isfinite(number) and number >= 0):
        raise ValueError(f"a finite number >= 0, got {text}")
    return number


def _noise_value(
    context: click.Context, parameter: click.Parameter, value: str | None
) -> float | Path | None:
    if value is None:
        return None
    try:
        number = noise_number(value)
    except ValueError as error:
        raise click.BadParameter(f"expected {error}.") from None
    if number is None and not is_input(Path(value)):
        raise click.BadParameter(f"expected a number or a FITS file, got '{value}'.")
    return Path(value) if number is None else number
