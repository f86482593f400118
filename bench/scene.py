"""The difference image that is timed: white noise through a spatially varying kernel."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
import numpy.typing as npt

import whitediff
from whitediff.simulate import MASK_PLANES

FloatPlane = npt.NDArray[np.float32]

RADIUS = 10
# Of the two Gaussians of the kernel, over its radius.
_SIGMAS = (0.12, 0.24)
SCIENCE_VARIANCE, TEMPLATE_VARIANCE = 100.0, 100.0
_BAND = 64


def _profile(sigma: float, radius: int) -> npt.NDArray[np.float64]:
    offset = np.arange(-radius, radius + 1)
    profile = np.exp(-0.5 * (offset / sigma) ** 2)
    return np.asarray(profile / profile.sum())


def _smoothed(block: FloatPlane, profile: npt.NDArray[np.float64]) -> FloatPlane:
    """Convolve a block with a profile in y and x; it loses half of it on every side."""
    for _ in range(2):
        height = len(block) - len(profile) + 1
        taps = profile.astype(np.float32)
        total = taps[0] * block[:height]
        for shift in range(1, len(taps)):
            total += taps[shift] * block[shift : shift + height]
        block = np.ascontiguousarray(total.T)
    return block


@dataclass(frozen=True, eq=False)
class Scene:
    """D = S - K*T without sources; K a mixture of two Gaussians, weights linear in x.

    Attributes
    ----------
    size : `int`
        Pixels on a side.
    radius : `int`
        Of the kernel, 2 radius + 1 pixels on a side; the wider Gaussian has a sigma of 0.24 radius.
    difference : `numpy.ndarray` of float32, [y, x]
        S less the convolved template.
    kernel : `whitediff.SpatialKernel`
        Its sum is one, so that the whitened image has the variance
        SCIENCE_VARIANCE + TEMPLATE_VARIANCE.
    """

    size: int
    radius: int
    difference: FloatPlane
    kernel: whitediff.SpatialKernel

    def _plane(self, mean: float, seed: int) -> FloatPlane:
        plane = np.random.default_rng(seed).standard_normal((self.size, self.size), np.float32)
        plane *= 0.02 * mean
        plane += mean
        return plane

    @cached_property
    def pair(self) -> tuple[FloatPlane, FloatPlane]:
        """Science image and template before any convolution: those of the difference."""
        science, template = _noise(self.size, self.radius)
        inner = np.s_[self.radius : self.radius + self.size]
        return science, np.ascontiguousarray(template[inner, inner])

    @cached_property
    def science_plane(self) -> FloatPlane:
        """Variance plane with a scatter of 2 per cent."""
        return self._plane(SCIENCE_VARIANCE, 2)

    @cached_property
    def template_plane(self) -> FloatPlane:
        """Variance plane with a scatter of 2 per cent."""
        return self._plane(TEMPLATE_VARIANCE, 3)

    @cached_property
    def mask(self) -> npt.NDArray[np.int32]:
        """Detections on one pixel in fifty, in blots of ten by ten."""
        blots = np.random.default_rng(4).random((self.size // 10 + 1, self.size // 10 + 1)) < 0.02
        detected = MASK_PLANES["DETECTED"]
        mask = np.kron(blots.astype(np.int32) << detected, np.ones((10, 10), np.int32))
        return np.ascontiguousarray(mask[: self.size, : self.size])

    @cached_property
    def psf(self) -> npt.NDArray[np.float64]:
        """PSF of the difference image."""
        profile = _profile(_SIGMAS[1] * self.radius, self.radius)
        return np.outer(profile, profile)


def _noise(size: int, radius: int) -> tuple[FloatPlane, FloatPlane]:
    """Make a science image, and a template that is wider by the radius on every side."""
    rng = np.random.default_rng(1)
    planes = []
    for side, variance in (
        (size, SCIENCE_VARIANCE),
        (size + 2 * radius, TEMPLATE_VARIANCE),
    ):
        plane = rng.standard_normal((side, side), np.float32)
        plane *= np.sqrt(variance)
        planes.append(plane)
    science, template = planes
    return science, template


@lru_cache(maxsize=2)
def make_scene(size: int, radius: int = RADIUS) -> Scene:
    """Make the scene of this size, always the same."""
    difference, template = _noise(size, radius)
    share = np.arange(size, dtype=np.float32) / (size - 1)
    profiles = [_profile(sigma * radius, radius) for sigma in _SIGMAS]
    for y in range(0, size, _BAND):
        rows = slice(y, min(y + _BAND, size))
        block = template[rows.start : rows.stop + 2 * radius]
        for profile, weight in zip(profiles, (1 - share, share), strict=True):
            difference[rows] -= weight * _smoothed(block, profile)
    return Scene(size, radius, difference, make_kernel(size, radius))


def make_kernel(size: int, radius: int = RADIUS) -> whitediff.SpatialKernel:
    """Make the kernel of a scene of this size."""
    profiles = [_profile(sigma * radius, radius) for sigma in _SIGMAS]
    slope = 1 / (size - 1)
    return whitediff.SpatialKernel(
        np.stack([np.outer(profile, profile) for profile in profiles]),
        [
            whitediff.Polynomial2D([1.0, -slope, 0.0]),
            whitediff.Polynomial2D([0.0, slope, 0.0]),
        ],
    )
