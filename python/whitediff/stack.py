"""Whitening of many small images at once."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any, Unpack

import numpy as np
import numpy.typing as npt

from . import _core
from .arrays import (
    IGNORED,
    NO_VALUE,
    FloatImage,
    MaskImage,
    as_stack,
    narrow_mask,
    planes_in_memory,
)
from .covariance import NoiseCovariance
from .decorrelate import core_options
from .options import WhitenKeywords, WhitenOptions, as_options, shows_options
from .sources import CoreSource, NoiseSource, core_sources, source_planes
from .whitening import Whitening

__all__ = ["WhitenedStack", "whiten_stack"]


class WhitenedStack:
    """Whitened stamps.

    Attributes
    ----------
    image : numpy.ndarray, [n, y, x]
        Units and dtype of the stamps.
    variance : numpy.ndarray, [n, y, x]
        Variance of its pixels, in squared units of the stamps; same dtype.
    filter_edge : numpy.ndarray of bool, [n, y, x]
        As of `Whitened`.
    """

    def __init__(
        self,
        banks: Sequence[_core.Whitening],
        planes: tuple[FloatImage, FloatImage, npt.NDArray[np.bool_]],
        options: WhitenOptions,
        xy0: tuple[float, float],
    ) -> None:
        self.image, self.variance, self.filter_edge = planes
        self._banks, self._options, self._xy0 = banks, options, xy0

    @cached_property
    def whitenings(self) -> tuple[Whitening, ...]:
        """How it was done, with the PSF of the result: one for all stamps, or one for each.

        There is one for each if a source has a variance or a mask of every stamp. Where there is
        one, it counts the gaps of all stamps, and unknown variances as often as there are stamps.
        """
        given = self._options.covariance
        covariance = given if isinstance(given, NoiseCovariance) else None
        return tuple(
            Whitening(bank, covariance, covariance is not None, self._xy0) for bank in self._banks
        )

    def __len__(self) -> int:
        return len(self.image)

    def __repr__(self) -> str:
        count, height, width = self.image.shape
        return f"WhitenedStack({count} stamps of {height} x {width})"


@shows_options
def whiten_stack(
    stamps: npt.ArrayLike,
    sources: Sequence[NoiseSource],
    *,
    mask: npt.ArrayLike | None = None,
    psf: Any = None,
    xy0: tuple[float, float] = (0.0, 0.0),
    **options: Unpack[WhitenKeywords],
) -> WhitenedStack:
    """Make the noise of many small images of one shape white; see `whiten`.

    The result is that of `whiten` for each of them, bit by bit, in much less time: threads take one
    stamp after the other, and stamps with the same noise share plan and filters.

    Parameters
    ----------
    stamps : array_like, [n, y, x]
        Numbers as `whiten` takes them.
    sources : sequence of NoiseSource
        Every raw input image. A variance that is a number or a plane [y, x], and a mask [y, x], are
        those of all stamps; variances [n] or [n, y, x] and masks [n, y, x] are those of each.
    mask : array_like of int or bool, [n, y, x], optional
        Mask of ``stamps``.
    psf : array_like [v, u], Kernel or object, optional
        PSF of the stamps; mode "score" needs it.
    xy0 : tuple [float, float], optional
        Position (x, y) of pixel [0, 0] of every stamp, in the coordinates of kernels and PSF.
    options
        As in `decorrelate`; ``covariance`` "none" or given, since a stamp is too small to measure
        it; ``progress`` counts stamps.

    Returns
    -------
    WhitenedStack
        Image, variance and marks, and what made them.

    Raises
    ------
    TypeError
        If an argument is of the wrong kind.
    ValueError
        As `whiten`, and if the stamps are not of the shape that sources and masks say.
    """
    chosen = as_options(options, whiten_stack)
    if chosen.covariance in ("auto", "measured"):
        raise ValueError(
            f"covariance must be 'none' or a NoiseCovariance for stamps, got {chosen.covariance!r}"
        )
    images = as_stack(stamps, "stamps")
    count, height, width = images.shape
    variances, masks = source_planes(sources)
    of_sources = {
        name: None if m is None else _narrow(m, images, name, chosen) for name, m in masks.items()
    }
    apart = any(np.ndim(variance) in (1, 3) for variance in variances.values()) or any(
        np.ndim(mask) == 3 for mask in of_sources.values() if mask is not None
    )
    of_stamps = None if mask is None else _narrow(mask, images, "mask", chosen, of_each=True)
    sets: list[list[CoreSource]] = []
    for n in range(count if apart else 1):
        planes = planes_in_memory(
            images[n],
            "stamps",
            {name: _of(value, n, count, name) for name, value in variances.items()},
            {name: m if m is None or m.ndim == 2 else m[n] for name, m in of_sources.items()},
            IGNORED,
            NO_VALUE,
        )
        sets.append(core_sources(sources, planes))
    flat = planes_in_memory(
        images.reshape(-1, width),
        "stamps",
        {},
        {"mask": None if of_stamps is None else of_stamps.reshape(-1, width)},
        IGNORED,
        NO_VALUE,
    )
    core = core_options(chosen, flat, psf, xy0)
    if isinstance(chosen.covariance, NoiseCovariance):
        core.remaining = chosen.covariance.core
    banks, *found = _core.whiten_stack(flat.image, count, sets, core)
    planes_of_stamps: Any = tuple(plane.reshape(images.shape) for plane in found)
    return WhitenedStack(banks, planes_of_stamps, chosen, core.xy0)


def _narrow(
    mask: npt.ArrayLike,
    stamps: FloatImage,
    name: str,
    options: WhitenOptions,
    *,
    of_each: bool = False,
) -> MaskImage:
    """Give the mask of all stamps or of each with the bits IGNORED and NO_VALUE."""
    array = np.asarray(mask)
    shapes = [stamps.shape] if of_each else [stamps.shape, stamps.shape[1:]]
    if array.dtype.kind not in "biu":
        raise TypeError(f"{name} must hold integers or booleans, got dtype {array.dtype}")
    if array.shape not in shapes:
        expected = " or ".join(map(str, shapes))
        raise ValueError(f"{name} must have shape {expected}, got {array.shape}")
    return narrow_mask(array, options.ignore_mask, options.no_value_mask)


def _of(variance: Any, n: int, count: int, name: str) -> Any:
    """Give the variance of a stamp."""
    if np.ndim(variance) not in (1, 3):
        return variance
    if len(variance) != count:
        raise ValueError(f"{name} must be of {count} stamps, got {len(variance)}")
    return float(variance[n]) if np.ndim(variance) == 1 else variance[n]
