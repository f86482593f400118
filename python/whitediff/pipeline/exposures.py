"""Images of lsst.images in and out: what whitening changes, and all that it leaves as it was."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lsst.images import DifferenceImage, Mask
from lsst.images.psfs import PointSpreadFunction

from ..exposure import Exposure
from .masks import lsst_mask

__all__ = ["whitened_difference"]


def whitened_difference(
    difference: DifferenceImage,
    exposure: Exposure,
    psf: PointSpreadFunction,
    metadata: Mapping[str, Any],
) -> DifferenceImage:
    """Give a difference image with the pixels of a whitened exposure.

    Parameters
    ----------
    difference : DifferenceImage
        What was whitened; it is not modified. Kernel, templates, projection, aperture corrections,
        summary statistics and all else of it are kept.
    exposure : Exposure
        The whitened image, its variance and its mask, whose planes are those of the difference, and
        more.
    psf : PointSpreadFunction
        Of the whitened image.
    metadata : mapping
        What to add to the metadata.

    Returns
    -------
    white : DifferenceImage
        A new image, of the types and units of the difference.
    """
    white = difference.copy()
    variance: Any = exposure.variance
    white.image.array[...] = exposure.image.array
    white.variance.array[...] = variance.array
    white.mask = _mask(difference.mask, exposure)
    white.psf = psf
    white.metadata.update(metadata)
    return white


def _mask(old: Mask, exposure: Exposure) -> Mask:
    mask = lsst_mask(exposure.mask, old.schema.descriptions)
    return mask.view(sky_projection=old.sky_projection)
