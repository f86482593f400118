"""Kernels in FITS files of our own form, and as plain images.

The own form has the extension KERNEL: basis images [n, v, u] with KERNTYPE = SPATIAL, or images
[ny, nx, v, u] with KERNTYPE = TABULATED. CENTERX and CENTERY tell the centre, counted from 0;
CONVOLVD and SCALE, if known, which image was convolved and by what the difference was multiplied.
The table FUNCTIONS has one row for each basis image, the table GRID one row with the positions X
and Y, the table BACKGROUND one row for the background that was subtracted.
"""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from typing import Any

import numpy as np
from astropy.io import fits

from ..kernel import (
    Chebyshev2D,
    Kernel,
    Polynomial2D,
    SpatialKernel,
    TabulatedKernel,
    fixed_kernel,
)
from .fits_file import native, write_fits
from .kernel_limits import check_coefficients, check_size
from .matching_kernel import MatchingKernel

__all__ = ["KERNEL_NAME", "read_kernel_image", "read_spatial_kernel", "write_kernel"]

KERNEL_NAME = "KERNEL"

# The largest that a plain image can be to pass for a kernel and not for an exposure.
_MAX_KERNEL_SIDE = 255


def read_kernel_image(hdu: Any) -> MatchingKernel:
    """Read a kernel that is the same everywhere from an image.

    Parameters
    ----------
    hdu : HDU or None
        The image, if there is any.

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
            "no kernel table: expected one of whitediff, HOTPANTS (-oki or -hki), SFFT, "
            "lsst-images or lsst.afw, or a kernel image of at most "
            f"{_MAX_KERNEL_SIDE} x {_MAX_KERNEL_SIDE} pixels, got {found}"
        )
    return MatchingKernel(fixed_kernel(native(hdu.data, np.float64).reshape(hdu.shape[-2:])))


def read_spatial_kernel(hdus: fits.HDUList) -> MatchingKernel:
    """Read a kernel that `write_kernel` wrote.

    Raises
    ------
    ValueError
        If the file is inconsistent.
    """
    hdu = hdus[KERNEL_NAME]
    if len(hdu.shape) not in (3, 4):
        raise ValueError(f"KERNEL must have 3 or 4 axes, got {len(hdu.shape)}")
    *numbers, height, width = hdu.shape
    check_size(math.prod(numbers), height, width, KERNEL_NAME)
    images = native(hdu.data, np.float64)
    center = (hdu.header["CENTERY"], hdu.header["CENTERX"])
    kernel: Kernel
    if hdu.header["KERNTYPE"] == "SPATIAL":
        kernel = SpatialKernel(images, _read_functions(hdus["FUNCTIONS"]), center=center)
    elif hdu.header["KERNTYPE"] == "TABULATED":
        grid = hdus["GRID"].data[0]
        x, y = (np.atleast_1d(native(grid[axis], np.float64)) for axis in "XY")
        kernel = TabulatedKernel(x, y, images, center=center)
    else:
        raise ValueError(f"KERNTYPE must be SPATIAL or TABULATED, got {hdu.header['KERNTYPE']!r}")
    background = _read_functions(hdus["BACKGROUND"])[0] if "BACKGROUND" in hdus else None
    return MatchingKernel(
        kernel,
        hdu.header.get("CONVOLVD"),
        hdu.header.get("SCALE"),
        background,
        hdu.header.get("ORIGIN", "parent"),
    )


def write_kernel(
    kernel: Kernel | MatchingKernel, path: str | os.PathLike[str], *, overwrite: bool = False
) -> None:
    """Write a kernel to a FITS file, atomically, such that `read_kernel` gives it back.

    Parameters
    ----------
    kernel : SpatialKernel, TabulatedKernel or MatchingKernel
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
    hdus = fits.HDUList([fits.PrimaryHDU(), *_kernel_hdus(matching.kernel)])
    header = hdus[KERNEL_NAME].header
    header["CENTERY"], header["CENTERX"] = matching.kernel.center
    header["ORIGIN"] = matching.origin
    if matching.convolved is not None:
        header["CONVOLVD"] = matching.convolved
    if matching.scale is not None:
        header["SCALE"] = matching.scale
    if matching.background is not None:
        hdus.append(_function_table([matching.background], "BACKGROUND"))
    write_fits(hdus, path, overwrite=overwrite)


def _kernel_hdus(kernel: Kernel) -> list[Any]:
    if isinstance(kernel, SpatialKernel):
        hdu = fits.ImageHDU(np.array(kernel.basis), name=KERNEL_NAME)
        hdu.header["KERNTYPE"] = "SPATIAL"
        return [hdu, _function_table(kernel.functions, "FUNCTIONS")]
    if isinstance(kernel, TabulatedKernel):
        hdu = fits.ImageHDU(np.array(kernel.images), name=KERNEL_NAME)
        hdu.header["KERNTYPE"] = "TABULATED"
        columns = [
            fits.Column(axis, f"{len(values)}D", unit="pixel", array=np.array([values]))
            for axis, values in (("X", kernel.x), ("Y", kernel.y))
        ]
        return [hdu, fits.BinTableHDU.from_columns(columns, name="GRID")]
    raise TypeError(
        f"kernel must be a SpatialKernel or a TabulatedKernel, got {type(kernel).__name__}"
    )


def _function_table(functions: Sequence[Any], name: str) -> fits.BinTableHDU:
    """Table of functions: coefficients of 1; x, y; x^2, xy, y^2; ... and the Chebyshev box."""
    for function in functions:
        if not isinstance(function, (Polynomial2D, Chebyshev2D)):
            raise TypeError(
                f"functions must be Polynomial2D or Chebyshev2D, got {type(function).__name__}"
            )
    counts = [len(function.coefficients) for function in functions]
    coefficients = np.zeros((len(functions), max(counts)))
    boxes = np.full((len(functions), 4), np.nan)
    types = []
    for row, function in enumerate(functions):
        coefficients[row, : counts[row]] = function.coefficients
        chebyshev = isinstance(function, Chebyshev2D)
        types.append("CHEBYSHEV" if chebyshev else "POLYNOMIAL")
        if chebyshev:
            boxes[row] = function.bbox
    columns = [
        fits.Column("TYPE", "10A", array=np.array(types)),
        fits.Column("BBOX", "4D", unit="pixel", array=boxes),
        fits.Column("N", "1J", array=np.array(counts)),
        fits.Column("COEFFICIENTS", f"{max(counts)}D", array=coefficients),
    ]
    return fits.BinTableHDU.from_columns(columns, name=name)


def _read_functions(hdu: Any) -> list[Polynomial2D | Chebyshev2D]:
    functions: list[Polynomial2D | Chebyshev2D] = []
    for row in hdu.data:
        check_coefficients(row["N"], "coefficients")
        coefficients = np.atleast_1d(native(row["COEFFICIENTS"], np.float64))[: row["N"]]
        if row["TYPE"] == "CHEBYSHEV":
            functions.append(Chebyshev2D(coefficients, tuple(float(edge) for edge in row["BBOX"])))
        elif row["TYPE"] == "POLYNOMIAL":
            functions.append(Polynomial2D(coefficients))
        else:
            raise ValueError(
                f"a kernel function must be a POLYNOMIAL or CHEBYSHEV, got {row['TYPE']!r}"
            )
    return functions
