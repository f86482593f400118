"""Variance of the input images, from wherever it is known."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ..io import read_exposure
from ..whiteness import whiteness
from .meshes import spread_meshes

__all__ = ["InputNoise", "input_noise", "sky_variance", "variance_of_file"]

_MESH = 128
# A million pixels tell the variance to 0.14 %.
_MAX_MESHES = 64


@dataclass(frozen=True)
class InputNoise:
    """Variance of the raw pixels of one input image.

    Attributes
    ----------
    variance : float or ndarray or Rows [y, x]
        In squared units of the image.
    origin : {"number", "file", "plane", "sky"}
        Where it comes from: given as a number or as a file, the variance plane of the image, or
        measured in its sky.
    description : str
        The same in words.
    """

    variance: Any
    origin: Literal["number", "file", "plane", "sky"]
    description: str


def input_noise(
    given: float | Path | None,
    image: Any,
    variance: Any,
    path: Path,
    ignored: Any,
    read: Callable[[Path], Any],
) -> InputNoise:
    """Variance of an input image: as given, or of its variance plane, or measured.

    Parameters
    ----------
    given : float or Path or None
        The variance, or the FITS file that has it.
    image : ndarray or Rows
        Pixels [y, x].
    variance : ndarray or Rows or None
        Variance [y, x], if the image came with it.
    path : Path
        File of the image.
    ignored : ndarray or Rows of bool, or None
        Pixels [y, x] to leave out of the measurement.
    read : callable
        Gives the variance plane of a file; `variance_of_file`, or the same by rows.

    Raises
    ------
    ValueError, OSError
        If the file is not as expected, or no pixel is left to measure.
    """
    if isinstance(given, float):
        return InputNoise(given, "number", "as given")
    if given is not None:
        return InputNoise(read(given), "file", f"from {given}")
    if variance is not None:
        return InputNoise(variance, "plane", f"variance plane of {path}")
    try:
        measured = sky_variance(image, ignored)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    return InputNoise(measured, "sky", f"measured in the sky of {path}")


def variance_of_file(path: Path) -> NDArray[Any]:
    """Variance plane of a file, or its image if it has none."""
    exposure = read_exposure(path)
    return (exposure.image if exposure.variance is None else exposure.variance).array


def sky_variance(image: Any, ignored: Any) -> float:
    """Pixel variance of the sky between the sources.

    The median of what `whitediff.whiteness` finds in meshes of the image, so that neither a
    sloping background nor a bright star counts.

    Parameters
    ----------
    image : ndarray or Rows
        Pixels [y, x].
    ignored : ndarray or Rows of bool, or None
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
