"""Variance of the input images, from wherever it is known."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..exposure import Exposure
from ..io import read_exposure

__all__ = ["InputNoise", "input_noise", "sky_variance"]

_MESH = 64
_N_CLIPS = 5
_N_SIGMA = 3.0
# What is left of a normal distribution's variance after clipping it again and again at 3 sigma.
_CLIPPED_PART = 0.9699


@dataclass(frozen=True)
class InputNoise:
    """Variance of the raw pixels of one input image.

    Attributes
    ----------
    variance : float or ndarray [y, x]
        In squared units of the image.
    origin : str
        Where it comes from, in words.
    """

    variance: float | NDArray[Any]
    origin: str


def input_noise(
    given: str | None, exposure: Exposure, path: Path, ignored: NDArray[np.bool_]
) -> InputNoise:
    """Variance of an input image: as given, or of its variance plane, or measured.

    Parameters
    ----------
    given : str or None
        A number, or the name of a FITS file with the variance.
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
        return InputNoise(exposure.variance.array, f"variance plane of {path}")
    try:
        measured = sky_variance(exposure.image.array, ignored)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    return InputNoise(measured, f"measured in the sky of {path}, which has no variance plane")


def _given_noise(given: str) -> InputNoise:
    try:
        return InputNoise(float(given), "given as a number")
    except ValueError:
        exposure = read_exposure(given)
    plane = exposure.image if exposure.variance is None else exposure.variance
    return InputNoise(plane.array, f"read from {given}")


def sky_variance(image: NDArray[Any], ignored: NDArray[np.bool_]) -> float:
    """Pixel variance of the sky between the sources.

    The image is cut into meshes, pixels off by more than 3 sigma are clipped again and again, and
    the median over the meshes is taken: neither single stars nor a sloping background count.

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
        If all pixels are ignored or not finite.
    """
    usable = ~ignored & np.isfinite(image)
    variances, counts = [], []
    for y in range(0, image.shape[0], _MESH):
        for x in range(0, image.shape[1], _MESH):
            mesh = slice(y, y + _MESH), slice(x, x + _MESH)
            pixels = image[mesh][usable[mesh]].astype(np.float64)
            if pixels.size > 1:
                variances.append(_clipped_variance(pixels))
                counts.append(pixels.size)
    if not variances:
        raise ValueError("the sky variance cannot be measured: no pixel is finite and unmasked")
    full = np.array(counts) >= np.median(counts) / 2
    return float(np.median(np.array(variances)[full]) / _CLIPPED_PART)


def _clipped_variance(pixels: NDArray[np.float64]) -> float:
    low, center, high = np.percentile(pixels, [25, 50, 75])
    sigma = 0.741 * (high - low)
    for _ in range(_N_CLIPS):
        kept = pixels[np.abs(pixels - center) <= _N_SIGMA * sigma]
        center, sigma = kept.mean(), kept.std()
    return float(sigma**2)
