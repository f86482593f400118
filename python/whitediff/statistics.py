"""Clipped statistics of variance planes, and numbers with their errors."""

from __future__ import annotations

import math

import numpy.typing as npt

from . import _core
from .arrays import as_image, as_masks

__all__ = ["clipped_mean", "with_error"]


def clipped_mean(
    plane: npt.ArrayLike, *, mask: npt.ArrayLike | None = None, ignore_mask: int = 0
) -> float:
    """Mean of the finite, unmasked pixels after three rounds of 3-sigma clipping.

    The first centre is the median and the first sigma 0.741 times the interquartile range; later
    ones are the mean and the standard deviation of the pixels kept. Rubin's
    ``computeVarianceMean`` takes the same.

    Parameters
    ----------
    plane : array_like, [y, x]
        Any plane; NaN and infinities are left out.
    mask : array_like of int or bool, [y, x], optional
        Pixels with one of the bits of ``ignore_mask`` are left out; of a boolean mask, those that
        are True.
    ignore_mask : int, optional
        The bits to leave out.

    Returns
    -------
    float
        In the units of the plane; NaN if no pixel is left.

    Raises
    ------
    TypeError
        If the plane holds no real numbers, or the mask neither integers nor booleans.
    ValueError
        If the plane is not 2-D, or the mask has another shape.

    Notes
    -----
    docs/mathematics.md, Eq. 14.
    """
    image = as_image(plane, "plane")
    masks, ignore, _ = as_masks({"mask": mask}, ignore_mask, image)
    return _core.clipped_mean(image, masks["mask"], ignore)


def with_error(value: float, error: float) -> str:
    """Write a number with two digits of its error, ``0.9986 ± 0.0014``."""
    digits = max(0, 1 - math.floor(math.log10(error))) if 0 < error < math.inf else 4
    return f"{value:.{digits}f} ± {error:.{digits}f}"
