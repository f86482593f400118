"""How white the noise of an image is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from . import _core
from .adapters.images import as_measurable
from .arrays import FloatImage, as_masks
from .blank_sky import blank_noise
from .covariance import NOISE_REACH, NoiseCovariance, covariance_of
from .fill import fill_values
from .meshes import spread_meshes

__all__ = ["Whiteness", "mean_whiteness", "sampled_whiteness", "whiteness"]

Floats = npt.NDArray[np.float64]

# A sample: meshes of so many pixels a side, and how many.
_MESH, _MAX_MESHES = 256, 16


@dataclass(frozen=True, repr=False)
class Whiteness:
    """Noise properties of an image, sources and masked pixels left out.

    Attributes
    ----------
    variance : float
        Clipped variance of the pixels over their variance plane: 1 if the plane is right. Without
        a plane, in squared units of the image.
    variance_error : float
        Sampling error of ``variance``, for white noise.
    autocorrelation : numpy.ndarray of float64, [2 max_lag + 1, 2 max_lag + 1]
        Correlation coefficient of pixels that lie (y, x) apart; no shift, and the value 1, in the
        middle.
    n_pairs : numpy.ndarray of int64, same shape
        Number of pixel pairs behind each; the one in the middle is the number of pixels.
    filled : mapping of float to int
        Values that fill pixels without data, and how many pixels were left out for each.
    covariance : NoiseCovariance or None
        The same as noise alone, in units of the variance plane: its ``psf_scale`` tells whether
        errors of fluxes are right. None where the image is too small to tell, at most 6 pixels
        wide or high, or 8 both.
    """

    variance: float
    variance_error: float
    autocorrelation: Floats
    n_pairs: npt.NDArray[np.int64]
    filled: Mapping[float, int] = field(default_factory=dict)
    covariance: NoiseCovariance | None = None

    @property
    def max_lag(self) -> int:
        """Largest shift in pixels."""
        return len(self.autocorrelation) // 2

    @property
    def n_pixels(self) -> int:
        """Number of pixels used."""
        return int(self.n_pairs[self.max_lag, self.max_lag])

    @property
    def in_x(self) -> Floats:
        """Autocorrelation at lags 1..max_lag in x."""
        return self.autocorrelation[self.max_lag, self.max_lag + 1 :]

    @property
    def in_y(self) -> Floats:
        """Autocorrelation at lags 1..max_lag in y."""
        return self.autocorrelation[self.max_lag + 1 :, self.max_lag]

    @property
    def error(self) -> Floats:
        """Sampling error of ``autocorrelation`` for white noise: n_pairs^-1/2."""
        with np.errstate(divide="ignore"):
            error: Floats = 1.0 / np.sqrt(self.n_pairs)
        return error

    @property
    def error_in_x(self) -> Floats:
        """Sampling error of ``in_x``."""
        return self.error[self.max_lag, self.max_lag + 1 :]

    @property
    def error_in_y(self) -> Floats:
        """Sampling error of ``in_y``."""
        return self.error[self.max_lag + 1 :, self.max_lag]

    def power_spectrum(self, size: int = 64) -> Floats:
        """Noise power spectrum over its mean: 1 everywhere for white noise.

        The Fourier transform of the autocorrelation under a Hann window (Blackman & Tukey 1958), so
        that gaps do no harm; structure finer than 1 / max_lag cycles a pixel is smoothed out.

        Parameters
        ----------
        size : int, optional
            Frequencies an axis: those of ``numpy.fft.fftshift(numpy.fft.fftfreq(size))``, in
            cycles a pixel.

        Returns
        -------
        `numpy.ndarray` of float64, [size, size]
        """
        waves = self._waves(size)
        power: Floats = (waves @ self.autocorrelation @ waves.T).real
        return power

    def radial_power_spectrum(self, size: int = 64) -> tuple[Floats, Floats, Floats]:
        """Mean of the power spectrum over rings.

        Returns
        -------
        frequencies : numpy.ndarray of float64, [size // 2]
            Mean frequency of each ring in cycles a pixel, up to 1/2.
        power : numpy.ndarray of float64, [size // 2]
            Noise power over its mean.
        error : numpy.ndarray of float64, [size // 2]
            Sampling error of ``power``, for white noise; neighbouring rings share much of it.
        """
        axis = np.fft.fftshift(np.fft.fftfreq(size))
        frequency = np.hypot(axis[:, np.newaxis], axis[np.newaxis, :])
        ring = np.floor(frequency * size + 0.5).astype(int)
        n_rings = size // 2
        members = ring.ravel() == np.arange(n_rings)[:, np.newaxis]
        means = members / members.sum(axis=1, keepdims=True)
        # What every lag adds to a ring.
        waves = self._waves(size)
        rings = means.reshape(n_rings, size, size)
        weights = np.einsum("nyx,ya,xb->nab", rings, waves, waves, optimize=True).real
        power = (weights * self.autocorrelation).sum(axis=(1, 2))
        # Opposite lags are one number, and the one in the middle is 1 by definition.
        squares = 2.0 * (weights * self.error) ** 2
        squares[:, self.max_lag, self.max_lag] = 0.0
        return means @ frequency.ravel(), power, np.sqrt(squares.sum(axis=(1, 2)))

    def _waves(self, size: int) -> npt.NDArray[np.complex128]:
        """Give what lags add to frequencies, in one dimension, under the window."""
        lags = np.arange(-self.max_lag, self.max_lag + 1)
        window = np.cos(0.5 * np.pi * lags / (self.max_lag + 1)) ** 2
        frequencies = np.fft.fftshift(np.fft.fftfreq(size))
        waves: npt.NDArray[np.complex128] = window * np.exp(
            -2j * np.pi * np.outer(frequencies, lags)
        )
        return waves

    def __repr__(self) -> str:
        return (
            f"Whiteness(variance={self.variance:.4f} +- {self.variance_error:.4f}, lag 1 in x "
            f"{self.in_x[0]:+.4f}, in y {self.in_y[0]:+.4f}, {self.n_pixels} pixels)"
        )


def whiteness(
    image: npt.ArrayLike,
    variance: npt.ArrayLike | None = None,
    *,
    mask: npt.ArrayLike | None = None,
    ignore_mask: int = 0,
    max_lag: int = 5,
    psf: Any = None,
    n_threads: int = 0,
) -> Whiteness:
    """Measure how white the noise of an image is.

    Pixels more than 4.5 sigma from the median, in the image or in the image smoothed to the size of
    a star, are taken for sources and left out with their surroundings. A sky that rises is no
    noise: planes are taken off boxes of some 256 pixels a side. Pixels within 4 sigma of these are
    used, and the variance is corrected for what a normal distribution loses there. A variance plane
    is smoothed over blocks of 32 pixels.

    A value that recurs improbably often, such as the 0 in corners without data, is left out: it
    fills pixels. ``filled`` of the result tells which, and how many. In images of integers, where
    data may have the same value, it is left out in areas of 3 by 3 pixels or more.

    Parameters
    ----------
    image : array_like, [y, x], or object
        Sky-subtracted; what `whitediff.decorrelate` takes, dask arrays being read whole. Pixels
        that are masked or not finite are left out.
    variance : float, array_like [y, x], or object, optional
        Variance of its pixels; default: that of an NDData, if it has one.
    mask : array_like of int or bool, [y, x], optional
        Pixels with one of the bits of ``ignore_mask`` are left out; of a boolean mask, those that
        are True.
    ignore_mask : int, optional
        The bits to leave out.
    max_lag : int, optional
        Largest shift, in pixels, of the autocorrelation; at least 1.
    psf : array_like [v, u] or Kernel, optional
        PSF of the image, for ``covariance.psf_scale``; default: a Gaussian of sigma 1.7 pixels.
    n_threads : int, optional
        0 for all cores that the process may use. The result does not depend on it.

    Raises
    ------
    TypeError
        If the image or the variance holds no real numbers, or the mask neither integers nor
        booleans.
    ValueError
        If shapes differ, ``max_lag`` is less than 1 or not less than the sides of the image, no
        usable pixel is left, or all are equal.
    """
    pixels, plane, mask = as_measurable(image, variance, mask)
    if not 1 <= max_lag < min(pixels.shape):
        raise ValueError(
            f"max_lag must be at least 1 and less than the sides of the image, {pixels.shape}, "
            f"got {max_lag}"
        )
    masks, ignore, _ = as_masks({"mask": mask}, ignore_mask, pixels)
    plane = 1.0 if plane is None else plane
    usable = np.isfinite(pixels)
    bits = masks["mask"]
    if bits is not None:
        usable &= (bits & ignore) == 0
    noise, usable, filled = _noise_without_fill(pixels, plane, usable, n_threads)
    longest = max(max_lag, NOISE_REACH)
    found = _core.autocovariance(noise, usable, longest, n_threads)
    is_known = found.far_pairs > 0 and (found.pairs > 0).all()
    covariance = covariance_of(found, psf=psf) if is_known else None
    return _whiteness(found, max_lag, filled=filled, covariance=covariance)


def sampled_whiteness(
    image: Any, variance: Any, ignored: Any = None, *, n_threads: int = 0
) -> Whiteness | None:
    """Measure how white an image is on some meshes of it, a million pixels in all.

    Parameters
    ----------
    image, variance : array-like, [y, x]
        Pixels, and the variance over which to take theirs: anything with a shape and a dtype that
        two slices, of rows and of columns, cut.
    ignored : array-like of bool, [y, x], optional
        Pixels to leave out, likewise.
    n_threads : int, optional
        As of `whiteness`.

    Returns
    -------
    Whiteness or None
        Correlations at a lag of one pixel, without ``covariance``; None if no pixel is usable.
    """
    # All of a large frame would take longer than its whitening; these tell variance and
    # correlations to 0.1 %.
    meshes = spread_meshes(image.shape, _MESH, _MAX_MESHES)
    dtype = np.float32 if image.dtype == np.float32 else np.float64
    pixels, plane = (_stacked(of, meshes, dtype(np.nan)) for of in (image, variance))
    usable = np.isfinite(pixels)
    if ignored is not None:
        usable &= ~_stacked(ignored, meshes, np.True_)
    boxes = np.array(_stack(meshes), np.int32)
    try:
        noise, usable, filled = _noise_without_fill(pixels, plane, usable, n_threads)
        found, _ = _core.autocovariances(noise, usable, boxes, 1, n_threads, False)
    except ValueError:
        return None
    return _whiteness(found, 1, filled=filled)


def _stack(meshes: Sequence[tuple[slice, slice]]) -> list[tuple[int, int, int, int]]:
    """Boxes (x0, y0, x1, y1) of meshes one below the other, with a row after each."""
    boxes, y0 = [], 0
    for rows, columns in meshes:
        y1 = y0 + rows.stop - rows.start
        boxes.append((0, y0, columns.stop - columns.start, y1))
        y0 = y1 + 1
    return boxes


def _stacked(
    plane: Any, meshes: Sequence[tuple[slice, slice]], blank: np.generic
) -> npt.NDArray[Any]:
    """Meshes of a plane so, of the type of what is between them."""
    boxes = _stack(meshes)
    width, height = max(x1 for _, _, x1, _ in boxes), boxes[-1][3] + 1
    stacked = np.full((height, width), blank)
    for mesh, (x0, y0, x1, y1) in zip(meshes, boxes, strict=True):
        stacked[y0:y1, x0:x1] = plane[mesh]
    return stacked


def _noise_without_fill(
    pixels: FloatImage, plane: float | FloatImage, usable: npt.NDArray[np.bool_], n_threads: int
) -> tuple[FloatImage, npt.NDArray[np.bool_], dict[float, int]]:
    """Pixels in units of their noise, which of them are noise, and what fills others."""
    filled = {}
    no_data = np.zeros_like(usable)
    for fill in fill_values(pixels, usable):
        without_data = fill.pixels(pixels)
        if number := int(np.count_nonzero(usable & without_data)):
            filled[fill.value] = number
        no_data |= without_data
    usable = usable & ~no_data
    given = no_data if filled else None
    return *blank_noise(pixels, plane, usable, n_threads, no_data=given), filled


def _whiteness(
    found: _core.MeasuredCovariance,
    max_lag: int,
    *,
    filled: Mapping[float, int],
    covariance: NoiseCovariance | None = None,
) -> Whiteness:
    lags, pairs = found.lags, found.pairs
    longest = len(lags) // 2
    n_pixels, measured = pairs[longest, longest], lags[longest, longest]
    inner = slice(longest - max_lag, longest + max_lag + 1)
    return Whiteness(
        variance=float(measured),
        variance_error=float(measured * np.sqrt(2.0 / n_pixels)),
        autocorrelation=np.where(pairs > 0, lags / measured, np.nan)[inner, inner],
        n_pairs=pairs[inner, inner].astype(np.int64),
        filled=filled,
        covariance=covariance,
    )


def mean_whiteness(parts: Sequence[Whiteness]) -> Whiteness:
    """Mean of what was measured on parts of an image, each with its number of pixels.

    Parameters
    ----------
    parts : sequence of Whiteness
        One or more, of the same ``max_lag``.

    Returns
    -------
    Whiteness
        Without ``covariance`` and ``filled``.
    """
    n_pairs = np.array([noise.n_pairs for noise in parts])
    variances = np.array([noise.variance for noise in parts])
    covariances = np.array([noise.variance * noise.autocorrelation for noise in parts])
    n_pixels = np.array([noise.n_pixels for noise in parts])
    mean = float(np.average(variances, weights=n_pixels))
    # A lag that a part has no pair for is not known there.
    sums = np.where(n_pairs > 0, n_pairs * covariances, 0.0).sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        covariance = sums / n_pairs.sum(axis=0)
    middle = parts[0].max_lag
    return Whiteness(
        variance=mean,
        variance_error=float(mean * np.sqrt(2 / n_pixels.sum())),
        autocorrelation=covariance / covariance[middle, middle],
        n_pairs=n_pairs.sum(axis=0),
    )
