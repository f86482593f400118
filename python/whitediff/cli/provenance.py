"""Header cards that say how a whitened image was made."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits

from .. import Whitened, __version__
from .noise import InputNoise
from .subtraction import Subtraction

__all__ = ["whitened_header"]


def whitened_header(
    subtraction: Subtraction,
    result: Whitened,
    noise: Mapping[str, InputNoise],
    files: Mapping[str, Path],
    *,
    mode: str,
    propagation: str,
) -> fits.Header:
    """Header of the difference image, with the story of its whitening.

    Parameters
    ----------
    subtraction : Subtraction
        What was whitened.
    result : Whitened
        The result.
    noise : mapping of str to InputNoise
        Of "science" and "template".
    files : mapping of str to Path
        Names of "science", "template", "difference" and "kernel".
    mode, propagation : str
        As the arguments ``mode`` and ``variance`` of `whitediff.decorrelate`.
    """
    header = subtraction.difference.metadata.copy()
    # Pixels without a value are NaN in the result.
    header.remove("MASKVAL", ignore_missing=True)
    science, template = np.nanmean(result.cells.variances, axis=0)
    cards: dict[str, Any] = {
        "WDVERSN": (__version__, "version of whitediff"),
        # Names of files may leave no room for a comment.
        "WDSCI": _text(files["science"]),
        "WDTEMPL": _text(files["template"]),
        "WDDIFF": _text(files["difference"]),
        "WDKERN": _text(files["kernel"]),
        "WDCONV": (subtraction.convolved, "image that was convolved"),
        "WDMODE": (mode, "white difference, or score (detection) image"),
        "WDVARY": (len(result.cells.centers) > 1, "filter varies over the frame"),
        "WDVAR": (propagation, "propagation of the variance plane"),
        "WDSVAR": (float(science), "mean variance of raw science pixels"),
        "WDTVAR": (float(template), "mean variance of raw template pixels"),
        "WDSNOISE": (noise["science"].origin, "origin: number, file, plane or sky"),
        "WDTNOISE": (noise["template"].origin, "origin: number, file, plane or sky"),
        "WDCELLS": (len(result.cells), "number of cells"),
        "WDBORDER": (result.border, "[pixel] read beyond each cell"),
        "WDCLIP": (result.clipped_modes, "Fourier modes at the power floor"),
        "WDTHREAD": (result.n_threads, "threads"),
    }
    if subtraction.scale is not None:
        cards["WDSCALE"] = (subtraction.scale, "factor on the difference, after subtraction")
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
