"""Exposures in FITS files: the form that whitediff writes, and every form that it can read.

The written form is that of lsst.afw without its archive: an empty primary HDU with the metadata,
then the image, the mask with its planes as ``MP_NAME`` keywords, and the variance. The extension
names are those that astropy.nddata.CCDData looks for: IMAGE (the first with data), MASK, UNCERT
(with ``UTYPE``) and PSFIMAGE.
"""

from __future__ import annotations

import os
from typing import Any

from astropy.io import fits
from numpy.typing import NDArray

from ..exposure import Exposure
from ..psf import CellPsf, KernelPsf
from .exposure_header import frame_header, primary_header
from .exposure_rows import open_exposure
from .fits_file import table_hdu, write_fits
from .reading import reading
from .wcs_header import lookup_hdus

__all__ = ["further_hdus", "plane_hdus", "primary_hdu", "read_exposure", "write_exposure"]


def read_exposure(path: str | os.PathLike[str]) -> Exposure:
    """Read an exposure from a FITS file, or from any file of lsst-images.

    Image, mask and noise are told by what their planes are called, as `conventions` has it:
    standard deviations are squared and weights inverted, and whatever is not 0 in a mask whose bits
    nobody names is NO_DATA. A PSF is looked for in PSFIMAGE or in the archive of an lsst.afw
    exposure. Pixels with the value of the keyword MASKVAL (as HOTPANTS writes it) become NO_DATA;
    those with the value of BLANK, NaN.

    Parameters
    ----------
    path : path-like
        FITS file, or ``FILE[EXT]``: one image of it. Where lsst-images is installed, JSON or SDF as
        well.

    Returns
    -------
    Exposure
        Its PSF is None where the archive of lsst.afw holds one that is not a `KernelPsf` of a fixed
        kernel, and, with a warning in the log, where that of lsst-images cannot be read.

    Raises
    ------
    OSError
        If the file is missing, is no FITS file, or is truncated.
    ValueError
        If it holds no image, several that could be meant, or planes that do not fit the image.
    """
    with open_exposure(path) as rows, reading(path):
        return rows.load()


def write_exposure(
    exposure: Exposure,
    path: str | os.PathLike[str],
    *,
    quantization: float = 0,
    overwrite: bool = False,
) -> None:
    """Write an exposure to a FITS file, atomically, compressed if its name says so.

    A unit of the image that is not known (``BUNIT`` in the metadata) is written as "adu".

    Parameters
    ----------
    exposure : Exposure
        With a PSF that is a `KernelPsf` or a `CellPsf`, or none.
    path : path-like
        Name of the file; one that ends with .gz or .fz is compressed.
    quantization : float
        With .fz: the image is stored in steps of its noise over this number, dithered; 0 stores it
        to the last bit, as all other planes are.
    overwrite : bool
        Whether an existing file may be replaced.

    Raises
    ------
    FileExistsError
        If the file exists and `overwrite` is False.
    OSError
        If the file cannot be written.
    TypeError
        If the PSF is of another type.
    """
    hdus = [*plane_hdus(exposure), *further_hdus(exposure)]
    write_fits(fits.HDUList(hdus), path, quantization=quantization, overwrite=overwrite)


def plane_hdus(exposure: Exposure) -> list[Any]:
    """HDUs of the metadata, the image, the mask and, if it is known, the variance."""
    primary = primary_hdu(exposure)
    unit = str(exposure.metadata.get("BUNIT", ""))
    x0, y0 = exposure.getXY0()
    frame = frame_header(exposure.wcs_or_cards, (x0, y0))
    image = _plane_hdu(exposure.image.array, "IMAGE", frame)
    image.header["BUNIT"] = unit or ("adu", "assumed, not known")
    mask = _plane_hdu(exposure.mask.array, "MASK", frame)
    for name, bit in exposure.mask.getMaskPlaneDict().items():
        # Keywords of more than eight characters need the HIERARCH convention.
        mask.header["HIERARCH " * (len(name) > 5) + f"MP_{name}"] = bit
    if exposure.variance is None:
        return [primary, image, mask]
    variance = _plane_hdu(exposure.variance.array, "UNCERT", frame)
    variance.header["EXTTYPE"] = "VARIANCE"
    variance.header["UTYPE"] = "VarianceUncertainty"
    variance.header["BUNIT"] = f"({unit or 'adu'})**2"
    return [primary, image, mask, variance]


def primary_hdu(exposure: Exposure) -> fits.PrimaryHDU:
    """HDU of the metadata, apart from the unit of the image."""
    primary = fits.PrimaryHDU(header=primary_header(exposure.metadata))
    primary.header.pop("BUNIT", None)
    return primary


def further_hdus(exposure: Exposure) -> list[Any]:
    """HDUs of what follows the planes: the PSF, and tables that distort the WCS.

    Raises
    ------
    TypeError
        If the PSF cannot be written.
    """
    x0, y0 = exposure.getXY0()
    return [*_psf_hdus(exposure.getPsf()), *lookup_hdus(exposure.wcs_or_cards, (x0, y0))]


def _psf_hdus(psf: Any) -> list[Any]:
    """HDUs of a PSF.

    Raises
    ------
    TypeError
        If it is neither a `KernelPsf` nor a `CellPsf` nor None.
    """
    if psf is None:
        return []
    if isinstance(psf, KernelPsf):
        hdu = fits.ImageHDU(psf.image, name="PSFIMAGE")
        hdu.header["PSFX"], hdu.header["PSFY"] = psf.getAveragePosition()
        return [hdu]
    if isinstance(psf, CellPsf):
        columns = [
            fits.Column("BOX", "4K", unit="pixel", array=psf.boxes),
            fits.Column("POSITION", "2D", unit="pixel", array=psf.positions),
        ]
        cells = table_hdu("PSFCELLS", columns)
        return [fits.ImageHDU(psf.images, name="PSFIMAGE"), cells]
    raise TypeError(
        f"a PSF to be written must be a KernelPsf or a CellPsf, got {type(psf).__name__}"
    )


def _plane_hdu(array: NDArray[Any], name: str, frame: fits.Header) -> fits.ImageHDU:
    # Astropy swaps the bytes of writable arrays in place: those of the caller must not change.
    array = array.view()
    array.flags.writeable = False
    hdu = fits.ImageHDU(array, header=frame, name=name)
    hdu.header["EXTTYPE"] = name
    return hdu
