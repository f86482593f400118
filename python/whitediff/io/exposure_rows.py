"""Exposures that are read from FITS files row by row."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

from ..exposure import DEFAULT_MASK_PLANES, Exposure, Mask
from ..psf import CellPsf, EvaluatedPsf, KernelPsf
from ..wcs_cards import WcsCards, made_wcs
from .afw_fits import read_psf as read_afw_psf
from .conventions import NOISE_WORDS, NoiseKind
from .exposure_header import read_frame
from .file_names import Extension, split_name
from .fits_file import native, open_fits
from .hotpants import leaves_gaps
from .lsst_archive import (
    archive_format,
    is_archive,
    read_archive_exposure,
    read_archive_psf,
    tree_metadata,
)
from .mask_planes import equality, mask_rows, with_invalid
from .noise_planes import NoisePlane, kind_of_name, variance_rows
from .planes import label_of, mask_plane, noise_plane, planes_of
from .reading import ContentError, reading
from .roman import is_asdf, read_roman
from .rows import Rows, StoredRows, is_asinh, pixels_of_hdu

if TYPE_CHECKING:
    from astropy.wcs import WCS

__all__ = ["ExposureRows", "open_exposure", "open_noise"]

_PLANES = ("image", "mask", "variance")


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
    wcs_or_cards : astropy.wcs.WCS, WcsCards or None
        WCS in parent pixel coordinates, or what it is made of.
    xy0 : (int, int)
        Pixel coordinates (x, y) of pixel [0, 0].
    metadata : astropy.io.fits.Header
        Anything else.
    variance_origin : str
        What the variance was made of, in words.
    notes : sequence of str
        What of the file was taken for what, was mended, or is not used.
    """

    image: Rows
    mask: Rows | None
    mask_planes: Mapping[str, int]
    variance: Rows | None
    psf: KernelPsf | CellPsf | EvaluatedPsf | None
    wcs_or_cards: WCS | WcsCards | None
    xy0: tuple[int, int]
    metadata: fits.Header
    variance_origin: str = NOISE_WORDS["variance"]
    notes: Sequence[str] = ()

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width."""
        return self.image.shape

    @property
    def wcs(self) -> WCS | None:
        """WCS in parent pixel coordinates, or None."""
        return made_wcs(self.wcs_or_cards)

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
            wcs=self.wcs_or_cards,
            xy0=self.xy0,
            metadata=self.metadata,
        )


class _OtherMask(NamedTuple):
    """The HDU of a mask that has a file of its own, and the primary header of that."""

    path: str | os.PathLike[str]
    hdu: Any
    header: fits.Header


@contextmanager
def open_exposure(
    path: str | os.PathLike[str], mask: str | os.PathLike[str] | None = None
) -> Iterator[ExposureRows]:
    """Open a file with an exposure, in any of the forms that `read_exposure` knows.

    Exposures in JSON, SDF and ASDF are in memory as a whole.

    Parameters
    ----------
    path : path-like
        The file, or ``FILE[EXT]``.
    mask : path-like, optional
        File of the mask, in place of a plane of the same file.

    Raises
    ------
    OSError
        If the file is missing, is no FITS file, or is truncated.
    ValueError
        If it holds no image, or planes that are not as expected.
    """
    file, extension = split_name(path)
    if archive_format(file) is not None:
        if extension is not None or mask is not None:
            raise ContentError(f"{path}: a file that is no FITS file has its own image and mask")
        yield _in_memory(read_archive_exposure(file))
        return
    with ExitStack() as files:
        hdus, notes = files.enter_context(_hdus(file))
        other = None if mask is None else files.enter_context(_mask_hdu(mask))
        with reading(path):
            exposure = _exposure(hdus, extension, other)
            exposure = replace(exposure, notes=[*exposure.notes, *notes])
        if is_archive(hdus):
            exposure = replace(exposure, psf=read_archive_psf(file))
        origins = dict.fromkeys(_PLANES, path) | ({} if mask is None else {"mask": mask})
        planes: Any = {
            name: _read_from(origin, getattr(exposure, name)) for name, origin in origins.items()
        }
        yield replace(exposure, **planes)


@contextmanager
def open_noise(
    path: str | os.PathLike[str], kind: NoiseKind | None = None, *, image_unit: str = ""
) -> Iterator[NoisePlane]:
    """Open a file with the noise of an image.

    Parameters
    ----------
    path : path-like
        The file, or ``FILE[EXT]``.
    kind : {"variance", "sigma", "weight"}, optional
        What it holds; without it what the name of its plane, the unit or the name of the file says,
        or else variances.
    image_unit : str
        BUNIT of the image.

    Raises
    ------
    OSError
        If the file is missing, is no FITS file, or is truncated.
    ValueError
        If it holds no such plane, or its unit is at odds with that of the image.
    """
    file, extension = split_name(path)
    if archive_format(file) is not None:
        with open_exposure(path) as exposure:
            if exposure.variance is None:
                raise ContentError(f"{path}: expected a variance plane, got none")
            yield NoisePlane(exposure.variance, NOISE_WORDS["variance"])
        return
    with _hdus(file) as (hdus, _):
        with reading(path):
            planes, named = noise_plane(hdus, extension)
            is_certain = kind is not None or (extension is not None and named is not None)
            told = kind or named or kind_of_name(file)
            noise = variance_rows(planes, told, image_unit, is_certain=is_certain)
            if kind is not None and named not in (kind, None):
                contrary = f"{label_of(planes[0])} is taken for {kind}, as given, not for {named}"
                noise = replace(noise, notes=[*noise.notes, contrary])
        rows: Any = _read_from(path, noise.variance)
        yield replace(noise, variance=rows, notes=[f"{path}: {note}" for note in noise.notes])


@contextmanager
def _hdus(file: str) -> Iterator[tuple[fits.HDUList, list[str]]]:
    """The HDUs of a file, and what is to be said of how they were made."""
    if is_asdf(file):
        yield read_roman(file)
        return
    with open_fits(file) as hdus:
        yield hdus, []


@contextmanager
def _mask_hdu(path: str | os.PathLike[str]) -> Iterator[_OtherMask]:
    """A mask that has a file of its own."""
    file, extension = split_name(path)
    with _hdus(file) as (hdus, _):
        with reading(path):
            found = mask_plane(hdus, extension)
        yield _OtherMask(path, found, hdus[0].header)


def _read_from(path: str | os.PathLike[str], rows: Rows | None) -> Rows | None:
    """Rows that say of which file they are if they cannot be read."""
    if rows is None:
        return None
    if rows.stored is not rows:
        return StoredRows(_told_of(path, rows.stored))
    return _told_of(path, rows)


def _told_of(path: str | os.PathLike[str], rows: Rows) -> Rows:
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
        wcs_or_cards=exposure.wcs_or_cards,
        xy0=(exposure.getX0(), exposure.getY0()),
        metadata=exposure.metadata,
    )


def _exposure(
    hdus: fits.HDUList, extension: Extension | None, other_mask: _OtherMask | None
) -> ExposureRows:
    planes = planes_of(hdus, extension)
    if other_mask is not None and planes.mask is not None:
        left_out = [label_of(planes.mask), *planes.left_out]
        planes = replace(planes, mask=None, left_out=left_out)
    if is_archive(hdus):
        # Its own reader knows what the rest is.
        planes = replace(planes, left_out=[])
    image = planes.image
    others = [hdu for hdu in (hdus[0], planes.mask, *planes.noise) if hdu is not None]
    frame = read_frame(hdus, image, others)
    frame.metadata.extend(tree_metadata(hdus), update=True)
    pixels = pixels_of_hdu(image)
    notes = [planes.summary, *frame.notes]
    if is_asinh(image.header):
        notes.append("values that are compressed (BSOFTEN) were made linear")
    mask: Rows | None = None
    mask_planes: Mapping[str, int] = dict(DEFAULT_MASK_PLANES)
    hdu, headers = planes.mask, [image.header, hdus[0].header]
    of_mask: AbstractContextManager[None] = nullcontext()
    if other_mask is not None:
        hdu, headers = other_mask.hdu, [other_mask.header, *headers]
        of_mask = reading(other_mask.path)
    elif sum(other.name == "MASK" and "MSKN0000" in other.header for other in hdus) > 1:
        raise ValueError("mask must have at most 31 planes, got more than one extension of them")
    if hdu is not None:
        with of_mask:
            mask, mask_planes, note = mask_rows(hdu, headers)
        notes.append(note)
    if "MASKVAL" in frame.metadata:
        invalid = [frame.metadata["MASKVAL"]]
        # Among whole numbers zero may be a difference, too.
        if image.header["BITPIX"] < 0 and leaves_gaps(frame.metadata, pixels.shape):
            invalid.append(0.0)
            notes.append("pixels of 0, where HOTPANTS made no difference, have no value")
        is_invalid = equality(invalid, image.header, pixels.dtype)
        mask, mask_planes = with_invalid(mask, mask_planes, pixels, is_invalid)
    noise = None
    if planes.noise:
        unit = str(frame.metadata.get("BUNIT", "")).strip()
        noise = variance_rows(planes.noise, planes.kind, unit, is_certain=False)
        notes += noise.notes
    return ExposureRows(
        image=_floating(pixels),
        mask=mask,
        mask_planes=mask_planes,
        variance=None if noise is None else noise.variance,
        psf=_psf(hdus, pixels.shape),
        wcs_or_cards=frame.wcs,
        xy0=frame.xy0 or (0, 0),
        metadata=frame.metadata,
        variance_origin="" if noise is None else noise.origin,
        notes=[note for note in notes if note],
    )


def _floating(rows: Rows) -> Rows:
    """Rows of the type that an `Exposure` gives them."""
    dtype = min(np.result_type(rows.dtype, np.float32), np.dtype(np.float64))
    return rows if rows.dtype == dtype else rows.map(dtype, lambda pixels: pixels)


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
