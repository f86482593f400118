"""Variance of the input images, from wherever it is known."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ..io.conventions import NOISE_WORDS, NoiseKind
from ..io.exposure_rows import ExposureRows
from ..io.noise_planes import NoiseFile, NoisePlane
from ..io.rows import Rows
from ..sky import measured_sky

__all__ = ["InputNoise", "input_noise"]

# A larger variance is a mark of pixels without a value, and none less than or equal to 0 can be.
_LARGEST_VARIANCE = 1e25
# Planes are searched in bands of about so many pixels.
_BAND = 1 << 20


@dataclass(frozen=True)
class InputNoise:
    """Variance of the raw pixels of one input image.

    Attributes
    ----------
    variance : float or Rows [y, x]
        In squared units of the image.
    origin : {"number", "file", "plane", "sky"}
        Where it comes from: given as a number or as a file, the variance plane of the image, or
        measured in its sky.
    description : str
        The same in words.
    notes : sequence of str
        What is doubtful of it.
    """

    variance: float | Rows
    origin: Literal["number", "file", "plane", "sky"]
    description: str
    notes: Sequence[str] = ()


def input_noise(
    given: float | Path | NoiseFile | None,
    exposure: ExposureRows,
    path: Path,
    ignored: Rows | None,
    open_file: Callable[[Path, NoiseKind | None, str], NoisePlane],
) -> InputNoise:
    """Variance of an input image: as given, or of its variance plane, or measured.

    Parameters
    ----------
    given : float or Path or NoiseFile or None
        The variance, or the FITS file that has it.
    exposure : ExposureRows
        The image.
    path : Path
        Its file.
    ignored : Rows of bool, or None
        Pixels [y, x] to leave out of the measurement.
    open_file : callable
        Opens a file of noise, given what it holds if that is known and the unit of the image; it
        stays open as long as it is needed.

    Raises
    ------
    ValueError, OSError
        If the file is not as expected, or no pixel is left to measure.
    """
    if isinstance(given, float | int):
        return InputNoise(float(given), "number", "as given")
    if given is not None:
        file, kind = (given.path, given.kind) if isinstance(given, NoiseFile) else (given, None)
        if file == path and exposure.variance is None:
            raise ValueError(f"{file}: expected a plane of noise, got the image itself alone")
        noise = open_file(file, kind, str(exposure.metadata.get("BUNIT", "")).strip())
        if not _has_known_value(noise.variance):
            raise ValueError(f"{file}: variance must have a known value ({_KNOWN}), got none")
        made = "" if noise.origin == NOISE_WORDS["variance"] else f"{noise.origin} "
        return InputNoise(noise.variance, "file", f"{made}from {file}", noise.notes)
    found = f"measured in the sky of {path}"
    lack = ""
    if exposure.variance is not None:
        if _has_known_value(exposure.variance):
            return InputNoise(exposure.variance, "plane", f"{exposure.variance_origin} of {path}")
        lack = f"its variance plane has no known value ({_KNOWN})"
        found = f"{path}: {lack}: measured in the sky"
    try:
        sky = measured_sky(exposure.image, ignored)
    except ValueError as error:
        raise ValueError(f"{path}: {lack and f'{lack}, and '}{error}") from error
    return InputNoise(sky.variance, "sky", found + sky.left_out)


_KNOWN = f"finite, positive and at most {_LARGEST_VARIANCE:g}"


def _has_known_value(variance: Rows) -> bool:
    height, width = variance.shape
    step = max(1, _BAND // width)
    for y in range(0, height, step):
        values = variance[y : y + step]
        # Comparisons with NaN are false.
        if ((values > 0) & (values <= _LARGEST_VARIANCE)).any():
            return True
    return False
