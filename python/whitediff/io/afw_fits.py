"""Objects in the archive of lsst.afw FITS files: PSFs and kernels."""

from __future__ import annotations

from typing import Any

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

from ..kernel import Chebyshev2D, Polynomial2D, SpatialKernel
from ..psf import KernelPsf
from .fits_file import native
from .kernel_limits import check_coefficients, check_size
from .matching_kernel import MatchingKernel

__all__ = ["has_archive", "read_afw_kernel", "read_psf"]

_ROOT_ID = 1


def has_archive(hdus: fits.HDUList) -> bool:
    """Whether a file holds an archive."""
    return any(hdu.header.get("EXTTYPE") == "ARCHIVE_INDEX" for hdu in hdus)


def read_psf(hdus: fits.HDUList) -> KernelPsf | None:
    """PSF of an exposure; None where the archive holds none that is a fixed `KernelPsf`."""
    header = hdus[0].header
    identifier = header.get("ARCHIVE_ID_PSF", header.get("PSF_ID", 0))
    if not identifier or not has_archive(hdus):
        return None
    archive = _Archive(hdus)
    if archive.name(identifier) != "KernelPsf":
        return None
    (psf,) = archive.rows(identifier)
    kernel_id = psf["kernel"]
    if archive.name(kernel_id) != "FixedKernel":
        return None
    image, center = archive.fixed_kernel(kernel_id)
    height, width = image.shape
    if center != ((height - 1) // 2, (width - 1) // 2):
        return None
    # lsst.afw normalises the image of a KernelPsf whenever it is asked for.
    return KernelPsf(image / image.sum(), _point(psf, "averagePosition"))


def read_afw_kernel(hdus: fits.HDUList) -> MatchingKernel:
    """Read a kernel that lsst.afw.math wrote: FixedKernel or LinearCombinationKernel.

    Parameters
    ----------
    hdus : HDUList
        Open file.

    Returns
    -------
    MatchingKernel
        The kernel, turned round because lsst.afw kernels act by correlation. Positions are those
        of the full image, origin included.

    Raises
    ------
    ValueError
        If the archive holds no such kernel.
    """
    archive = _Archive(hdus)
    name = archive.name(_ROOT_ID)
    if name == "FixedKernel":
        image, center = archive.fixed_kernel(_ROOT_ID)
        one: list[Polynomial2D | Chebyshev2D] = [Polynomial2D([1.0])]
        basis, functions = image[None], one
    elif name == "LinearCombinationKernel":
        basis, center, functions = archive.linear_combination(_ROOT_ID)
    else:
        raise ValueError(
            "no kernel table: expected an archive with a FixedKernel or a "
            f"LinearCombinationKernel, got {name}"
        )
    height, width = basis.shape[1:]
    turned = (height - 1 - center[0], width - 1 - center[1])
    return MatchingKernel(SpatialKernel(basis[:, ::-1, ::-1], functions, center=turned))


class _Archive:
    """Tables of rows, and the index that tells which object owns which of them."""

    def __init__(self, hdus: fits.HDUList) -> None:
        tables = {hdu.header["AR_CATN"]: hdu.data for hdu in hdus if "AR_CATN" in hdu.header}
        self._index = tables[0]
        self._tables = tables

    def _entries(self, identifier: int) -> Any:
        entries = self._index[self._index["id"] == identifier]
        if len(entries) == 0:
            raise ValueError(f"the archive has no object {identifier}")
        return entries

    def name(self, identifier: int) -> str:
        """Class of an object."""
        return str(self._entries(identifier)[0]["name"])

    def rows(self, identifier: int, part: int = 0) -> Any:
        """Rows of one part of an object."""
        entries = self._entries(identifier)
        (entry,) = entries[_field(entries, "cat", "persistable") == part]
        table = self._tables[int(_field(entry, "cat", "archive"))]
        return table[entry["row0"] : entry["row0"] + entry["nrows"]]

    def fixed_kernel(self, identifier: int) -> tuple[NDArray[np.float64], tuple[int, int]]:
        """Image [y, x] and centre (y, x) of a FixedKernel."""
        (row,) = self.rows(identifier)
        width, height = (int(size) for size in _point(row, "dimensions"))
        check_size(1, height, width, "FixedKernel")
        center_x, center_y = (int(position) for position in _point(row, "center"))
        image = native(row["image"], np.float64).reshape(height, width)
        return image, (center_y, center_x)

    def linear_combination(
        self, identifier: int
    ) -> tuple[NDArray[np.float64], tuple[int, int], list[Polynomial2D | Chebyshev2D]]:
        """Basis images [n, y, x], centre (y, x) and functions of a LinearCombinationKernel."""
        (row,) = self.rows(identifier)
        center_x, center_y = (int(position) for position in _point(row, "center"))
        width, height = (int(size) for size in _point(row, "dimensions"))
        check_size(np.size(row["components"]), height, width, "LinearCombinationKernel")
        # A column of one number gives the number.
        components = np.atleast_1d(row["components"])
        basis = np.array([self.fixed_kernel(int(part))[0] for part in components])
        if "spatialfunctions" in row.array.names:
            parts = np.atleast_1d(row["spatialfunctions"])
            functions = [self._function(int(part)) for part in parts]
        else:
            amplitudes = np.atleast_1d(row["amplitudes"])
            functions = [Polynomial2D([float(amplitude)]) for amplitude in amplitudes]
        return basis, (center_y, center_x), functions

    def _function(self, identifier: int) -> Polynomial2D | Chebyshev2D:
        (row,) = self.rows(identifier)
        coefficients = np.atleast_1d(native(row["coefficients"], np.float64))
        check_coefficients(len(coefficients), "coefficients")
        name = self.name(identifier)
        if name.startswith("PolynomialFunction2"):
            return Polynomial2D(coefficients)
        if name.startswith("Chebyshev1Function2"):
            (x_min, y_min), (x_max, y_max) = _point(row, "min"), _point(row, "max")
            return Chebyshev2D(coefficients, (x_min, x_max, y_min, y_max))
        raise ValueError(f"kernel functions must be polynomials or Chebyshev, got {name}")


def _field(row: Any, *words: str) -> Any:
    """Field of a table; older versions of lsst.afw put a point between the words."""
    names = row.array.names if isinstance(row, fits.FITS_record) else row.names
    for separator in "_.":
        if separator.join(words) in names:
            return row[separator.join(words)]
    raise ValueError(f"the archive table has no field {'_'.join(words)}")


def _point(row: Any, name: str) -> tuple[float, float]:
    """Value of a point field, which older versions of lsst.afw hold in one column."""
    if name in row.array.names:
        x, y = row[name]
        return float(x), float(y)
    return float(_field(row, name, "x")), float(_field(row, name, "y"))
