"""Pixels of an image that hold noise alone."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from . import _core
from .arrays import FloatImage
from .fill import fill_values

__all__ = ["blank_noise", "in_units_of_noise", "without_fill", "without_sources"]


def without_fill(image: FloatImage, usable: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Give the usable pixels, which are finite, without those that have a fill value for data."""
    for fill in fill_values(image, usable):
        usable = usable & ~fill.pixels(image)
    return usable


def blank_noise(
    image: FloatImage,
    variance: float | FloatImage,
    usable: npt.NDArray[np.bool_],
    n_threads: int = 0,
    *,
    no_data: npt.NDArray[np.bool_] | None = None,
    surroundings: bool = False,
    in_place: bool = False,
) -> tuple[FloatImage, npt.NDArray[np.bool_]]:
    """Give an image in units of its noise, and which of its pixels are noise alone.

    Parameters
    ----------
    image, variance, usable, n_threads, in_place
        As of `in_units_of_noise`.
    no_data : numpy.ndarray of bool, [y, x], optional
        Pixels that count as those that are not finite, and not as sources, whose surroundings are
        left out.
    surroundings : bool, optional
        As of `without_sources`.

    Raises
    ------
    ValueError
        If no pixel is left.
    """
    noise = in_units_of_noise(image, variance, usable, n_threads)
    if no_data is not None:
        noise[no_data] = np.nan
    usable, _, _ = without_sources(noise, usable, surroundings=surroundings, n_threads=n_threads)
    if not isinstance(variance, float):
        # Pixels about sources have more variance than those that are left.
        noise = in_units_of_noise(image, variance, usable, n_threads, in_place=in_place)
    return noise, usable


def in_units_of_noise(
    image: FloatImage,
    variance: float | FloatImage,
    usable: npt.NDArray[np.bool_],
    n_threads: int = 0,
    *,
    in_place: bool = False,
) -> FloatImage:
    """Give the image over the root of its variance, NaN where that is not known.

    A plane counts with its means over the usable pixels of blocks of 32 by 32 pixels: one that
    follows the phases of a warp, or the noise of its own image, is not the noise's to divide by.

    Parameters
    ----------
    image : numpy.ndarray, [y, x]
        Pixels.
    variance : float or numpy.ndarray, [y, x]
        Of the shape and dtype of the image; known where it is finite, positive, and at most 1e10
        times the median.
    usable : numpy.ndarray of bool, [y, x]
        Those that count.
    n_threads : int, optional
        0 for all cores that the process may use. The result does not depend on it.
    in_place : bool, optional
        Whether the result may take the place of the image, if the variance is a plane.
    """
    if isinstance(variance, float):
        with np.errstate(invalid="ignore", divide="ignore"):
            noise: FloatImage = np.divide(image, np.sqrt(variance), dtype=image.dtype)
        return noise
    return _core.in_units_of_noise(image, variance, usable, n_threads, image if in_place else None)


def without_sources(
    noise: FloatImage,
    usable: npt.NDArray[np.bool_],
    *,
    surroundings: bool = False,
    n_threads: int = 0,
) -> tuple[npt.NDArray[np.bool_], float, float]:
    """Give the usable pixels away from sources, with centre and sigma of the noise.

    Pixels more than 4.5 sigma from the median, in the image or in the image smoothed to the size of
    a star, are taken for sources and left out with four pixels around them; those that are not
    usable but finite too: the wings of a masked source may reach beyond its mask.

    Parameters
    ----------
    noise : numpy.ndarray, [y, x]
        In units of its standard deviation.
    usable : numpy.ndarray of bool, [y, x]
        Unmasked pixels; of these, finite ones are meant.
    surroundings : bool, optional
        Whether four pixels around those that are not usable, or not finite, are left out as well.
    n_threads : int, optional
        0 for all cores that the process may use. The result does not depend on it.

    Raises
    ------
    ValueError
        If there is none.
    """
    return _core.blank_sky(noise, np.ascontiguousarray(usable), surroundings, n_threads)
