"""Variance of the input images, from wherever it is known."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from ..io.exposure_rows import ExposureRows
from ..io.rows import Rows
from ..whiteness import whiteness
from .meshes import spread_meshes

__all__ = ["InputNoise", "input_noise", "sky_variance"]

_MESH = 128
# A million pixels tell the variance to 0.14 %.
_MAX_MESHES = 64


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
    """

    variance: float | Rows
    origin: Literal["number", "file", "plane", "sky"]
    description: str


def input_noise(
    given: float | Path | None,
    exposure: ExposureRows,
    path: Path,
    ignored: Rows | None,
    open_file: Callable[[Path], ExposureRows],
) -> InputNoise:
    """Variance of an input image: as given, or of its variance plane, or measured.

    Parameters
    ----------
    given : float or Path or None
        The variance, or the FITS file that has it.
    exposure : ExposureRows
        The image.
    path : Path
        Its file.
    ignored : Rows of bool, or None
        Pixels [y, x] to leave out of the measurement.
    open_file : callable
        Opens a file, which stays open as long as it is needed.

    Raises
    ------
    ValueError, OSError
        If the file is not as expected, or no pixel is left to measure.
    """
    if isinstance(given, float | int):
        return InputNoise(float(given), "number", "as given")
    if given is not None:
        rows = open_file(given)
        plane = rows.image if rows.variance is None else rows.variance
        return InputNoise(plane, "file", f"from {given}")
    if exposure.variance is not None:
        return InputNoise(exposure.variance, "plane", f"variance plane of {path}")
    try:
        measured = sky_variance(exposure.image, ignored)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    return InputNoise(measured, "sky", f"measured in the sky of {path}")


def sky_variance(image: Rows, ignored: Rows | None) -> float:
    """Pixel variance of the sky between the sources.

    The median of what `whitediff.whiteness` finds in meshes of the image, so that neither a
    sloping background nor a bright star counts.

    Parameters
    ----------
    image : Rows
        Pixels [y, x].
    ignored : Rows of bool, or None
        Pixels [y, x] to leave out.

    Returns
    -------
    float
        Variance in squared units of the image.

    Raises
    ------
    ValueError
        If no mesh has sky.
    """
    found = []
    for mesh in spread_meshes(image.shape, _MESH, _MAX_MESHES):
        # A mesh may be masked as a whole, or be full of a galaxy.
        with suppress(ValueError):
            mask = None if ignored is None else ignored[mesh]
            found.append(whiteness(image[mesh], mask=mask, max_lag=1))
    if not found:
        raise ValueError("the sky variance cannot be measured: no pixel is finite, unmasked sky")
    n_pixels = np.array([noise.n_pixels for noise in found])
    variances = np.array([noise.variance for noise in found])
    return float(np.median(variances[n_pixels >= np.median(n_pixels) / 2]))
