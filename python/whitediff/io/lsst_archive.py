"""Files of the Rubin package lsst-images, read by its own reader where it is installed."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

import numpy as np
from astropy.io import fits

from ..adapters import as_kernel
from ..exposure import Exposure
from ..psf import EvaluatedPsf
from .lsst_exposure import exposure_of, metadata_header, psf_of
from .matching_kernel import MatchingKernel
from .reading import open_input, reading

__all__ = [
    "archive_format",
    "is_archive",
    "read_archive",
    "read_archive_exposure",
    "read_archive_kernel",
    "read_archive_psf",
    "tree_metadata",
]

_log = logging.getLogger(__name__)

_JSON, _SCHEMAS = "JSON", "https://images.lsst.io/schemas/"
_HDF5 = b"\x89HDF\r\n\x1a\n"


def archive_format(path: str | os.PathLike[str]) -> str | None:
    """Give the name that lsst-images has for the format of a file: JSON or SDF; None for others."""
    with open_input(path) as file:
        begin = file.read(64)
    if begin.startswith(_HDF5):
        return "ndf"
    return "json" if begin.lstrip().startswith(b"{") else None


def is_archive(hdus: fits.HDUList) -> bool:
    """Whether an open FITS file is one of lsst-images."""
    return str(hdus[0].header.get("DATAMODL", "")).startswith(_SCHEMAS) and _JSON in hdus


def tree_metadata(hdus: fits.HDUList) -> fits.Header:
    """Give the metadata of the image in an open FITS file; none if it is not one of lsst-images."""
    if not is_archive(hdus):
        return fits.Header()
    tree = json.loads(np.asarray(hdus[_JSON].data[_JSON][0]).tobytes())
    values = tree.get("metadata") if isinstance(tree, dict) else None
    return metadata_header(values if isinstance(values, dict) else {})


def read_archive_exposure(path: str | os.PathLike[str]) -> Exposure:
    """Read an image from a file of lsst-images, with its own reader.

    Raises
    ------
    OSError, ValueError
        As `read_archive`; and if the file holds anything but an image with mask and variance.
    """
    content = read_archive(path)
    if not all(hasattr(content, name) for name in ("image", "mask", "variance")):
        raise ValueError(
            f"{os.fspath(path)}: expected an image with mask and variance, got a "
            f"{type(content).__name__}"
        )
    with reading(path):
        return exposure_of(content)


def read_archive(path: str | os.PathLike[str]) -> Any:
    """Read whatever a file of lsst-images holds, with its own reader.

    Parameters
    ----------
    path : path-like
        A file in JSON, SDF or FITS.

    Returns
    -------
    content : object
        Of the class that the file names.

    Raises
    ------
    OSError
        If the file is missing, or cannot be read.
    ValueError
        If lsst-images is not installed.
    """
    with _reader_errors(path):
        kind = archive_format(path) or "fits"
        return _serialization(path).read_archive(os.fspath(path), format=kind)


def read_archive_psf(path: str | os.PathLike[str]) -> EvaluatedPsf | None:
    """Read the PSF of an image from a FITS file of lsst-images.

    Returns
    -------
    psf : EvaluatedPsf or None
        None, with a warning in the log, where there is no reader for it.
    """
    try:
        with (
            _reader_errors(path),
            _serialization(path).open_archive(os.fspath(path), format="fits") as archive,
        ):
            psf = archive.get_component("psf")
            return psf_of(psf, psf.bounds.bbox)
    except (OSError, ValueError) as error:
        _log.warning("The PSF of an image could not be read, so it has none: %s", error)
        return None


def read_archive_kernel(path: str | os.PathLike[str]) -> MatchingKernel:
    """Read the kernel from a file of lsst-images: of a difference image, or of a kernel alone.

    Parameters
    ----------
    path : path-like
        A file in SDF, or any other that the package reads.

    Raises
    ------
    OSError, ValueError
        As `read_archive`; and if the file has no kernel.
    """
    content = read_archive(path)
    whole_image = hasattr(content, "image")
    try:
        kernel = content.kernel if whole_image else content
    except AttributeError:
        kernel = None
    if not hasattr(kernel, "compute_kernel_image") or hasattr(kernel, "compute_stellar_image"):
        raise ValueError(f"{os.fspath(path)}: expected a kernel, got a {type(content).__name__}")
    return MatchingKernel(as_kernel(kernel), "template" if whole_image else None)


def _serialization(path: str | os.PathLike[str]) -> Any:
    try:
        return import_module("lsst.images.serialization")
    except ImportError as error:
        raise ValueError(
            f"{os.fspath(path)} must be read by lsst-images, which is not installed: "
            "pip install 'whitediff[rubin]'"
        ) from error


@contextmanager
def _reader_errors(path: str | os.PathLike[str]) -> Iterator[None]:
    """Raise what a reader of another package trips over as an OSError that names the file."""
    name = os.fspath(path)
    with open_input(path):
        pass
    try:
        yield
    except MemoryError:
        raise
    except Exception as error:
        if isinstance(error, OSError | ValueError) and name in str(error):
            raise
        raise OSError(f"{name}: lsst-images cannot read it: {error}") from error
