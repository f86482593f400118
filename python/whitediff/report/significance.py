"""How sure point sources are at every pixel of an image, part by part."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.signal import oaconvolve

from ..adapters import as_psf
from ..io.rows import Rows
from ..kernel import Kernel, fixed_kernel
from ..whitening import PointSources

__all__ = ["Box", "MatchedFilter", "ScorePlanes", "Significance", "psf_or_gaussian"]

Floats = NDArray[np.float64]

# Beyond so many pixels a PSF has nothing that counts.
_REACH = 16
# A PSF holds for parts of so many pixels on a side.
_TILE = 512
# In place of a PSF that is not known, as where noise is measured on its scale.
_SIGMA, _RADIUS = 1.7, 8


class Box(NamedTuple):
    """A part of a frame: rows and columns, half open."""

    y0: int
    y1: int
    x0: int
    x1: int


class Significance(Protocol):
    """What tells of point sources in a part of a frame."""

    @property
    def noise_power(self) -> Floats:
        """Power spectrum of the planes, if the pixels of the image are independent."""

    def point_sources(self, box: Box) -> PointSources:
        """Planes of the part; NaN where a pixel has no value."""


class ScorePlanes:
    """Planes of a score image, as a file has them.

    Parameters
    ----------
    planes : sequence of Rows
        Significance, flux and its error [y, x].
    psf : numpy.ndarray of float64, [v, u]
        PSF of the score image.
    """

    def __init__(self, planes: Sequence[Rows], psf: Floats) -> None:
        self._planes, self._psf = planes, psf

    @property
    def noise_power(self) -> Floats:
        """That of the PSF: noise goes together as a source is spread."""
        return _transformed(self._psf)

    def point_sources(self, box: Box) -> PointSources:
        """Read a part of the planes."""
        y0, y1, x0, x1 = box
        return PointSources(*(plane[y0:y1, x0:x1] for plane in self._planes))


class MatchedFilter:
    """An image filtered with its PSF, as if its pixels were independent.

    Parameters
    ----------
    image, variance : Rows
        Pixels [y, x] and their variances. Pixels without a value, or a variance, count nothing.
    psf : Kernel
        PSF of the image.
    xy0 : tuple [int, int]
        Pixel coordinates (x, y) of pixel [0, 0], in which the PSF counts positions.
    """

    def __init__(self, image: Rows, variance: Rows, psf: Kernel, xy0: tuple[int, int]) -> None:
        self._image, self._variance = image, variance
        self._psf, self._xy0 = psf, xy0
        (height, width), center = psf.shape, psf.center
        sides = (*center, height - 1 - center[0], width - 1 - center[1])
        self._reach = min(_REACH, *sides)

    def psf_at(self, y: float, x: float) -> Floats:
        """PSF image [v, u] of sum one, its middle the middle, at a position of the frame."""
        x0, y0 = self._xy0
        image = self._psf.evaluate(np.array([x0 + x]), np.array([y0 + y]))[0]
        row, column = self._psf.center
        reach = self._reach
        part = image[row - reach : row + reach + 1, column - reach : column + reach + 1]
        stamp: Floats = part / part.sum()
        return stamp

    @property
    def noise_power(self) -> Floats:
        """That of white noise filtered with the PSF in the middle of the frame."""
        height, width = self._image.shape
        return _transformed(self.psf_at((height - 1) / 2, (width - 1) / 2)) ** 2

    def point_sources(self, box: Box) -> PointSources:
        """Filter a part of the image, with the PSF in the middles of tiles of it."""
        image, variance = (self._read(plane, box) for plane in (self._image, self._variance))
        width = box.x1 - box.x0
        edges = np.linspace(0, width, 1 + (width - 1) // _TILE + 1).astype(int)
        parts = []
        for begin, end in zip(edges[:-1], edges[1:], strict=True):
            columns = slice(begin, end + 2 * self._reach)
            psf = self.psf_at((box.y0 + box.y1 - 1) / 2, box.x0 + (begin + end - 1) / 2)
            parts.append(_matched(image[:, columns], variance[:, columns], psf))
        return PointSources(
            *(np.concatenate(planes, axis=1) for planes in zip(*parts, strict=True))
        )

    def _read(self, plane: Rows, box: Box) -> NDArray[np.float32]:
        """Pixels of a part and around it, NaN beyond the frame."""
        (height, width), reach = plane.shape, self._reach
        y0, y1 = max(0, box.y0 - reach), min(height, box.y1 + reach)
        x0, x1 = max(0, box.x0 - reach), min(width, box.x1 + reach)
        below, left = y0 - box.y0 + reach, x0 - box.x0 + reach
        above, right = box.y1 + reach - y1, box.x1 + reach - x1
        return np.pad(
            plane[y0:y1, x0:x1].astype(np.float32),
            ((below, above), (left, right)),
            constant_values=np.nan,
        )


def _matched(
    image: NDArray[np.float32], variance: NDArray[np.float32], psf: Floats
) -> PointSources:
    """Planes of all pixels but those in a border as wide as the PSF reaches."""
    known = np.isfinite(image) & np.isfinite(variance) & (variance > 0)

    def summed(pixels: NDArray[np.float32], weights: Floats) -> NDArray[np.float32]:
        turned = weights[::-1, ::-1].astype(np.float32)
        sums: NDArray[np.float32] = oaconvolve(np.where(known, pixels, 0), turned, mode="valid")
        return sums

    score = summed(image, psf)
    scatter = np.maximum(summed(variance, psf**2), 0)
    response = summed(np.ones_like(image), psf**2).astype(np.float64)
    reach = len(psf) // 2
    unknown = ~known[reach:-reach, reach:-reach] if reach else ~known
    score[unknown] = np.nan
    return PointSources.of(score, scatter, response)


def _transformed(psf: Floats) -> Floats:
    side = 4 * max(psf.shape)
    return np.abs(np.fft.fft2(psf, s=(side, side)))


def psf_or_gaussian(psf: object) -> Kernel:
    """Give a PSF as a kernel; a Gaussian of sigma 1.7 pixels if there is none."""
    if psf is not None:
        return as_psf(psf)
    profile = np.exp(-0.5 * (np.arange(-_RADIUS, _RADIUS + 1) / _SIGMA) ** 2)
    return fixed_kernel(np.outer(profile, profile) / profile.sum() ** 2)
