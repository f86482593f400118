"""How white an image is, from a sample of its pixels."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from numpy.typing import NDArray

from ...io.rows import Rows
from ...meshes import spread_meshes
from ...whiteness import Whiteness, mean_whiteness, whiteness

__all__ = ["sampled_whiteness"]

Plane = NDArray[Any] | Rows

# A million pixels tell variance and correlations to 0.1 %; all of a large frame would take longer
# than its whitening.
_MESH = 256
_MAX_MESHES = 16


def sampled_whiteness(image: Plane, variance: Plane, ignored: Plane | None) -> Whiteness | None:
    """Mean of `whitediff.whiteness` over meshes of an image, each with its number of pixels.

    Parameters
    ----------
    image, variance : ndarray or Rows
        Pixels [y, x], and the variance over which to take theirs.
    ignored : ndarray or Rows of bool, or None
        Pixels [y, x] to leave out.

    Returns
    -------
    Whiteness or None
        Correlations at a lag of one pixel; None if no mesh has usable pixels.
    """
    found = []
    for mesh in spread_meshes(image.shape, _MESH, _MAX_MESHES):
        # A mesh may be masked as a whole, or be full of a galaxy.
        with suppress(ValueError):
            mask = None if ignored is None else ignored[mesh]
            found.append(whiteness(image[mesh], variance[mesh], mask=mask, max_lag=1))
    if not found:
        return None
    return mean_whiteness(found)
