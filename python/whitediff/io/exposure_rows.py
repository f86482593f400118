"""Exposures that are read from FITS files row by row."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from astropy.io import fits
from astropy.wcs import WCS
from numpy.typing import NDArray

from ..exposure import DEFAULT_MASK_PLANES, Exposure, Mask
from ..psf import CellPsf, EvaluatedPsf, KernelPsf
from .afw_fits import read_psf as read_afw_psf
from .exposure_header import read_frame
from .fits_file import find_image, is_image, native, open_fits
from .lsst_archive import (
    archive_format,
    is_archive,
    read_archive_exposure,
    read_archive_psf,
    tree_metadata,
)
from .reading import reading
from .rows import Rows, pixels_of_hdu, rows_of_hdu

__all__ = ["ExposureRows", "open_exposure"]

_PLANES = ("image", "mask", "variance")
_VARIANCE_TYPE = "VarianceUncertainty"
_DEVIATION_TYPE = "StdDevUncertainty"
# Images that are no planes of the frame, or that others read.
_OWN = ("PSFIMAGE", "COVARIANCE", "SIGNIFICANCE", "PSFFLUX", "PSFFLUXERR")


@dataclass(frozen=True)
class ExposureRows:
    """An exposure whose planes are on the disk.

    Attributes
    ----------
    image : Rows
        Pixels [y, x].
    mask : Rows or None
        Bits [y, x], if there are any.
    mask_planes : mapping of str to int
        Bit number of each named mask plane.
    variance : Rows or None
        Variance [y, x], if it is known.
    psf : KernelPsf or CellPsf or EvaluatedPsf or None
        PSF, if it is known.
    wcs : astropy.wcs.WCS or None
        In parent pixel coordinates.
    xy0 : (int, int)
        Pixel coordinates (x, y) of pixel [0, 0].
    metadata : astropy.io.fits.Header
        Anything else.
    notes : sequence of str
        What of the file was mended, or is not used.
    """

    image: Rows
    mask: Rows | None
    mask_planes: Mapping[str, int]
    variance: Rows | None
    psf: KernelPsf | CellPsf | EvaluatedPsf | None
    wcs: WCS | None
    xy0: tuple[int, int]
    metadata: fits.Header
    notes: Sequence[str] = ()

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width."""
        return self.image.shape

    def load(self) -> Exposure:
        """Read all of it."""
        mask = None
        if self.mask is not None:
            mask = Mask(self.mask[:], planes=self.mask_planes)
        return Exposure(
            image=self.image[:],
            mask=mask,
            variance=None if self.variance is None else self.variance[:],
            psf=self.psf,
            wcs=self.wcs,
            xy0=self.xy0,
            metadata=self.metadata,
        )


@contextmanager
def open_exposure(path: str | os.PathLike[str]) -> Iterator[ExposureRows]:
    """Open a file with an exposure, in any of the forms that `read_exposure` knows.

    Exposures in JSON and SDF are in memory as a whole.

    Raises
    ------
    OSError
        If the file is missing, is no FITS file, or is truncated.
    ValueError
        If it holds no image, or planes that are not as expected.
    """
    if archive_format(path) is not None:
        yield _in_memory(read_archive_exposure(path))
        return
    with open_fits(path) as hdus:
        with reading(path):
            exposure = _exposure(hdus)
        if is_archive(hdus):
            exposure = replace(exposure, psf=read_archive_psf(path))
        planes: Any = {name: _read_from(path, getattr(exposure, name)) for name in _PLANES}
        yield replace(exposure, **planes)


def _read_from(path: str | os.PathLike[str], rows: Rows | None) -> Rows | None:
    """Rows that say of which file they are if they cannot be read."""
    if rows is None:
        return None

    def read(part: slice) -> NDArray[Any]:
        with reading(path):
            return rows[part]

    return Rows(rows.shape, rows.dtype, read)


def _in_memory(exposure: Exposure) -> ExposureRows:
    def rows(array: NDArray[Any]) -> Rows:
        # Who asks for rows may change them.
        return Rows((array.shape[0], array.shape[1]), array.dtype, lambda rows: array[rows].copy())

    return ExposureRows(
        image=rows(exposure.image.array),
        mask=rows(exposure.mask.array),
        mask_planes=exposure.mask.getMaskPlaneDict(),
        variance=None if exposure.variance is None else rows(exposure.variance.array),
        psf=exposure.psf,
        wcs=exposure.wcs,
        xy0=(exposure.getX0(), exposure.getY0()),
        metadata=exposure.metadata,
    )


def _exposure(hdus: fits.HDUList) -> ExposureRows:
    image = find_image(hdus)
    if image is None:
        raise ValueError("expected a FITS file with a two-dimensional image, got none")
    frame = read_frame(hdus[0], image)
    frame.metadata.extend(tree_metadata(hdus), update=True)
    pixels = pixels_of_hdu(image)
    mask, planes = _mask(hdus)
    if "MASKVAL" in frame.metadata:
        is_invalid = _equality(frame.metadata["MASKVAL"], image.header, pixels.dtype)
        mask, planes = _with_invalid(mask, planes, pixels, is_invalid)
    return ExposureRows(
        image=_floating(pixels),
        mask=mask,
        mask_planes=planes,
        variance=_variance(hdus),
        psf=_psf(hdus, pixels.shape),
        wcs=frame.wcs,
        xy0=frame.xy0 or (0, 0),
        metadata=frame.metadata,
        notes=[*frame.notes, *([] if is_archive(hdus) else _unused(hdus, image))],
    )


def _unused(hdus: fits.HDUList, image: Any) -> Iterator[str]:
    """Other images of a file, of which nothing is taken."""
    used = [image, _find(hdus, "MASK"), _find(hdus, "VARIANCE") or _find(hdus, "UNCERT")]
    for number, hdu in enumerate(hdus):
        if is_image(hdu) and hdu.name not in _OWN and not any(hdu is other for other in used):
            yield f"HDU {number} ({hdu.name or 'without a name'}) is not used"


def _floating(rows: Rows) -> Rows:
    """Rows of the type that an `Exposure` gives them."""
    dtype = min(np.result_type(rows.dtype, np.float32), np.dtype(np.float64))
    return rows.map(dtype, lambda pixels: pixels)


def _find(hdus: fits.HDUList, name: str) -> Any:
    """First image that has `name` as its name or its type of extension."""
    for hdu in hdus[1:]:
        if is_image(hdu) and name in (hdu.name, hdu.header.get("EXTTYPE")):
            return hdu
    return None


def _mask(hdus: fits.HDUList) -> tuple[Rows | None, Mapping[str, int]]:
    hdu = _find(hdus, "MASK")
    planes = dict(DEFAULT_MASK_PLANES)
    if hdu is None:
        return None, planes
    if sum(other.name == "MASK" and "MSKN0000" in other.header for other in hdus) > 1:
        raise ValueError("mask must have at most 31 planes, got more than one extension of them")
    mask = rows_of_hdu(hdu)
    named = {
        keyword.removeprefix("MP_"): value
        for keyword, value in hdu.header.items()
        if keyword.startswith("MP_")
    }
    # As lsst-images names them: MSKNnnnn, n counting the bits.
    named |= {
        name: int(keyword.removeprefix("MSKN"))
        for keyword, name in hdu.header.items()
        if keyword.startswith("MSKN")
    }
    if not named:
        missing = np.int32(1 << planes["NO_DATA"])
        return mask.map(np.int32, lambda bits: np.where(bits != 0, missing, np.int32(0))), planes
    if mask.dtype.kind not in "iu":
        raise TypeError(f"mask must hold the bits of its planes as integers, got {mask.dtype}")
    # Planes may have bits beyond those that a narrow type can hold.
    if mask.dtype.itemsize < np.dtype(np.int32).itemsize:
        mask = mask.map(np.int32, lambda bits: bits)
    return mask, named


def _equality(
    value: Any, header: fits.Header, dtype: np.dtype[Any]
) -> Callable[[NDArray[Any]], NDArray[np.bool_]]:
    """What tells pixels that have a value, after it was rounded as they were."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"MASKVAL must be a number, got {value!r}")
    if header["BITPIX"] > 0:
        half_step = abs(header.get("BSCALE", 1)) / 2
        return lambda pixels: np.abs(pixels.astype(np.float64) - value) <= half_step
    # Programs that compute in single precision write it in double precision too.
    with np.errstate(over="ignore"):
        rounded = [float(kind(value)) for kind in (np.float32, dtype.type)]
    return lambda pixels: np.isin(pixels, rounded)


def _with_invalid(
    known: Rows | None,
    planes: Mapping[str, int],
    pixels: Rows,
    is_invalid: Callable[[NDArray[Any]], NDArray[np.bool_]],
) -> tuple[Rows, Mapping[str, int]]:
    """Mask whose plane NO_DATA has the invalid pixels too."""
    if known is not None and known.shape != pixels.shape:
        raise ValueError(
            f"mask must have shape {pixels.shape}, that of the image, got {known.shape}"
        )
    some = Mask(np.zeros((1, 1), np.int32), planes=planes)
    bit = 1 << some.addMaskPlane("NO_DATA")

    def bits_with_invalid(rows: slice) -> NDArray[np.int32]:
        image = pixels[rows]
        bits = np.zeros(image.shape, np.int32) if known is None else known[rows]
        bits[is_invalid(image)] |= bit
        return bits

    dtype = np.dtype(np.int32) if known is None else known.dtype
    return Rows(pixels.shape, dtype, bits_with_invalid), some.getMaskPlaneDict()


def _variance(hdus: fits.HDUList) -> Rows | None:
    hdu = _find(hdus, "VARIANCE")
    if hdu is not None:
        return pixels_of_hdu(hdu)
    hdu = _find(hdus, "UNCERT")
    if hdu is None:
        return None
    rows, kind = pixels_of_hdu(hdu), hdu.header.get("UTYPE", _DEVIATION_TYPE)
    if kind == _DEVIATION_TYPE:
        floating = _floating(rows)
        return floating.map(floating.dtype, lambda deviations: deviations**2)
    if kind != _VARIANCE_TYPE:
        raise ValueError(f"UTYPE must be {_VARIANCE_TYPE} or {_DEVIATION_TYPE}, got {kind}")
    return rows


def _psf(hdus: fits.HDUList, shape: tuple[int, int]) -> KernelPsf | CellPsf | None:
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
