"""Covariances of noise in FITS files: the extension COVARIANCE, or any image.

The image has an odd number of rows and columns; its middle stands for no lag, each pixel for one
more in y or x. Values are in units of the variance plane.

Of noise that changes over the frame COVARIANCE is a cube, whose third axis has the coefficients of
1; T1(x'), T1(y'); T2(x'), T1(x') T1(y'), T2(y'); ..., Chebyshev polynomials of the position; x' and
y' run from -1 to 1 over the pixels XMIN to XMAX and YMIN to YMAX.
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
_FRAME = ("XMIN", "XMAX", "YMIN", "YMAX")
_END = {"MIN": -1, "MAX": 1}


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
        if named is not None and named.header["NAXIS"] == 3:
            # No two-dimensional one, which could be asked for as any other.
            if extension is None or extension.name in (_NAME, hdus.index_of(_NAME)):
                return _of_a_frame(named, psf)
            named = None
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


def _of_a_frame(hdu: Any, psf: Any) -> NoiseCovariance:
    """Read coefficients of polynomials of position."""
    missing = [keyword for keyword in _FRAME if keyword not in hdu.header]
    if missing:
        raise ValueError(f"{_NAME} must have the keywords {', '.join(_FRAME)}, got no {missing[0]}")
    if max(hdu.shape) > _MAX_SIDE:
        raise ValueError(
            f"covariance must have at most {_MAX_SIDE} lags and terms, got shape {hdu.shape}"
        )
    frame = [hdu.header[keyword] for keyword in _FRAME]
    return NoiseCovariance(native(hdu.data, np.float64), psf=psf, frame=frame)


def covariance_hdu(covariance: NoiseCovariance) -> fits.ImageHDU:
    """Make the extension COVARIANCE."""
    varies = covariance.frame is not None
    hdu = fits.ImageHDU(
        np.array(covariance.coefficients if varies else covariance.lags), name=_NAME
    )
    if covariance.frame is not None:
        hdu.header["CTYPE3"] = "CHEBYSHEV", "coefficients of polynomials of position"
        for keyword, value in zip(_FRAME, covariance.frame, strict=True):
            hdu.header[keyword] = value, f"pixel coordinate where they are at {_END[keyword[1:]]}"
    for axis, size in zip((2, 1), covariance.lags.shape, strict=True):
        # The coordinates of pixels are lags.
        hdu.header[f"CRPIX{axis}"], hdu.header[f"CRVAL{axis}"] = size // 2 + 1, 0
        hdu.header[f"CDELT{axis}"] = 1
    return hdu
