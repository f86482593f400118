"""What is left of the colour of the noise on a whitened image."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from copy import copy

import numpy as np
import numpy.typing as npt

from . import _core
from .arrays import FloatImage, Planes
from .blank_sky import blank_noise, without_fill
from .covariance import (
    NOISE_REACH,
    NoiseCovariance,
    covariance_of,
    psf_image,
    window_sums,
)
from .sources import CoreSource
from .whitening import Whitened

__all__ = ["chosen_covariance", "measured_noise", "measured_remains"]

# A correlation from which more rounds are worth their time: where inputs are bilinear warps the
# first one leaves 2 per cent between neighbours and 4 of the variance, the second one half a
# per cent and one, and after the third the sampling error is what is left.
_STRONG, _STRONG_ROUNDS = 0.1, 3
# Pixels that are measured: enough to tell whether noise is white; and for what is applied in any
# case, or in a wide window of lags, which errs by half as much.
_PIXELS, _MORE_PIXELS = 1e6, 4e6
_WIDE_REACH = _core.wide_window[1] - 1
# What a plateau that is not level over a wide window adds to the power at k = 0, and what makes the
# error of that.
_WIDE_SUM, _WIDE_LAGS = window_sums(_core.wide_window)
# What stars leave that lie aside sums to nothing: of its negative wings about four times as much
# lies beyond the narrow window as of the wings of kernels, where they are beyond doubt.
_OF_STARS, _DOUBT = 4.0, 3.0


def chosen_covariance(
    choice: str | NoiseCovariance,
    planes: Planes,
    sources: Sequence[CoreSource],
    options: _core.WhitenOptions,
    *,
    rounds: int = 1,
    preconvolved: bool = False,
) -> tuple[NoiseCovariance | None, bool]:
    """Give what remains of the noise's colour, and whether whitening is to take account of it.

    Parameters
    ----------
    choice : {"none", "auto", "measured"} or NoiseCovariance
        As the option ``covariance``.
    planes : Planes
        The image, and the masks whose pixels are left out.
    sources : sequence of NoiseSource of the core
        With their PSF in the options.
    options : WhitenOptions of the core
        Stays as it is.
    rounds : int, optional
        How often to measure on what the last round left; a strong colour takes three at least.
    preconvolved : bool, optional
        Whether the image is a likelihood image.

    Raises
    ------
    ValueError
        If it is to be measured on a likelihood image; if it must be, and no usable noise is left.
    """
    if isinstance(choice, NoiseCovariance):
        return choice, True
    if choice == "none":
        return None, False
    if preconvolved:
        raise ValueError(
            "covariance must be 'none' or a NoiseCovariance for a likelihood image (preconvolved), "
            f"got {choice!r}"
        )
    is_forced = choice == "measured"
    pixels = _MORE_PIXELS if is_forced and rounds == 1 else _PIXELS
    try:
        covariance = measured_remains(planes, sources, options, pixels=pixels)
    except ValueError:
        if is_forced:
            raise
        # Where no noise is usable, none is beyond doubt; of all else that is wrong with the
        # arguments whitening itself complains.
        return None, False
    applied = is_forced or covariance.is_significant
    if not applied:
        return covariance, False
    wide = (is_forced or rounds > 1) and _is_long(
        covariance, pixels, float(np.prod(planes.image.shape))
    )
    pixels = _MORE_PIXELS if wide else pixels
    least_rounds = _STRONG_ROUNDS if _is_strong(covariance) else 1 + wide
    for _ in range(1, max(rounds, least_rounds)):
        # What a round leaves need not be noise, as where the sky is steep.
        with suppress(ValueError):
            covariance = covariance * measured_remains(
                planes, sources, options, covariance, pixels=pixels, wide=wide
            )
    return covariance, True


def _is_long(covariance: NoiseCovariance, pixels: float, size: float) -> bool:
    """Whether more of the noise lies beyond the narrow window than a wide one errs by."""
    usable = min(1.0, (covariance.n_pixels or 0) / min(size, pixels))
    error = float(np.sqrt(2 * _WIDE_LAGS / (usable * min(size, _MORE_PIXELS))))
    beyond = covariance.leaves_out
    if beyond < -_DOUBT * covariance.leaves_out_error:
        beyond *= _OF_STARS
    return abs(beyond) > error


def _is_strong(covariance: NoiseCovariance) -> bool:
    """Whether so much goes beyond the window of lags that it has to be measured once more."""
    ordered = np.sort(np.abs(covariance.lags), axis=None)
    return bool(ordered[-2] > _STRONG * ordered[-1])


def _has_structure(found: _core.MeasuredCovariance) -> bool:
    """Whether the sky has waves, which no kernel makes: they would count in a wide window."""
    plateau = found.lags.max() - found.noise().lags.max()
    return bool(abs(plateau) * _WIDE_SUM > 3.0 * np.sqrt(2 * _WIDE_LAGS / found.pairs.max()))


def measured_remains(
    planes: Planes,
    sources: Sequence[CoreSource],
    options: _core.WhitenOptions,
    remaining: NoiseCovariance | None = None,
    *,
    pixels: float = _PIXELS,
    wide: bool = False,
) -> NoiseCovariance:
    """Measure what remains of the noise's colour on parts of the image, whitened.

    Parameters
    ----------
    planes, sources, options
        As of `chosen_covariance`. In mode "score", too, it is the white image that is measured.
    remaining : NoiseCovariance, optional
        What the filters know of it already.
    pixels : float, optional
        About how many are measured.
    wide : bool, optional
        Whether in the wide window of lags.

    Raises
    ------
    ValueError
        If no usable noise is left.
    """
    chosen = copy(options)
    if options.mode is _core.Mode.score:
        # The variance of noise alone, as it is measured, needs no more than mean gains.
        chosen.mode = _core.Mode.difference
        chosen.variance = _core.VariancePropagation.estimate
    chosen.remaining = None if remaining is None else remaining.core
    image, sample = _core.whiten_sample(planes.image, sources, chosen, pixels)
    whitened, variance, usable, parts, centers = sample
    usable = without_fill(image, usable)
    shape = planes.image.shape
    return _noise_of(options, shape, whitened, variance, usable, parts, centers, wide=wide)


def measured_noise(options: _core.WhitenOptions, whitened: Whitened) -> NoiseCovariance:
    """Measure the noise of a white image, which needs no input, on parts of it.

    Parameters
    ----------
    options : WhitenOptions of the core
        Those that it was whitened with.
    whitened : Whitened
        The image.

    Raises
    ------
    ValueError
        If no usable noise is left.
    """
    image, variance, edge = whitened.planes
    sample = _core.sample_of(image, variance, edge, options)
    return _noise_of(options, image.shape, *sample)


def _noise_of(
    options: _core.WhitenOptions,
    shape: tuple[int, ...],
    whitened: FloatImage,
    variance: FloatImage,
    usable: npt.NDArray[np.bool_],
    parts: npt.NDArray[np.int32],
    centers: npt.NDArray[np.float64],
    *,
    wide: bool = False,
) -> NoiseCovariance:
    """Measure the noise of a sample, which is used up, of a white image, which has this shape."""
    noise, usable = blank_noise(
        whitened, variance, usable, options.n_threads, surroundings=True, in_place=True
    )
    reach = _WIDE_REACH if wide else NOISE_REACH
    found, local = _core.autocovariances(noise, usable, parts, reach, options.n_threads, wide)
    if wide and _has_structure(found):
        found, local = _core.autocovariances(noise, usable, parts, reach, options.n_threads, False)
    whole = covariance_of(found, psf=_psf(options, shape))
    # Lags of which a part has no pair are not known there.
    known = [n for n, part in enumerate(local) if part.far_pairs > 0 and part.pairs.min() > 0]
    if not (known and options.spatially_varying):
        return whole
    # Not for `import whitediff` to wait for.
    from .local_covariance import varying_covariance

    (x0, y0), (height, width) = options.xy0, shape
    noises = [local[n].noise() for n in known]
    return varying_covariance(
        whole,
        np.stack([one.lags for one in noises]),
        np.array([one.pairs.max() for one in noises]),
        centers[known],
        (x0, x0 + width - 1, y0, y0 + height - 1),
    )


def _psf(options: _core.WhitenOptions, shape: tuple[int, ...]) -> npt.NDArray[np.float64] | None:
    """The PSF in the middle of the frame, if it is known."""
    if not options.psf:
        return None
    height, width = shape
    x, y = 0.5 * (width - 1) + options.xy0[0], 0.5 * (height - 1) + options.xy0[1]
    return psf_image(options.psf[0], x, y)
