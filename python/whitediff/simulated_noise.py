"""Noise of simulated images, in units of what their raw pixels scatter."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .covariance import interpolation_weights

__all__ = ["UnitNoise", "mean_noise", "unit_noise"]

Floats = npt.NDArray[np.float64]

# The middle of a warped image moves by less than a pixel, the rest turns about it by some radians.
_ROTATION = 0.003
# The greatest reach of an interpolation, and the shift.
_MARGIN = 8
# Rows that are interpolated at a time.
_BAND = 256


@dataclass(frozen=True)
class UnitNoise:
    """Noise whose raw pixels had a variance of one.

    Attributes
    ----------
    pixels : numpy.ndarray, [y, x]
        The noise.
    variance : numpy.ndarray, [y, x]
        What its pixels have now.
    """

    pixels: Floats
    variance: Floats

    def cut(self, margin: int) -> UnitNoise:
        """Take off a margin on all sides."""
        inner = np.s_[margin:-margin, margin:-margin]
        return UnitNoise(self.pixels[inner], self.variance[inner])


def unit_noise(shape: tuple[int, int], rng: np.random.Generator, warp: str | None) -> UnitNoise:
    """Draw independent pixels, and warp them if asked to.

    Parameters
    ----------
    shape : tuple [int, int]
        Height and width.
    rng : numpy.random.Generator
        Where random numbers come from.
    warp : str or None
        The interpolation, as of `NoiseCovariance.resampling`: a random shift by a fraction of a
        pixel, and a turn by 0.003.
    """
    if warp is None:
        return UnitNoise(rng.normal(size=shape), np.ones(shape))
    shift = rng.uniform(size=2)
    margin = _MARGIN + int(np.ceil(_ROTATION * max(shape)))
    raw = rng.normal(size=[size + 2 * margin for size in shape])
    pixels, variance = np.empty(shape), np.empty(shape)
    for begin in range(0, shape[0], _BAND):
        band = slice(begin, min(begin + _BAND, shape[0]))
        y, x = np.mgrid[band, : shape[1]].astype(float)
        dy, dx = y - shape[0] / 2, x - shape[1] / 2
        from_y = y + margin + shift[0] - _ROTATION * dx
        from_x = x + margin + shift[1] + _ROTATION * dy
        pixels[band], variance[band] = _interpolated(raw, from_y, from_x, warp)
    return UnitNoise(pixels, variance)


def mean_noise(shape: tuple[int, int], parts: Iterable[UnitNoise]) -> UnitNoise:
    """Give the noise of a mean of images, in units of what the raw pixels of the mean scatter."""
    pixels, variance, number = np.zeros(shape), np.zeros(shape), 0
    for part in parts:
        pixels += part.pixels
        variance += part.variance
        number += 1
    return UnitNoise(pixels / np.sqrt(number), variance / number)


def _interpolated(raw: Floats, y: Floats, x: Floats, kernel: str) -> tuple[Floats, Floats]:
    """Pixels at positions in an image of independent ones, and the variance of each."""
    base_y, base_x = np.floor(y).astype(int), np.floor(x).astype(int)
    weights_y = interpolation_weights(kernel, base_y - y)
    weights_x = interpolation_weights(kernel, base_x - x)
    radius = weights_y.shape[-1] // 2
    place = base_y * raw.shape[1] + base_x
    total = np.zeros(y.shape)
    # The outermost weight on one side is zero: fractions are less than one.
    for row in range(1, 2 * radius + 1):
        part = np.zeros(y.shape)
        for column in range(1, 2 * radius + 1):
            step = (row - radius) * raw.shape[1] + column - radius
            part += weights_x[..., column] * raw.ravel()[place + step]
        total += weights_y[..., row] * part
    variance: Floats = (weights_y**2).sum(axis=-1) * (weights_x**2).sum(axis=-1)
    return total, variance
