"""What is found in an image, and how much of it chance alone would make."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from ..detection import SOURCE_TYPE, detect
from .significance import Box, Significance

__all__ = ["LOWEST", "Found", "expected_by_chance", "found_in", "without_counterpart"]

Floats = NDArray[np.float64]

LOWEST = 3.0
"""Peaks below are not counted."""

_BAND = 512
# Rows beyond a band that tell whether a pixel in it is a peak, and where.
_MARGIN = 8
_SAME = 3.0


@dataclass(frozen=True)
class Found:
    """Point sources of a frame.

    Attributes
    ----------
    sources : structured numpy.ndarray
        Columns of `whitediff.detection.SOURCE_TYPE`, of all peaks above `LOWEST`; positions in
        pixels of the array.
    marked : numpy.ndarray of bool
        Which of them masks make doubtful.
    """

    sources: NDArray[np.void]
    marked: NDArray[np.bool_]

    def beyond(self, threshold: float) -> NDArray[np.bool_]:
        """Sources beyond a threshold, of either sign, that no mask makes doubtful."""
        return np.asarray((abs(self.sources["significance"]) > threshold) & ~self.marked)

    def counts(self, thresholds: Floats, sign: int) -> NDArray[np.intp]:
        """Count those of one sign beyond each of a number of thresholds."""
        values = np.sort(sign * self.sources["significance"][~self.marked])
        return np.asarray(len(values) - np.searchsorted(values, thresholds, "right"))


def found_in(
    significance: Significance,
    shape: tuple[int, int],
    is_marked: Callable[[NDArray[np.void]], NDArray[np.bool_]],
) -> Found:
    """Find point sources of either sign, in bands of the frame.

    Parameters
    ----------
    significance : Significance
        Of the image.
    shape : tuple [int, int]
        Height and width of the frame.
    is_marked : callable
        Tells of sources whether a mask makes them doubtful.
    """
    height, width = shape
    parts, marks = [np.zeros(0, SOURCE_TYPE)], [np.zeros(0, bool)]
    for y0 in range(0, height, _BAND):
        y1 = min(height, y0 + _BAND)
        box = Box(max(0, y0 - _MARGIN), min(height, y1 + _MARGIN), 0, width)
        sources = detect(significance.point_sources(box), LOWEST)
        sources["y"] += box.y0
        row = np.floor(sources["y"] + 0.5)
        inside = (row >= y0) & (row < y1) & np.isfinite(sources["significance"])
        parts.append(sources[inside])
        marks.append(is_marked(sources[inside]))
    return Found(np.concatenate(parts), np.concatenate(marks))


def expected_by_chance(power: Floats, area: int, thresholds: Floats) -> Floats:
    """Mean number of peaks of one sign that noise has beyond thresholds.

    Parameters
    ----------
    power : numpy.ndarray of float64, [n, n]
        Power spectrum of the noise, at the frequencies of ``numpy.fft.fftfreq(n)``.
    area : int
        Number of pixels.
    thresholds : numpy.ndarray of float64
        In units of the standard deviation; the formula holds from about 3.

    Notes
    -----
    The Euler characteristic of what is above a threshold (Adler 1981, The Geometry of Random
    Fields, theorem 5.3.1): area sqrt(det L) (2 pi)^(-3/2) t exp(-t^2 / 2), L being the covariance
    of the gradient of the noise over its variance.
    """
    k = 2 * np.pi * np.fft.fftfreq(len(power))
    axes = k[:, np.newaxis], k
    moments = [[(power * a * b).sum() / power.sum() for b in axes] for a in axes]
    density = np.sqrt(np.linalg.det(moments)) * (2 * np.pi) ** -1.5
    number: Floats = area * density * thresholds * np.exp(-(thresholds**2) / 2)
    return number


def without_counterpart(sources: NDArray[np.void], others: NDArray[np.void]) -> NDArray[np.bool_]:
    """Whether nothing of the others is within three pixels of each source."""
    if not len(others) or not len(sources):
        return np.ones(len(sources), bool)
    here, there = (np.stack([one["x"], one["y"]], axis=1) for one in (sources, others))
    distance, _ = cKDTree(there).query(here, distance_upper_bound=_SAME)
    return np.asarray(~np.isfinite(distance))
