"""Covariances of noise in FITS files: the extension COVARIANCE, or any image.

The image has an odd number of rows and columns; its middle stands for no lag, each pixel for one
more in y or x. Values are in units of the variance plane.
"""

from __future__ import annotations

import os
from typing import Any

import numpy as np
from astropy.io import fits

from ..covariance import NoiseCovariance
from .file_names import split_name
from .fits_file import find_image, is_image, native, open_fits
from .planes import chosen
from .reading import reading

__all__ = ["covariance_hdu", "read_covariance"]

_NAME = "COVARIANCE"
# The largest that an image can be to pass for a covariance and not for an exposure.
_MAX_SIDE = 255


def read_covariance(path: str | os.PathLike[str], *, psf: Any = None) -> NoiseCovariance:
    """Read the covariance of noise: that of the extension COVARIANCE, or else of the first image.

    Parameters
    ----------
    path : path-like
        FITS file, such as a whitened image, or ``FILE[EXT]``.
    psf : array_like [v, u] or Kernel, optional
        As of `NoiseCovariance`.

    Raises
    ------
    OSError
        If the file is missing, is no FITS file, or is truncated.
    ValueError
        If it holds no image, one that is too large, or values that no covariance has.
    """
    file, extension = split_name(path)
    with open_fits(file) as hdus, reading(path):
        named = hdus[_NAME] if _NAME in hdus else None
        hdu = named if is_image(named) else find_image(hdus)
        if extension is not None:
            hdu = chosen(hdus, extension)
        if hdu is None or max(hdu.shape) > _MAX_SIDE:
            found = "none" if hdu is None else f"one of {hdu.shape[-1]} x {hdu.shape[-2]}"
            raise ValueError(
                f"covariance must be an image of at most {_MAX_SIDE} x {_MAX_SIDE} lags, "
                f"got {found}"
            )
        lags = native(hdu.data, np.float64).reshape(hdu.shape[-2:])
        return NoiseCovariance(lags, psf=psf)


def covariance_hdu(covariance: NoiseCovariance) -> fits.ImageHDU:
    """Make the extension COVARIANCE."""
    hdu = fits.ImageHDU(np.array(covariance.lags), name=_NAME)
    for axis, size in zip((2, 1), covariance.lags.shape, strict=True):
        # The coordinates of pixels are lags.
        hdu.header[f"CRPIX{axis}"], hdu.header[f"CRVAL{axis}"] = size // 2 + 1, 0
        hdu.header[f"CDELT{axis}"] = 1
    return hdu
