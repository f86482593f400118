"""Files: exposures and kernels, one module a format."""

from __future__ import annotations

import os

from astropy.io import fits

from ..kernel import Kernel, shifted
from .afw_fits import has_archive, read_afw_kernel
from .atomic import replace_file
from .exposure_fits import read_exposure, write_exposure
from .file_names import split_name
from .fits_file import find_image, open_fits
from .hotpants import TABLE_NAME, read_hotpants
from .kernel_fits import read_kernel_image, read_spatial_kernel, write_kernel
from .kernel_hdus import KERNEL_NAME
from .lsst_archive import archive_format, read_archive_kernel
from .lsst_images import is_json, read_lsst_fits, read_lsst_json
from .matching_kernel import MatchingKernel
from .noise_model import read_noise_model, write_noise_model
from .planes import chosen, image_header
from .psfex import is_psfex, read_psfex
from .reading import reading
from .sfft import is_sfft, read_sfft
from .stpsf import is_stpsf, read_stpsf

__all__ = [
    "MatchingKernel",
    "read_exposure",
    "read_kernel",
    "read_noise_model",
    "read_psf",
    "replace_file",
    "write_exposure",
    "write_kernel",
    "write_noise_model",
]


def read_kernel(
    path: str | os.PathLike[str], *, difference: str | os.PathLike[str] | None = None
) -> MatchingKernel:
    """Read a matching kernel; the format is told from the content of the file.

    Parameters
    ----------
    path : path-like
        Kernel file of whitediff, HOTPANTS (a file of -oki, or a difference image with -hki), SFFT
        (FITS_Solution), lsst-images (JSON, FITS or, where it is installed, SDF) or lsst.afw (FITS);
        or a FITS image of a kernel that is the same everywhere, as which ``FILE[EXT]`` is taken.
    difference : path-like, optional
        The difference image made with it, whose header has what the kernel files of HOTPANTS lack:
        the limits of regions.

    Returns
    -------
    MatchingKernel
        The kernel, and what the file says about the subtraction.

    Raises
    ------
    OSError
        If the file is missing, truncated, or neither FITS nor JSON.
    ValueError
        If it holds no kernel, or an inconsistent one.
    """
    return _read(path, difference, "matching kernel")


def _read(
    path: str | os.PathLike[str], difference: str | os.PathLike[str] | None, wanted: str
) -> MatchingKernel:
    file, extension = split_name(path)
    if extension is not None:
        with open_fits(file) as hdus, reading(path):
            return read_kernel_image(chosen(hdus, extension), wanted)
    if archive_format(path) == "ndf":
        return read_archive_kernel(path)
    if is_json(path):
        return read_lsst_json(path)
    with open_fits(path) as hdus, reading(path):
        beside = None
        if difference is not None and TABLE_NAME in hdus:
            beside = image_header(difference)
        return _of_hdus(hdus, beside, wanted)


def _of_hdus(hdus: fits.HDUList, difference: fits.Header | None, wanted: str) -> MatchingKernel:
    if KERNEL_NAME in hdus and "KERNTYPE" in hdus[KERNEL_NAME].header:
        return read_spatial_kernel(hdus)
    if TABLE_NAME in hdus:
        return read_hotpants(hdus, difference)
    if is_sfft(hdus[0].header):
        return read_sfft(hdus)
    if "JSON" in hdus:
        return read_lsst_fits(hdus)
    if has_archive(hdus):
        return read_afw_kernel(hdus)
    if is_stpsf(hdus) or is_psfex(hdus):
        raise ValueError("must hold a matching kernel, got a PSF: see whitediff.io.read_psf")
    return read_kernel_image(find_image(hdus), wanted)


def read_psf(path: str | os.PathLike[str], *, xy0: tuple[float, float] = (0.0, 0.0)) -> Kernel:
    """Read a PSF; the format is told from the content of the file.

    Parameters
    ----------
    path : path-like
        FITS file of STPSF, WebbPSF or POPPY, of PSFEx (with GalSim), or a file that `read_kernel`
        takes and that says nothing of a subtraction.
    xy0 : tuple [float, float], optional
        Position (x, y) of pixel [0, 0] of the image, for files that count from there (PSFEx).

    Returns
    -------
    Kernel
        The PSF, of any sum.

    Raises
    ------
    OSError, ValueError
        As `read_kernel`.
    """
    file, extension = split_name(path)
    if extension is None and not (archive_format(file) == "ndf" or is_json(file)):
        with open_fits(path) as hdus, reading(path):
            if is_stpsf(hdus):
                return read_stpsf(hdus)
            if is_psfex(hdus):
                return shifted(read_psfex(hdus), xy0)
    matching = _read(path, None, "PSF")
    if not (matching.convolved is None and matching.scale is None):
        with reading(path):
            raise ValueError("must hold a PSF, got the matching kernel of a subtraction")
    return matching.kernel if matching.origin == "parent" else shifted(matching.kernel, xy0)
