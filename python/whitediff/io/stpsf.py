"""PSF files of STPSF (WebbPSF) and POPPY: images of pixels finer than those of the detector.

The first image has the keywords OVERSAMP (sampling of the computation), DET_SAMP (pixels of the
image along one of the detector) and PIXELSCL. Further ones may stand in extensions: DET_SAMP is the
first one rebinned, OVERDIST and DET_DIST are the same with distortion and the response of the
detector.
"""

from __future__ import annotations

import numpy as np
from astropy.io import fits

from ..kernel import Kernel, fixed_kernel, rebinned
from .fits_file import native
from .kernel_limits import whole_number

__all__ = ["is_stpsf", "read_stpsf"]

_KEYWORDS = ("OVERSAMP", "DET_SAMP", "PIXELSCL")
# What is nearest to data first; of each, what has all that was computed.
_PLANES = ("OVERDIST", "DET_DIST", "OVERSAMP", "DET_SAMP")
_FINEST = 100


def is_stpsf(hdus: fits.HDUList) -> bool:
    """Whether a file is one of STPSF, WebbPSF or POPPY."""
    return all(keyword in hdus[0].header for keyword in _KEYWORDS)


def read_stpsf(hdus: fits.HDUList) -> Kernel:
    """Read the PSF on pixels of the detector, with a pixel in its middle.

    The image with distortion and the response of the detector is taken if there is one, and the
    finer one of those.

    Raises
    ------
    ValueError
        If there is a grid of PSFs, or one that has its middle at the corner of four pixels and no
        finer image.
    """
    hdu = next((hdus[name] for name in _PLANES if name in hdus), hdus[0])
    if len(hdu.shape) != 2:
        raise ValueError(
            f"STPSF image must be 2-D, got shape {hdu.shape}: a grid of PSFs is read with "
            "photutils.psf.GriddedPSFModel.read"
        )
    sampled = hdu.name.startswith("DET_")
    factor = 1 if sampled else whole_number(hdu.header["DET_SAMP"], "DET_SAMP", 1, _FINEST)
    if factor == 1 and any(side % 2 == 0 for side in hdu.shape):
        raise ValueError(
            f"STPSF image of {hdu.shape[1]} x {hdu.shape[0]} pixels of the detector must have a "
            "pixel in its middle: compute an odd number (fov_pixels), or keep the oversampled image"
        )
    return fixed_kernel(rebinned(native(hdu.data, np.float64), factor))
