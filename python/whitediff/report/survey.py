"""How white an image is from place to place."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..io.rows import Rows
from ..whiteness import Whiteness, mean_whiteness, whiteness

__all__ = ["QUANTITIES", "Survey", "survey"]

Floats = NDArray[np.float64]

# About so many pixels a mesh, on a side; no more meshes than so many on a side of the frame, of
# which no more than so many pixels on a side are measured.
_MESH, _MOST_MESHES, _MOST_PIXELS = 128, 16, 256
# The power spectrum has a resolution of one over twice the largest lag.
_MAX_LAG = 16

QUANTITIES: dict[str, Callable[[Whiteness], tuple[float, float]]] = {
    "variance": lambda noise: (noise.variance, noise.variance_error),
    "correlation": lambda noise: (
        float(noise.in_x[0] + noise.in_y[0]) / 2,
        float(np.hypot(noise.error_in_x[0], noise.error_in_y[0])) / 2,
    ),
    "psf_scale": lambda noise: (
        (np.nan, np.nan)
        if noise.covariance is None
        else (noise.covariance.psf_scale, noise.covariance.psf_scale_error)
    ),
}
"""What is told of a mesh, each with its sampling error: variance of the pixels over the plane, mean
correlation of neighbours in x and y, variance of a matched filter over the plane."""


@dataclass(frozen=True)
class Survey:
    """Noise of the meshes of a frame.

    Attributes
    ----------
    meshes : list of list of Whiteness or None
        Rows of meshes, from the bottom of the frame; None where no pixel is blank sky.
    """

    meshes: list[list[Whiteness | None]]

    @property
    def found(self) -> list[Whiteness]:
        """Meshes that have noise."""
        return [noise for row in self.meshes for noise in row if noise is not None]

    @property
    def mean(self) -> Whiteness:
        """The noise of all meshes together."""
        return mean_whiteness(self.found)

    def map(self, quantity: str) -> tuple[Floats, Floats]:
        """Give one of the `QUANTITIES` of each mesh and its sampling error; NaN where none is."""
        of_mesh = QUANTITIES[quantity]
        cells = [
            [(np.nan, np.nan) if noise is None else of_mesh(noise) for noise in row]
            for row in self.meshes
        ]
        values, errors = np.moveaxis(np.array(cells, dtype=np.float64), -1, 0)
        return values, errors

    def number(self, quantity: str) -> tuple[float, float]:
        """Give one of the `QUANTITIES` of the frame, and its sampling error; NaN if unknown."""
        values, errors = (part.ravel() for part in self.map(quantity))
        pixels = [0 if noise is None else noise.n_pixels for row in self.meshes for noise in row]
        known = np.isfinite(values)
        if not known.any():
            return np.nan, np.nan
        weights = np.array(pixels)[known] / np.sum(pixels, where=known)
        number = (weights * values[known]).sum()
        return float(number), float(np.sqrt(((weights * errors[known]) ** 2).sum()))


def survey(image: Rows, variance: Rows, ignored: Rows | None, psf: Any) -> Survey:
    """Measure how white an image is in meshes of about 128 pixels, 16 by 16 at most.

    Parameters
    ----------
    image, variance : Rows
        Pixels [y, x], and the variance over which to take theirs.
    ignored : Rows of bool, or None
        Pixels to leave out.
    psf : array_like [v, u], Kernel or None
        For noise on the scale of the PSF, as of `whitediff.whiteness.whiteness`.

    Raises
    ------
    ValueError
        If no mesh has noise.
    """
    max_lag = min(_MAX_LAG, min(image.shape) - 1)
    edges = [
        np.linspace(0, size, int(np.clip(round(size / _MESH), 1, _MOST_MESHES)) + 1).astype(int)
        for size in image.shape
    ]
    rows, columns = (
        [_middle(a, b) for a, b in zip(part[:-1], part[1:], strict=True)] for part in edges
    )
    meshes: list[list[Whiteness | None]] = []
    for row in rows:
        pixels, plane = image[row], variance[row]
        masked = None if ignored is None else ignored[row]
        meshes.append([])
        for column in columns:
            noise = None
            # A mesh may be masked as a whole, or be full of a galaxy.
            with suppress(ValueError):
                noise = whiteness(
                    pixels[:, column],
                    plane[:, column],
                    mask=None if masked is None else masked[:, column],
                    max_lag=max_lag,
                    psf=psf,
                    n_threads=1,
                )
            meshes[-1].append(noise)
    found = Survey(meshes)
    if not found.found:
        raise ValueError("no mesh of the frame has blank sky to measure noise in")
    return found


def _middle(begin: int, end: int) -> slice:
    size = min(end - begin, _MOST_PIXELS)
    first = (begin + end - size) // 2
    return slice(first, first + size)
