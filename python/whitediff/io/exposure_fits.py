"""Exposures in FITS files: the form that whitediff writes, and every form that it can read.

The written form is that of lsst.afw without its archive: an empty primary HDU with the metadata,
then the image, the mask with its planes as ``MP_NAME`` keywords, and the variance. The extension
names are those that astropy.nddata.CCDData looks for: IMAGE (the first with data), MASK, UNCERT
(with ``UTYPE``) and PSFIMAGE. The origin stands in LTV1 and LTV2 and in the linear WCS "A".
"""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

import numpy as np
from astropy.io import fits
from astropy.wcs import WCS
from numpy.typing import NDArray

from ..exposure import DEFAULT_MASK_PLANES, Exposure, Mask
from ..psf import CellPsf, KernelPsf
from .afw_fits import read_psf as read_afw_psf
from .fits_file import find_image, is_image, native, open_fits, write_fits

__all__ = ["read_exposure", "write_exposure"]

_WCS_KEYWORD = re.compile(
    r"(WCSAXES|WCSNAME|C(TYPE|RVAL|RPIX|DELT|UNIT|ROTA)\d|(CD|PC)\d_\d|P[VS]\d_\d+"
    r"|L(ONPOLE|ATPOLE)|RADE(C)?SYS|EQUINOX|[AB]P?_(ORDER|DMAX|\d_\d))"
)
_ORIGIN_KEYWORD = re.compile(r"LT[VM]\d(_\d)?|(WCSAXES|C(TYPE|RVAL|RPIX|DELT|UNIT)\d)A")
# Keywords that describe an HDU or a file, not the exposure.
_FILE_KEYWORD = re.compile(
    r"EXTNAME|EXTVER|EXTTYPE|INHERIT|CHECKSUM|DATASUM|BLANK|AR_HDU|(PSF|(SKY)?WCS)_ID|ARCHIVE_ID_.*"
)
_VARIANCE_TYPE = "VarianceUncertainty"
_DEVIATION_TYPE = "StdDevUncertainty"


def read_exposure(path: str | os.PathLike[str]) -> Exposure:
    """Read an exposure from a FITS file.

    The image is the first HDU with two-dimensional data. A mask is looked for in the extension
    MASK (all its set bits are BAD if it does not name its planes), a variance in VARIANCE or
    UNCERT, a PSF in PSFIMAGE or in the archive of an lsst.afw exposure. Pixels with the value of
    the keyword MASKVAL (as HOTPANTS writes it) become NO_DATA.

    Parameters
    ----------
    path : path-like
        FITS file: written by whitediff, lsst.afw or astropy.nddata.CCDData, or a plain image.

    Returns
    -------
    Exposure
        Its PSF is None where the archive holds one that is not a `KernelPsf` of a fixed kernel.

    Raises
    ------
    OSError
        If the file is missing, is no FITS file, or is truncated.
    ValueError
        If it holds no image, or planes that do not fit the image.
    """
    with open_fits(path) as hdus:
        return _exposure(hdus)


def write_exposure(
    exposure: Exposure, path: str | os.PathLike[str], *, overwrite: bool = False
) -> None:
    """Write an exposure to a FITS file, atomically.

    A unit of the image that is not known (``BUNIT`` in the metadata) is written as "adu".

    Parameters
    ----------
    exposure : Exposure
        With a PSF that is a `KernelPsf` or a `CellPsf`, or none.
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
        If the PSF is of another type.
    """
    primary = fits.PrimaryHDU(header=_without(exposure.metadata, [_FILE_KEYWORD]))
    unit = str(primary.header.pop("BUNIT", ""))
    frame = _frame_header(exposure)
    image = _plane_hdu(exposure.image.array, "IMAGE", frame)
    image.header["BUNIT"] = unit or ("adu", "assumed, not known")
    mask = _plane_hdu(exposure.mask.array, "MASK", frame)
    for name, bit in exposure.mask.getMaskPlaneDict().items():
        # Keywords of more than eight characters need the HIERARCH convention.
        mask.header["HIERARCH " * (len(name) > 5) + f"MP_{name}"] = bit
    hdus = fits.HDUList([primary, image, mask])
    if exposure.variance is not None:
        variance = _plane_hdu(exposure.variance.array, "UNCERT", frame)
        variance.header["EXTTYPE"] = "VARIANCE"
        variance.header["UTYPE"] = _VARIANCE_TYPE
        variance.header["BUNIT"] = f"({unit or 'adu'})**2"
        hdus.append(variance)
    hdus.extend(_psf_hdus(exposure.getPsf()))
    write_fits(hdus, path, overwrite=overwrite)


def _exposure(hdus: fits.HDUList) -> Exposure:
    image = find_image(hdus)
    if image is None:
        raise ValueError("expected a FITS file with a two-dimensional image, got none")
    header = _merged_header(hdus[0], image)
    xy0 = _origin(image.header)
    wcs = _read_wcs(image.header, xy0 or (0, 0))
    obsolete = [_FILE_KEYWORD]
    obsolete += [_WCS_KEYWORD] if wcs is not None else []
    obsolete += [_ORIGIN_KEYWORD] if xy0 is not None else []
    pixels = native(image.data)
    return Exposure(
        image=pixels,
        mask=_read_mask(hdus, header.get("MASKVAL"), pixels),
        variance=_read_variance(hdus),
        psf=_read_psf(hdus, pixels.shape),
        wcs=wcs,
        xy0=xy0,
        metadata=_without(header, obsolete),
    )


def _merged_header(primary: Any, image: Any) -> fits.Header:
    """Header of the image, with what the primary header adds to it."""
    header: fits.Header = image.header.copy(strip=True)
    if image is not primary:
        header.extend(primary.header.copy(strip=True), unique=True)
    return header


def _without(header: fits.Header, patterns: Iterable[re.Pattern[str]]) -> fits.Header:
    cards = [
        card
        for card in header.cards
        if not any(pattern.fullmatch(card.keyword) for pattern in patterns)
    ]
    return fits.Header(cards)


def _origin(header: fits.Header) -> tuple[int, int] | None:
    if not header.get("CTYPE1A") == header.get("CTYPE2A") == "LINEAR":
        return None
    x0, y0 = (header[f"CRVAL{n}A"] + 1 - header[f"CRPIX{n}A"] for n in (1, 2))
    return round(x0), round(y0)


def _read_wcs(header: fits.Header, xy0: tuple[int, int]) -> WCS | None:
    """WCS in parent coordinates, or None where there is none that can be used."""
    header = header.copy()
    _shift_reference(header, xy0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        # wcslib has many ways to fail, and an image is of use without its WCS: the keywords stay
        # in the metadata.
        with suppress(Exception):
            wcs = WCS(header, naxis=2)
            return wcs if wcs.has_celestial else None
    return None


def _shift_reference(header: fits.Header, offset: tuple[int, int]) -> None:
    for n in (1, 2):
        if offset[n - 1]:
            header[f"CRPIX{n}"] = header.get(f"CRPIX{n}", 0.0) + offset[n - 1]


def _find(hdus: fits.HDUList, name: str) -> Any:
    """First image that has `name` as its name or its type of extension."""
    for hdu in hdus[1:]:
        if is_image(hdu) and name in (hdu.name, hdu.header.get("EXTTYPE")):
            return hdu
    return None


def _read_mask(hdus: fits.HDUList, invalid: float | None, pixels: NDArray[Any]) -> Mask | None:
    hdu = _find(hdus, "MASK")
    mask = None
    if hdu is not None:
        bits = native(hdu.data)
        planes = {
            keyword.removeprefix("MP_"): value
            for keyword, value in hdu.header.items()
            if keyword.startswith("MP_")
        }
        if not planes:
            bits = np.where(bits != 0, np.int32(1 << DEFAULT_MASK_PLANES["BAD"]), np.int32(0))
        mask = Mask(bits, planes=planes or DEFAULT_MASK_PLANES)
    if invalid is not None and pixels.dtype.kind == "f":
        mask = mask or Mask(np.zeros(pixels.shape, dtype=np.int32))
        mask.array[pixels == pixels.dtype.type(invalid)] |= 1 << mask.addMaskPlane("NO_DATA")
    return mask


def _read_variance(hdus: fits.HDUList) -> NDArray[Any] | None:
    hdu = _find(hdus, "VARIANCE")
    if hdu is not None:
        return native(hdu.data)
    hdu = _find(hdus, "UNCERT")
    if hdu is None:
        return None
    values, kind = native(hdu.data), hdu.header.get("UTYPE", _DEVIATION_TYPE)
    if kind == _DEVIATION_TYPE:
        return np.asarray(values**2)
    if kind != _VARIANCE_TYPE:
        raise ValueError(f"UTYPE must be {_VARIANCE_TYPE} or {_DEVIATION_TYPE}, got {kind}")
    return values


def _read_psf(hdus: fits.HDUList, shape: tuple[int, ...]) -> KernelPsf | CellPsf | None:
    if "PSFIMAGE" not in hdus:
        return read_afw_psf(hdus)
    hdu = hdus["PSFIMAGE"]
    images = native(hdu.data, np.float64)
    if images.ndim == 2:
        center = (shape[1] - 1) / 2, (shape[0] - 1) / 2
        position = (hdu.header.get(f"PSF{axis}", center[n]) for n, axis in enumerate("XY"))
        return KernelPsf(images, tuple(position))
    cells = hdus["PSFCELLS"].data
    return CellPsf(images, native(cells["BOX"]), native(cells["POSITION"]))


def _frame_header(exposure: Exposure) -> fits.Header:
    """Keywords that place the pixels: WCS and origin."""
    header = fits.Header()
    x0, y0 = exposure.getXY0()
    if exposure.wcs is not None:
        wcs_header = exposure.wcs.to_header(relax=True)
        header = fits.Header([c for c in wcs_header.cards if _WCS_KEYWORD.fullmatch(c.keyword)])
        _shift_reference(header, (-x0, -y0))
    for n, (origin, axis) in enumerate(((x0, "column"), (y0, "row")), start=1):
        header[f"LTV{n}"] = -origin
        header[f"CTYPE{n}A"] = "LINEAR"
        header[f"CRPIX{n}A"] = 1
        header[f"CRVAL{n}A"] = (origin, f"{axis} of the first pixel in the parent image")
        header[f"CUNIT{n}A"] = "pixel"
    return header


def _plane_hdu(array: NDArray[Any], name: str, frame: fits.Header) -> fits.ImageHDU:
    # Astropy swaps the bytes of writable arrays in place: those of the caller must not change.
    array = array.view()
    array.flags.writeable = False
    hdu = fits.ImageHDU(array, header=frame, name=name)
    hdu.header["EXTTYPE"] = name
    return hdu


def _psf_hdus(psf: Any) -> list[Any]:
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
        cells = fits.BinTableHDU.from_columns(columns, name="PSFCELLS")
        return [fits.ImageHDU(psf.images, name="PSFIMAGE"), cells]
    raise TypeError(
        f"a PSF to be written must be a KernelPsf or a CellPsf, got {type(psf).__name__}"
    )
