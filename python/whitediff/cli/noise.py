"""Variance of the input images, from wherever it is known."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ..exposure import Exposure
from ..io import read_exposure
from ..whiteness import whiteness

__all__ = ["InputNoise", "input_noise", "sky_variance"]

_MESH = 128
# A million pixels tell the variance to 0.14 %.
_MAX_MESHES = 64


@dataclass(frozen=True)
class InputNoise:
    """Variance of the raw pixels of one input image.

    Attributes
    ----------
    variance : float or ndarray [y, x]
        In squared units of the image.
    origin : {"number", "file", "plane", "sky"}
        Where it comes from: given as a number or as a file, the variance plane of the image, or
        measured in its sky.
    description : str
        The same in words.
    """

    variance: float | NDArray[Any]
    origin: Literal["number", "file", "plane", "sky"]
    description: str


def input_noise(
    given: float | Path | None, exposure: Exposure, path: Path, ignored: NDArray[np.bool_]
) -> InputNoise:
    """Variance of an input image: as given, or of its variance plane, or measured.

    Parameters
    ----------
    given : float or Path or None
        The variance, or the FITS file that has it.
    exposure : Exposure
        The input image.
    path : Path
        Its file.
    ignored : ndarray of bool
        Pixels [y, x] to leave out of the measurement.

    Raises
    ------
    ValueError, OSError
        If the file is not as expected, or no pixel is left to measure.
    """
    if given is not None:
        return _given_noise(given)
    if exposure.variance is not None:
        return InputNoise(exposure.variance.array, "plane", f"variance plane of {path}")
    try:
        measured = sky_variance(exposure.image.array, ignored)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    return InputNoise(measured, "sky", f"measured in the sky of {path}")


def _given_noise(given: float | Path) -> InputNoise:
    if isinstance(given, float):
        return InputNoise(given, "number", "as given")
    exposure = read_exposure(given)
    plane = exposure.image if exposure.variance is None else exposure.variance
    return InputNoise(plane.array, "file", f"from {given}")


def sky_variance(image: NDArray[Any], ignored: NDArray[np.bool_]) -> float:
    """Pixel variance of the sky between the sources.

    The median of what `whitediff.whiteness` finds in meshes of the image, so that neither a
    sloping background nor a bright star counts.

    Parameters
    ----------
    image : ndarray
        Pixels [y, x].
    ignored : ndarray of bool
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
    meshes = _meshes(image.shape)
    chosen = np.linspace(0, len(meshes) - 1, min(len(meshes), _MAX_MESHES)).round().astype(int)
    found = []
    for mesh in (meshes[n] for n in chosen):
        # A mesh may be masked as a whole, or be full of a galaxy.
        with suppress(ValueError):
            found.append(whiteness(image[mesh], mask=ignored[mesh], max_lag=1))
    if not found:
        raise ValueError("the sky variance cannot be measured: no pixel is finite, unmasked sky")
    n_pixels = np.array([noise.n_pixels for noise in found])
    variances = np.array([noise.variance for noise in found])
    return float(np.median(variances[n_pixels >= np.median(n_pixels) / 2]))


def _meshes(shape: tuple[int, ...]) -> list[tuple[slice, slice]]:
    """Parts of a frame, about as large as _MESH and nearly equal."""
    rows, columns = (
        np.linspace(0, size, max(1, round(size / _MESH)) + 1).astype(int) for size in shape
    )
    return [
        (slice(y0, y1), slice(x0, x1)) for y0, y1 in pairwise(rows) for x0, x1 in pairwise(columns)
    ]
