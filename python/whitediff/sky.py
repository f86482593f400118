"""Noise of the sky between the sources, where nothing but an image is known."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np

from .fill import fill_values
from .meshes import in_one_row, sky_meshes
from .whiteness import whiteness

__all__ = ["Sky", "measured_sky"]


@dataclass(frozen=True)
class Sky:
    """Noise of the sky between the sources.

    Attributes
    ----------
    variance : float
        In squared units of the image.
    correlation : float
        Correlation coefficient of neighbours in x or in y, the larger; about 0 for raw pixels.
    filled : mapping of float to float
        Values that fill pixels without data, each with the fraction of the pixels that it fills.
    """

    variance: float
    correlation: float
    filled: Mapping[float, float]

    @property
    def left_out(self) -> str:
        """What was left out as filled, for the end of a sentence; empty if nothing was."""
        if not self.filled:
            return ""
        values = " and ".join(f"{value:g}" for value in self.filled)
        percentage = 100 * sum(self.filled.values())
        return f", {percentage:.3g} % of it left out as filled with {values}"


def measured_sky(image: Any, ignored: Any = None) -> Sky:
    """Measure the pixel variance of the sky between the sources.

    The median of what `whitediff.whiteness` finds in meshes of the image, so that neither a
    sloping background nor a bright star counts. Values that fill pixels without data are found in
    all meshes together: a mesh may have nothing else.

    Parameters
    ----------
    image : array-like, [y, x]
        Anything with a shape that two slices cut.
    ignored : array-like of bool, [y, x], optional
        Pixels to leave out.

    Raises
    ------
    ValueError
        If no mesh has sky.
    """
    meshes = sky_meshes(image.shape)
    pixels = [np.array(image[mesh]) for mesh in meshes]
    masks = [np.zeros(part.shape, bool) for part in pixels]
    if ignored is not None:
        masks = [ignored[mesh] for mesh in meshes]
    usable = [np.isfinite(part) & ~mask for part, mask in zip(pixels, masks, strict=True)]
    filled: Counter[float] = Counter()
    for fill in fill_values(in_one_row(pixels), in_one_row(usable)):
        for part, seen in zip(pixels, usable, strict=True):
            without_data = fill.pixels(part)
            filled[fill.value] += int(np.count_nonzero(seen & without_data))
            part[without_data] = np.nan
    found = []
    for part, mask in zip(pixels, masks, strict=True):
        # A mesh may be masked as a whole, or be full of a galaxy.
        with suppress(ValueError):
            found.append(whiteness(part, mask=mask, max_lag=1))
    if not found:
        raise ValueError("the sky variance cannot be measured: no pixel is finite, unmasked sky")
    for noise in found:
        filled.update(noise.filled)
    n_pixels = np.array([noise.n_pixels for noise in found])
    measured = np.array([(noise.variance, *noise.in_x, *noise.in_y) for noise in found])
    variance, *neighbours = np.median(measured[n_pixels >= np.median(n_pixels) / 2], axis=0)
    total = sum(part.size for part in pixels)
    return Sky(
        float(variance),
        float(max(neighbours, key=abs)),
        {value: number / total for value, number in sorted(filled.items()) if number},
    )
