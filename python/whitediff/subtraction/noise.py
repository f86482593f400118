"""Variance of the input images, from wherever it is known."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from ..fill import fill_values
from ..io.conventions import NOISE_WORDS, NoiseKind
from ..io.exposure_rows import ExposureRows
from ..io.noise_planes import NoiseFile, NoisePlane
from ..io.rows import Rows
from ..whiteness import whiteness
from .meshes import in_one_row, sky_meshes

__all__ = ["InputNoise", "Sky", "input_noise", "measured_sky"]

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


@dataclass(frozen=True)
class Sky:
    """Noise of the sky between the sources.

    Attributes
    ----------
    variance : float
        In squared units of the image.
    filled : mapping of float to float
        Values that fill pixels without data, each with the fraction of the pixels that it fills.
    """

    variance: float
    filled: Mapping[float, float]

    @property
    def left_out(self) -> str:
        """What was left out as filled, for the end of a sentence; empty if nothing was."""
        if not self.filled:
            return ""
        values = " and ".join(f"{value:g}" for value in self.filled)
        percentage = 100 * sum(self.filled.values())
        return f", {percentage:.3g} % of it left out as filled with {values}"


def measured_sky(image: Rows, ignored: Rows | None) -> Sky:
    """Measure the pixel variance of the sky between the sources.

    The median of what `whitediff.whiteness` finds in meshes of the image, so that neither a
    sloping background nor a bright star counts. Values that fill pixels without data are found in
    all meshes together: a mesh may have nothing else.

    Parameters
    ----------
    image : Rows
        Pixels [y, x].
    ignored : Rows of bool, or None
        Pixels [y, x] to leave out.

    Raises
    ------
    ValueError
        If no mesh has sky.
    """
    meshes = sky_meshes(image.shape)
    pixels = [image[mesh] for mesh in meshes]
    masks = [np.zeros(part.shape, bool) for part in pixels]
    if ignored is not None:
        masks = [ignored[mesh] for mesh in meshes]
    usable = [np.isfinite(part) & ~mask for part, mask in zip(pixels, masks, strict=True)]
    filled: Counter[float] = Counter()
    for fill in fill_values(in_one_row(pixels), in_one_row(usable)):
        for part, seen in zip(pixels, usable, strict=True):
            without_data = fill.pixels(part)
            filled[fill.value] += int(np.count_nonzero(seen & without_data))
            part[without_data] = np.nan
    found = []
    for part, mask in zip(pixels, masks, strict=True):
        # A mesh may be masked as a whole, or be full of a galaxy.
        with suppress(ValueError):
            found.append(whiteness(part, mask=mask, max_lag=1))
    if not found:
        raise ValueError("the sky variance cannot be measured: no pixel is finite, unmasked sky")
    for noise in found:
        filled.update(noise.filled)
    n_pixels = np.array([noise.n_pixels for noise in found])
    variances = np.array([noise.variance for noise in found])
    total = sum(part.size for part in pixels)
    return Sky(
        float(np.median(variances[n_pixels >= np.median(n_pixels) / 2])),
        {value: number / total for value, number in sorted(filled.items()) if number},
    )
