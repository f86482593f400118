"""Masks of ours as those of lsst.images."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from lsst.images import Mask as LsstMask
from lsst.images import MaskPlane, MaskSchema

from ..exposure import Mask

__all__ = ["lsst_mask"]

_DESCRIPTIONS = {
    "FILTER_EDGE": "More than a thousandth of the whitening filter, of its sum of squares, fell on "
    "pixels without a value or beyond the frame."
}


def lsst_mask(mask: Mask, descriptions: Mapping[str, str]) -> LsstMask:
    """Give a mask of lsst.images with the planes of ours, in the same order of bits.

    Parameters
    ----------
    mask : Mask
        The mask.
    descriptions : mapping of str to str
        What its planes mean, as far as it is known.
    """
    names = {bit: name for name, bit in mask.getMaskPlaneDict().items()}
    known = _DESCRIPTIONS | dict(descriptions)
    planes = [
        MaskPlane(names[bit], known.get(names[bit], "")) if bit in names else None
        for bit in range(max(names, default=0) + 1)
    ]
    schema = MaskSchema(planes)
    height, width = mask.array.shape
    octets = mask.array.astype("<i4", copy=False).view(np.uint8).reshape(height, width, -1)
    x0, y0 = mask.getXY0()
    return LsstMask(np.array(octets[..., : schema.mask_size]), schema=schema, yx0=(y0, x0))
