"""Kernels in FITS files of our own form (docs/kernel-format.md), and as plain images."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
from astropy.io import fits

from ..kernel import Kernel, fixed_kernel
from .fits_file import native, write_fits
from .kernel_hdus import (
    KERNEL_NAME,
    background_hdus,
    kernel_hdus,
    read_background,
    read_kernel_hdus,
)
from .matching_kernel import MatchingKernel

__all__ = ["KERNEL_NAME", "read_kernel_image", "read_spatial_kernel", "write_kernel"]

# The largest that a plain image can be to pass for a kernel and not for an exposure.
_MAX_KERNEL_SIDE = 255
# What else has one.
_FILES = {
    "matching kernel": "whitediff, HOTPANTS (-oki or -hki), SFFT, lsst-images or lsst.afw",
    "PSF": "STPSF (WebbPSF), POPPY, PSFEx or whitediff (a kernel alone)",
}


def read_kernel_image(hdu: Any, wanted: str = "matching kernel") -> MatchingKernel:
    """Read a kernel that is the same everywhere from an image.

    Parameters
    ----------
    hdu : HDU or None
        The image, if there is any.
    wanted : {"matching kernel", "PSF"}
        What it is to be, for messages.

    Raises
    ------
    ValueError
        If there is no image, or it is too large for a kernel or not finite.
    """
    if hdu is None or max(hdu.shape) > _MAX_KERNEL_SIDE:
        found = "no image"
        if hdu is not None:
            found = f"an image of {hdu.shape[-1]} x {hdu.shape[-2]} pixels"
        raise ValueError(
            f"no {wanted} in it: one is taken from files of {_FILES[wanted]}, or from an image of "
            f"at most {_MAX_KERNEL_SIDE} x {_MAX_KERNEL_SIDE} pixels, got {found}"
        )
    return MatchingKernel(fixed_kernel(native(hdu.data, np.float64).reshape(hdu.shape[-2:])))


def read_spatial_kernel(hdus: fits.HDUList) -> MatchingKernel:
    """Read a kernel that `write_kernel` wrote.

    Raises
    ------
    ValueError
        If the file is inconsistent, or of a newer version of the format.
    """
    kernel = read_kernel_hdus(hdus)
    header = hdus[KERNEL_NAME].header
    return MatchingKernel(
        kernel,
        header.get("CONVOLVD"),
        header.get("SCALE"),
        read_background(hdus),
        header.get("ORIGIN", "parent"),
        read_kernel_hdus(hdus, 2) if header.get("CONVOLVD") == "both" else None,
    )


def write_kernel(
    kernel: Kernel | MatchingKernel, path: str | os.PathLike[str], *, overwrite: bool = False
) -> None:
    """Write a kernel to a FITS file, atomically, such that `read_kernel` gives it back.

    Parameters
    ----------
    kernel : SpatialKernel, TabulatedKernel, RegionKernel or MatchingKernel
        The kernel, alone or with what is known about the subtraction.
    path : path-like
        Name of the file.
    overwrite : bool
        Whether an existing file may be replaced.

    Raises
    ------
    FileExistsError
        If the file exists and `overwrite` is False.
    OSError
        If the file cannot be written.
    TypeError
        If the kernel, or the background, is of another type.
    """
    matching = kernel if isinstance(kernel, MatchingKernel) else MatchingKernel(kernel)
    hdus = fits.HDUList([fits.PrimaryHDU(), *kernel_hdus(matching.kernel)])
    header = hdus[KERNEL_NAME].header
    header["ORIGIN"] = matching.origin
    if matching.convolved is not None:
        header["CONVOLVD"] = matching.convolved
    if matching.scale is not None:
        header["SCALE"] = matching.scale
    if matching.science_kernel is not None:
        hdus += kernel_hdus(matching.science_kernel, 2)
    if matching.background is not None:
        hdus += background_hdus(matching.background)
    write_fits(hdus, path, overwrite=overwrite)
