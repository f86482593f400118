"""Images of the Rubin package lsst-images as exposures, told by their attributes."""

from __future__ import annotations

import copy
import logging
from contextlib import suppress
from typing import Any

import numpy as np
from astropy.io import fits

from ..adapters.lsst_images import LsstImagesKernel
from ..exposure import Exposure, Mask
from ..geometry import Point2D
from ..psf import EvaluatedPsf

__all__ = ["exposure_of", "metadata_header", "psf_of"]

_log = logging.getLogger(__name__)

# Bits of a mask of ours.
_N_OCTETS, _N_BITS = 4, 31


def exposure_of(image: Any) -> Exposure:
    """Give an exposure for an image of lsst.images.

    Parameters
    ----------
    image : MaskedImage
        Or what derives from it: a VisitImage, a DifferenceImage, a CellCoadd.

    Returns
    -------
    exposure : Exposure
        It shares image and variance. Mask planes keep their names and the order of their bits. The
        WCS is the FITS WCS of the image, an approximation where the projection has no other; the
        metadata are the numbers and strings of its own ones, and the unit.

    Raises
    ------
    ValueError
        If a mask plane is beyond the 31st bit.
    """
    x0, y0 = image.bbox.x.start, image.bbox.y.start
    metadata = metadata_header(image.metadata.native)
    if image.unit is not None:
        metadata["BUNIT"] = image.unit.to_string()
    return Exposure(
        image=image.image.array,
        mask=_mask_of(image.mask),
        variance=image.variance.array,
        psf=_known_psf(image),
        wcs=_wcs_of(image, (x0, y0)),
        xy0=(x0, y0),
        metadata=metadata,
    )


def psf_of(psf: Any, box: Any) -> EvaluatedPsf:
    """Give a PSF for one of lsst.images.

    Parameters
    ----------
    psf : PointSpreadFunction
        Of any kind: it is asked for its image wherever one is needed.
    box : Box
        Of the image, in the middle of which the average position is.
    """
    return EvaluatedPsf(LsstImagesKernel(psf), Point2D(box.x.center, box.y.center))


def _known_psf(image: Any) -> EvaluatedPsf | None:
    try:
        psf = image.psf
    except Exception as error:
        # An image without a PSF is better than none; the errors are of packages that may be absent.
        if isinstance(error, AttributeError):
            return None
        _log.warning("The PSF of an image could not be read, so it has none: %s", error)
        return None
    return psf_of(psf, image.bbox)


def _mask_of(mask: Any) -> Mask:
    planes = {}
    for name in mask.schema.names:
        bit = mask.schema.bit(name)
        value = int(bit.mask) & (2 ** (8 * mask.schema.dtype.itemsize) - 1)
        planes[name] = 8 * mask.schema.dtype.itemsize * bit.index + value.bit_length() - 1
        if planes[name] >= _N_BITS:
            raise ValueError(
                f"mask must have its planes in the first {_N_BITS} bits, got {name} in bit "
                f"{planes[name]}"
            )
    octets = mask.array.astype(mask.schema.dtype.newbyteorder("<"), copy=False).view(np.uint8)
    # The bits of a pixel, lowest first, are those of the number that its bytes stand for.
    bits = np.zeros((*octets.shape[:2], _N_OCTETS), np.uint8)
    for index in range(min(_N_OCTETS, octets.shape[2])):
        bits[..., index] = octets[..., index]
    x0, y0 = mask.bbox.x.start, mask.bbox.y.start
    return Mask(bits.view("<i4")[..., 0], xy0=(x0, y0), planes=planes)


def _wcs_of(image: Any, xy0: tuple[int, int]) -> Any:
    wcs = image.fits_wcs
    if wcs is not None:
        wcs = copy.deepcopy(wcs)
        wcs.wcs.crpix += xy0
    return wcs


def metadata_header(values: Any) -> fits.Header:
    """Give the numbers and strings among metadata of lsst.images as a header.

    Parameters
    ----------
    values : mapping
        Names and values. What has no room in a header is left out: lists and dictionaries, NaN,
        text that is not ASCII.
    """
    header = fits.Header()
    for name, value in values.items():
        if isinstance(value, bool | int | float | str):
            plain = len(name) <= 8 and name == name.upper() and " " not in name
            # What is not finite, not ASCII or too long has no room either.
            with suppress(ValueError):
                card = fits.Card(name if plain else f"HIERARCH {name}", value)
                str(card)
                header.append(card)
    return header
