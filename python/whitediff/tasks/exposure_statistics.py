"""Mean variances of exposures, and the mask bits that statistics leave out."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from ..exposure import own_names
from ..statistics import clipped_mean

__all__ = [
    "bit_mask",
    "has_finite_pixel",
    "has_known_variance",
    "mean_variance",
    "sampled_mean_variance",
]

_SAMPLED_ROWS = 64


def bit_mask(mask: Any, planes: Iterable[str]) -> int:
    """Give the bits of those mask planes that a mask has.

    Parameters
    ----------
    mask : Mask
        The mask.
    planes : iterable of str
        Names of planes, in the spelling of lsst.afw or of lsst.images; those that the mask does not
        know are left out, as no pixel has them.

    Returns
    -------
    bits : int
        The bits.
    """
    return int(mask.getPlaneBitMask(own_names(planes, mask.getMaskPlaneDict())))


def mean_variance(exposure: Any, planes: Iterable[str], step: int = 1) -> float:
    """Give the clipped mean of the variance plane of an exposure.

    Parameters
    ----------
    exposure : Exposure
        The exposure.
    planes : iterable of str
        Mask planes whose pixels are left out.
    step : int, optional
        Take one of so many rows.

    Returns
    -------
    mean : float
        See `whitediff.clipped_mean`; NaN where no pixel is left.

    Raises
    ------
    ValueError
        If the exposure has no variance plane.

    Notes
    -----
    docs/mathematics.md, Eq. 14.
    """
    if exposure.variance is None:
        raise ValueError("exposure must have a variance plane, got one without")
    bits = bit_mask(exposure.mask, planes)
    mask = exposure.mask.array[::step] if bits else None
    return clipped_mean(exposure.variance.array[::step], mask=mask, ignore_mask=bits)


def sampled_mean_variance(exposure: Any, planes: Iterable[str]) -> float:
    """Give the clipped mean of the variance in 64 rows, or a few more, spread over the frame.

    Parameters
    ----------
    exposure, planes
        As for `mean_variance`.

    Returns
    -------
    mean : float
        NaN where no pixel is left.
    """
    step = max(1, exposure.getBBox().getHeight() // _SAMPLED_ROWS)
    return mean_variance(exposure, planes, step)


def has_finite_pixel(exposure: Any) -> bool:
    """Say whether any pixel of the image of an exposure is finite.

    Parameters
    ----------
    exposure : Exposure
        The exposure. As a rule its first row tells.
    """
    return any(bool(np.isfinite(row).any()) for row in exposure.image.array)


def has_known_variance(exposure: Any) -> bool:
    """Say whether any variance of an exposure is finite and positive.

    Parameters
    ----------
    exposure : Exposure
        The exposure. As a rule its first row tells.
    """
    return any(bool((np.isfinite(row) & (row > 0)).any()) for row in exposure.variance.array)
