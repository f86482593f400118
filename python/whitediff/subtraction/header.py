"""Header cards that say how a whitened image was made."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from astropy.io import fits

from .. import __version__
from .noise import InputNoise
from .subtraction import Subtraction

__all__ = ["BATCH_KEYWORD", "whitened_header"]

BATCH_KEYWORD = "WDBATCH"

_FACTS = {
    "scienceVariance": ("WDSVAR", "mean variance of raw science pixels"),
    "templateVariance": ("WDTVAR", "mean variance of raw template pixels"),
    "nCells": ("WDCELLS", "number of cells"),
    "border": ("WDBORDER", "[pixel] read beyond each cell"),
    "clippedModes": ("WDCLIP", "Fourier modes at the power floor"),
    "nThreads": ("WDTHREAD", "threads"),
}


def whitened_header(
    subtraction: Subtraction,
    facts: Mapping[str, Any],
    noise: Mapping[str, InputNoise],
    files: Mapping[str, Path],
    *,
    mode: str,
    propagation: str,
    batch: str | None = None,
) -> fits.Header:
    """Header of the difference image, with the story of its whitening.

    Parameters
    ----------
    subtraction : Subtraction
        What was whitened.
    facts : mapping of str to scalar
        Those of the `Outcome`.
    noise : mapping of str to InputNoise
        Of "science" and "template".
    files : mapping of str to Path
        Names of "science", "template", "difference" and "kernel".
    mode, propagation : str
        As the arguments ``mode`` and ``variance`` of `whitediff.decorrelate`.
    batch : str, optional
        Name of the batch that this belongs to.
    """
    header = subtraction.difference.metadata.copy()
    # Pixels without a value are NaN in the result.
    header.remove("MASKVAL", ignore_missing=True)
    cards: dict[str, Any] = {
        "WDVERSN": (__version__, "version of whitediff"),
        # Names of files may leave no room for a comment.
        "WDSCI": _text(files["science"]),
        "WDTEMPL": _text(files["template"]),
        "WDDIFF": _text(files["difference"]),
        "WDKERN": _text(files["kernel"]),
        "WDCONV": (subtraction.convolved, "image that was convolved"),
        "WDMODE": (mode, "white difference, or score (detection) image"),
        "WDVAR": (propagation, "propagation of the variance plane"),
        "WDSNOISE": (noise["science"].origin, "origin: number, file, plane or sky"),
        "WDTNOISE": (noise["template"].origin, "origin: number, file, plane or sky"),
    }
    if subtraction.scale is not None:
        cards["WDSCALE"] = (subtraction.scale, "factor on the difference, after subtraction")
    if batch is not None:
        cards[BATCH_KEYWORD] = (batch, "batch that made this file")
    if "nFilters" in facts:
        cards["WDVARY"] = (facts["nFilters"] > 1, "filter varies over the frame")
    for name, (keyword, comment) in _FACTS.items():
        if name in facts:
            cards[keyword] = (facts[name], comment)
    for keyword, card in cards.items():
        header[keyword] = card
    header.add_history(f"Noise whitened by whitediff {__version__}, keywords WD...")
    for name, source in noise.items():
        header.add_history(_text(f"Variance of the {name} image: {source.description}"))
    if not subtraction.convolved_is_known:
        header.add_history("No file says which image was convolved: the template, by assumption")
    return header


def _text(value: Any) -> str:
    """Text in the characters that a FITS header can hold."""
    return str(value).encode("ascii", "backslashreplace").decode()
