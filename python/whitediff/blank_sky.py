"""Pixels of an image that hold noise alone."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from .arrays import FloatImage
from .fill import fill_values, grown

__all__ = ["GROWTH", "center_and_sigma", "without_fill", "without_sources"]

# Sources are sought in the image as it is and smoothed by boxes of three pixels, each of variance
# 2/3 pixel squared: to a sigma of 1.6 pixels, about that of a star. They grow by so many pixels.
_SOURCE_SIGMAS = 4.5
_SMOOTHING_PASSES = 4
GROWTH = 4
# The first round's sigma still has the sources in it.
_ROUNDS = 2
_SIGMA_OF_IQR = 0.741
# Quantiles are taken of at most this many pixels.
_SAMPLE = 1 << 20


def without_fill(image: FloatImage, usable: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Give the usable pixels, which are finite, without those that have a fill value for data."""
    for fill in fill_values(image, usable):
        usable = usable & ~fill.pixels(image)
    return usable


def without_sources(
    noise: FloatImage, usable: npt.NDArray[np.bool_]
) -> tuple[npt.NDArray[np.bool_], float, float]:
    """Give the usable pixels away from sources, with centre and sigma of the noise.

    Pixels more than 4.5 sigma from the median, in the image or in the image smoothed to the size of
    a star, are taken for sources and left out with their surroundings.

    Parameters
    ----------
    noise : numpy.ndarray, [y, x]
        In units of its standard deviation.
    usable : numpy.ndarray of bool, [y, x]
        Finite, unmasked pixels.

    Raises
    ------
    ValueError
        If there is none.
    """
    kept = usable
    # Masked sources count as sources too: their wings may be outside of the mask.
    finite = np.isfinite(noise)
    for _ in range(_ROUNDS):
        if not kept.any():
            raise ValueError(
                f"image must have finite, unmasked pixels that are no sources, got none among "
                f"{noise.size}"
            )
        center, sigma = center_and_sigma(noise, kept)
        flat = np.where(finite, noise - noise.dtype.type(center), 0)
        smooth = _smoothed(flat)
        smooth_center, smooth_sigma = center_and_sigma(smooth, kept)
        source = np.abs(flat) > _SOURCE_SIGMAS * sigma
        source |= np.abs(smooth - noise.dtype.type(smooth_center)) > _SOURCE_SIGMAS * smooth_sigma
        kept = usable & ~grown(source, GROWTH)
    return kept, center, sigma


def center_and_sigma(image: FloatImage, kept: npt.NDArray[np.bool_]) -> tuple[float, float]:
    """Median, and sigma from the quartiles, of the pixels that are kept."""
    values = image[kept]
    lower, center, upper = np.percentile(values[:: 1 + values.size // _SAMPLE], (25, 50, 75))
    return float(center), float(_SIGMA_OF_IQR * (upper - lower))


def _smoothed(image: FloatImage) -> FloatImage:
    """The image through boxes of three by three pixels, again and again; zero beyond the frame."""
    for _ in range(_SMOOTHING_PASSES):
        for axis in (0, 1):
            image = _sum_of_three(image, axis)
    return image


def _sum_of_three(image: FloatImage, axis: int) -> FloatImage:
    view = image.swapaxes(0, axis)
    total = view / 3
    total[1:] += view[:-1] / 3
    total[:-1] += view[1:] / 3
    return total.swapaxes(0, axis)
