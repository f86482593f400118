"""Planes of noise as variances in the squared unit of their image."""

from __future__ import annotations

import re
import warnings
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from astropy import units
from numpy.typing import NDArray

from .conventions import FILE_NAMES, NOISE_WORDS, NoiseKind
from .planes import label_of
from .rows import Rows, is_asinh, pixels_of_hdu

__all__ = ["NoiseFile", "NoisePlane", "kind_of_name", "variance_rows"]

_POWERS: dict[NoiseKind, int] = {"sigma": 1, "variance": 2, "weight": -2}


@dataclass(frozen=True)
class NoiseFile:
    """A file of noise, and what it holds.

    Attributes
    ----------
    path : Path
        The file, or ``FILE[EXT]``.
    kind : {"variance", "sigma", "weight"}
        Variances, standard deviations, or inverse variances.
    """

    path: Path
    kind: NoiseKind

    def __str__(self) -> str:
        return str(self.path)


@dataclass(frozen=True)
class NoisePlane:
    """Variance of an image, from a plane of noise of any kind.

    Attributes
    ----------
    variance : Rows
        Variance [y, x] in squared units of the image; not finite where a weight is 0.
    origin : str
        What it was made of, in words.
    notes : sequence of str
        What is doubtful of it.
    """

    variance: Rows
    origin: str
    notes: Sequence[str] = ()


def kind_of_name(path: str) -> NoiseKind | None:
    """What a file of noise holds by its name; None if that does not tell."""
    name = Path(path).name.lower()
    return next((kind for word, kind in FILE_NAMES.items() if re.search(word, name)), None)


def variance_rows(
    hdus: Sequence[Any], kind: NoiseKind | None, image_unit: str, *, is_certain: bool
) -> NoisePlane:
    """Make variances of a plane of noise, or of the several terms of a variance.

    Parameters
    ----------
    hdus : sequence of HDU
        The plane, or the terms.
    kind : {"variance", "sigma", "weight"} or None
        What it holds; None if nothing but its unit may tell.
    image_unit : str
        BUNIT of the image; empty if it is not known.
    is_certain : bool
        Whether the user says what it holds, so that a unit at odds with that is a notice, and no
        error.

    Raises
    ------
    ValueError
        If its unit, BUNIT, is at odds with that of the image.
    """
    unit = str(hdus[0].header.get("BUNIT", "")).strip()
    kind = kind or _kind_of_unit(unit, image_unit) or "variance"
    factor, doubt = _factor(unit, image_unit, kind)
    names = " + ".join(map(label_of, hdus))
    if doubt and not is_certain:
        raise ValueError(
            f"{names} is taken for {_SAID[kind]}, and must have the unit {doubt}, got {unit}; "
            f"if it is that, name it as in FILE[EXT], or say that it is variance, sigma or weight"
        )
    rows = _sum([pixels_of_hdu(hdu) for hdu in hdus])
    notes = [f"{names} has the unit {unit}, where {doubt} was expected"] if doubt else []
    if any(is_asinh(hdu.header) for hdu in hdus):
        notes.append(f"{names}: values that are compressed (BSOFTEN) were made linear")
    if kind != "variance" or factor != 1:
        dtype = min(np.result_type(rows.dtype, np.float32), np.dtype(np.float64))
        rows = rows.map(dtype, lambda pixels: _variances(pixels.astype(dtype), kind, factor))
    scaled = "" if factor == 1 else f", from {unit}"
    return NoisePlane(rows, f"{NOISE_WORDS[kind]}{scaled}", notes)


_SAID: dict[NoiseKind, str] = {
    "variance": "variances",
    "sigma": "standard deviations",
    "weight": "inverse variances",
}


def _variances(values: NDArray[Any], kind: NoiseKind, factor: float) -> NDArray[Any]:
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        if kind == "sigma":
            # A negative one marks a pixel that has none.
            values[values < 0] = np.nan
            values *= values
            values *= factor
        elif kind == "weight":
            values[~(values > 0)] = np.nan
            np.divide(factor, values, out=values)
        else:
            values *= factor
    return values


def _sum(rows: Sequence[Rows]) -> Rows:
    first, *others = rows
    if any(other.shape != first.shape for other in others):
        raise ValueError(
            f"terms of the variance must have one shape, got {[other.shape for other in rows]}"
        )
    if not others:
        return first
    dtype = np.result_type(*(other.dtype for other in rows))

    def read(part: slice) -> NDArray[Any]:
        total = first[part].astype(dtype)
        for other in others:
            total += other[part]
        return total

    return Rows(first.shape, dtype, read)


def _kind_of_unit(unit: str, image_unit: str) -> NoiseKind | None:
    """What a plane of that unit holds; None if it does not tell."""
    if not unit or not image_unit:
        return None
    return next((kind for kind in _POWERS if _factor(unit, image_unit, kind)[1] == ""), None)


def _factor(unit: str, image_unit: str, kind: NoiseKind) -> tuple[float, str]:
    """Factor that variances in the squared unit of the image need, and the unit expected.

    The latter is empty unless units are at odds with each other.
    """
    if not unit or not image_unit:
        return 1.0, ""
    power = _POWERS[kind]
    expected = image_unit if power == 1 else f"({image_unit})**{power}"
    # A search for words like one that no standard has, which would fail here, takes milliseconds.
    if image_unit.isalpha() and re.sub(r"[\s()*^]", "", unit) in _spellings(image_unit, power):
        return 1.0, ""
    given, own = _parsed(unit), _parsed(image_unit)
    if given is None or own is None:
        # Words that no standard has, as electrons.
        same = _plain(unit) in {_plain(spelling) for spelling in _spellings(image_unit, power)}
        return 1.0, "" if same else expected
    try:
        scale = given.to(own**power)
    except units.UnitConversionError:
        return 1.0, expected
    return float(scale ** (2 / power)), ""


def _parsed(unit: str) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", units.UnitsWarning)
        for form in ("fits", None):
            with suppress(ValueError):
                return units.Unit(unit, format=form)
    return None


def _plain(unit: str) -> str:
    return re.sub(r"[\s()*^]", "", unit).lower()


def _spellings(unit: str, power: int) -> list[str]:
    if power == 1:
        return [unit]
    return [f"{unit}{power}"] if power > 0 else [f"{unit}{power}", f"1/{unit}{-power}"]
