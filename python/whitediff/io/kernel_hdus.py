"""Kernels as HDUs of a FITS file: the convention of docs/kernel-format.md.

The extension KERNEL holds basis images [n, v, u] with KERNTYPE = SPATIAL, or images [ny, nx, v, u]
with KERNTYPE = TABULATED. CENTERX and CENTERY tell the centre, counted from 0. The table FUNCTIONS
has one row for each basis image, the table GRID one row with the positions X and Y. Where a kernel
has a form of its own in each of several regions, the table REGIONS has one row for each of them,
and the column REGION of FUNCTIONS says whose a basis image is. All HDUs of a kernel have its
EXTVER.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from astropy.io import fits

from ..kernel import Chebyshev2D, Kernel, Polynomial2D, SpatialKernel, TabulatedKernel
from .fits_file import native, table_hdu
from .kernel_limits import check_coefficients, check_size, whole_number
from .regions import RegionFunction, RegionKernel

__all__ = [
    "FORMAT",
    "FORMAT_KEYWORD",
    "KERNEL_NAME",
    "background_hdus",
    "check_format",
    "kernel_hdus",
    "read_background",
    "read_kernel_hdus",
]

FORMAT = 1
"""Version of the convention that is written; no newer one can be read."""
FORMAT_KEYWORD = "WDFORMAT"
KERNEL_NAME = "KERNEL"

_MAX_REGIONS = 10_000

_Function = Callable[[Any, Any], Any]


def check_format(header: fits.Header) -> None:
    """Refuse a newer version of the convention.

    Raises
    ------
    ValueError
        If it is one.
    """
    version = header.get(FORMAT_KEYWORD, 1)
    if not (isinstance(version, int) and 1 <= version <= FORMAT):
        raise ValueError(
            f"{FORMAT_KEYWORD} must be at most {FORMAT}, the newest version of the format that is "
            f"known here, got {version!r}: a newer whitediff reads it"
        )


def kernel_hdus(kernel: Kernel, number: int = 1) -> list[Any]:
    """Give the HDUs of a kernel, the first of them being KERNEL.

    Parameters
    ----------
    kernel : SpatialKernel, TabulatedKernel, or RegionKernel of the former
        The kernel.
    number : int
        Its EXTVER.

    Raises
    ------
    TypeError
        If it is another kernel, or has functions that are neither Polynomial2D nor Chebyshev2D.
    """
    if isinstance(kernel, SpatialKernel):
        hdu = fits.ImageHDU(np.array(kernel.basis))
        others = [_function_table(kernel.functions, "FUNCTIONS")]
        hdu.header["KERNTYPE"] = "SPATIAL"
    elif isinstance(kernel, TabulatedKernel):
        hdu = fits.ImageHDU(np.array(kernel.images))
        columns = [
            fits.Column(axis, f"{len(values)}D", unit="pixel", array=np.array([values]))
            for axis, values in (("X", kernel.x), ("Y", kernel.y))
        ]
        others = [table_hdu("GRID", columns)]
        hdu.header["KERNTYPE"] = "TABULATED"
    elif isinstance(kernel, RegionKernel):
        hdu, others = _of_regions(kernel)
    else:
        raise TypeError(
            f"kernel must be a SpatialKernel or a TabulatedKernel, got {type(kernel).__name__}"
        )
    hdu.name = KERNEL_NAME
    hdu.header[FORMAT_KEYWORD] = (FORMAT, "version of docs/kernel-format.md")
    hdu.header["CENTERY"], hdu.header["CENTERX"] = kernel.center
    for each in (hdu, *others):
        each.ver = number
    return [hdu, *others]


def _of_regions(kernel: RegionKernel) -> tuple[fits.ImageHDU, list[fits.BinTableHDU]]:
    parts: list[SpatialKernel] = []
    for part in kernel.kernels:
        if not isinstance(part, SpatialKernel):
            raise TypeError(
                f"the kernels of regions must be SpatialKernels, got {type(part).__name__}"
            )
        parts.append(part)
    hdu = fits.ImageHDU(np.concatenate([part.basis for part in parts]))
    hdu.header["KERNTYPE"] = "SPATIAL"
    functions = [function for part in parts for function in part.functions]
    owners = np.repeat(np.arange(len(parts)), [len(part.functions) for part in parts])
    return hdu, [
        _function_table(functions, "FUNCTIONS", owners),
        _region_table(kernel.boxes, kernel.factors, "REGIONS"),
    ]


def _region_table(boxes: Any, factors: Sequence[float], name: str) -> fits.BinTableHDU:
    columns = [
        fits.Column("BOX", "4K", unit="pixel", array=np.array(boxes)),
        fits.Column("FACTOR", "D", array=np.array(factors, dtype=np.float64)),
    ]
    return table_hdu(name, columns)


def _function_table(functions: Sequence[Any], name: str, regions: Any = None) -> fits.BinTableHDU:
    """Table of functions: coefficients of 1; x, y; x^2, xy, y^2; ... and the Chebyshev box.

    Parameters
    ----------
    functions : sequence of Polynomial2D or Chebyshev2D
        One a row.
    name : str
        Of the table.
    regions : array_like of int, optional
        The region of each.

    Raises
    ------
    TypeError
        If there are others among the functions.
    """
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
    if regions is not None:
        columns.append(fits.Column("REGION", "J", array=np.asarray(regions)))
    return table_hdu(name, columns)


def background_hdus(background: _Function) -> list[fits.BinTableHDU]:
    """Give the HDUs of a background, the first of them being BACKGROUND.

    Raises
    ------
    TypeError
        If it is neither Polynomial2D nor Chebyshev2D, nor a RegionFunction of these.
    """
    if not isinstance(background, RegionFunction):
        return [_function_table([background], "BACKGROUND")]
    return [
        _function_table(background.functions, "BACKGROUND"),
        _region_table(background.boxes, background.factors, "BACKGROUND_REGIONS"),
    ]


def read_kernel_hdus(hdus: fits.HDUList, number: int = 1) -> Kernel:
    """Read the kernel whose HDUs have an EXTVER.

    Raises
    ------
    ValueError
        If they are inconsistent, or of a newer version.
    """
    hdu = hdus[KERNEL_NAME, number]
    check_format(hdu.header)
    if len(hdu.shape) not in (3, 4):
        raise ValueError(f"KERNEL must have 3 or 4 axes, got {len(hdu.shape)}")
    *numbers, height, width = hdu.shape
    check_size(math.prod(numbers), height, width, KERNEL_NAME)
    images = native(hdu.data, np.float64)
    center = (hdu.header["CENTERY"], hdu.header["CENTERX"])
    if hdu.header["KERNTYPE"] == "TABULATED":
        grid = hdus["GRID", number].data[0]
        x, y = (np.atleast_1d(native(grid[axis], np.float64)) for axis in "XY")
        return TabulatedKernel(x, y, images, center=center)
    if hdu.header["KERNTYPE"] != "SPATIAL":
        raise ValueError(f"KERNTYPE must be SPATIAL or TABULATED, got {hdu.header['KERNTYPE']!r}")
    table = hdus["FUNCTIONS", number]
    functions = _read_functions(table)
    if ("REGIONS", number) not in hdus:
        return SpatialKernel(images, functions, center=center)
    boxes, factors = _read_regions(hdus["REGIONS", number])
    owners = native(table.data["REGION"], np.int64)
    if len(owners) != len(images):
        raise ValueError(
            f"FUNCTIONS must have a row for each of {len(images)} images, got {len(owners)}"
        )
    kernels = []
    for region in range(len(boxes)):
        own = np.flatnonzero(owners == region)
        kernels.append(SpatialKernel(images[own], [functions[n] for n in own], center=center))
    return RegionKernel(kernels, boxes, factors)


def read_background(hdus: fits.HDUList) -> _Function | None:
    """Read a background, if there is one.

    Raises
    ------
    ValueError
        If it is inconsistent.
    """
    if "BACKGROUND" not in hdus:
        return None
    functions = _read_functions(hdus["BACKGROUND"])
    if "BACKGROUND_REGIONS" not in hdus:
        return functions[0]
    return RegionFunction(functions, *_read_regions(hdus["BACKGROUND_REGIONS"]))


def _read_regions(hdu: Any) -> tuple[Any, list[float]]:
    whole_number(len(hdu.data), f"number of {hdu.name}", 1, _MAX_REGIONS)
    factors = native(hdu.data["FACTOR"], np.float64)
    if not np.isfinite(factors).all():
        raise ValueError(f"FACTOR of {hdu.name} must be finite, got {factors}")
    return native(hdu.data["BOX"], np.int64), factors.tolist()


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
