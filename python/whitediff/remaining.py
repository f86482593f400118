"""What is left of the colour of the noise on a whitened image."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from copy import copy

import numpy as np
import numpy.typing as npt

from . import _core
from .arrays import CutPlane, FloatImage, Marked, Planes
from .blank_sky import without_fill
from .covariance import (
    NOISE_REACH,
    NoiseCovariance,
    blank_noise,
    covariance_of,
    measured_covariance,
    psf_image,
)
from .meshes import spread_meshes
from .sources import CoreSource
from .whitening import Whitened

__all__ = ["chosen_covariance", "measured_noise", "measured_remains"]

# A correlation from which a second round is worth its time: where inputs are bilinear warps the
# first one leaves 2 per cent between neighbours and 4 of the variance, the second one half a
# per cent and one.
_STRONG = 0.1
# As many pixels as `whiten_sample` takes, in as many parts.
_WHOLE, _PART, _PARTS, _APART = 1_500_000, 272, 16, 16


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
        How often to measure on what the last round left; a strong colour takes two at least.
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
    try:
        covariance = measured_remains(planes, sources, options)
    except ValueError:
        if choice == "measured":
            raise
        # Where no noise is usable, none is beyond doubt; of all else that is wrong with the
        # arguments whitening itself complains.
        return None, False
    applied = choice == "measured" or covariance.is_significant
    if not applied:
        return covariance, False
    for _ in range(1, max(rounds, 2 if _is_strong(covariance) else 1)):
        # What a round leaves need not be noise, as where the sky is steep.
        with suppress(ValueError):
            covariance = covariance * measured_remains(planes, sources, options, covariance)
    return covariance, True


def _level(noise: FloatImage, usable: npt.NDArray[np.bool_]) -> None:
    """Take the plane off a part of a sample: a sky that rises is no noise that pixels share."""
    height, width = noise.shape
    # One, y and x: what planes are made of, and what their products sum to.
    y = np.column_stack([np.ones(height), np.linspace(-1, 1, height), np.ones(height)])
    x = np.column_stack([np.ones(width), np.ones(width), np.linspace(-1, 1, width)])
    moments = np.einsum("yi,yj,yx,xi,xj->ij", y, y, usable.astype(float), x, x, optimize=True)
    values = np.where(usable, noise, 0.0)
    coefficients = np.linalg.pinv(moments) @ np.einsum("yi,yx,xi->i", y, values, x, optimize=True)
    noise -= ((y * coefficients) @ x.T).astype(noise.dtype)


def _is_strong(covariance: NoiseCovariance) -> bool:
    """Whether so much goes beyond the window of lags that it has to be measured once more."""
    ordered = np.sort(np.abs(covariance.lags), axis=None)
    return bool(ordered[-2] > _STRONG * ordered[-1])


def measured_remains(
    planes: Planes,
    sources: Sequence[CoreSource],
    options: _core.WhitenOptions,
    remaining: NoiseCovariance | None = None,
) -> NoiseCovariance:
    """Measure what remains of the noise's colour on parts of the image, whitened.

    Parameters
    ----------
    planes, sources, options
        As of `chosen_covariance`. In mode "score", too, it is the white image that is measured.
    remaining : NoiseCovariance, optional
        What the filters know of it already.

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
    image, whitened, variance, usable, parts, centers = _core.whiten_sample(
        planes.image, sources, chosen
    )
    usable = without_fill(image, usable & np.isfinite(image))
    noise, usable = blank_noise(whitened, variance, usable, options.n_threads)
    for x, y, right, bottom in parts:
        _level(noise[y:bottom, x:right], usable[y:bottom, x:right])
    found, local = _core.autocovariances(noise, usable, parts, NOISE_REACH, options.n_threads)
    (x0, y0), (height, width) = options.xy0, planes.image.shape
    frame = (x0, x0 + width - 1, y0, y0 + height - 1)
    whole = covariance_of(found, psf=_psf(options, planes.image.shape))
    # Lags of which a part has no pair are not known there.
    known = [n for n, part in enumerate(local) if part.far_pairs > 0 and part.pairs.min() > 0]
    if not (known and options.spatially_varying):
        return whole
    # Not for `import whitediff` to wait for.
    from .local_covariance import varying_covariance

    noises = [local[n].noise() for n in known]
    return varying_covariance(
        whole,
        np.stack([one.lags for one in noises]),
        np.array([one.pairs.max() for one in noises]),
        centers[known],
        frame,
    )


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
    bits = options.ignore_mask | options.no_value_mask
    marked = Marked(CutPlane(options.mask), bits) if options.mask.shape == image.shape else None
    parts = [(slice(0, image.shape[0]), slice(0, image.shape[1]))]
    if image.size > _WHOLE:
        parts = spread_meshes(image.shape, _PART, _PARTS)
    height = sum(rows.stop - rows.start + _APART for rows, _ in parts)
    width = max(columns.stop - columns.start for _, columns in parts)
    mosaic = [np.zeros((height, width), plane.dtype) for plane in (image, variance, edge)]
    y = 0
    for part in parts:
        usable = ~edge[part] & np.isfinite(image[part])
        if marked is not None:
            usable &= ~marked[part]
        place = np.s_[y : y + usable.shape[0], : usable.shape[1]]
        for into, values in zip(mosaic, (image[part], variance[part], usable), strict=True):
            into[place] = values
        # No pair of pixels reaches from one part into the next.
        y += usable.shape[0] + _APART
    psf = _psf(options, image.shape)
    return measured_covariance(*mosaic, psf=psf, n_threads=options.n_threads)


def _psf(options: _core.WhitenOptions, shape: tuple[int, ...]) -> npt.NDArray[np.float64] | None:
    """The PSF in the middle of the frame, if it is known."""
    if not options.psf:
        return None
    height, width = shape
    x, y = 0.5 * (width - 1) + options.xy0[0], 0.5 * (height - 1) + options.xy0[1]
    return psf_image(options.psf[0], x, y)
