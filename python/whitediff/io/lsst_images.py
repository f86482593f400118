"""Matching kernels in the files of the Rubin package lsst-images, JSON and FITS."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

from ..kernel import Chebyshev2D, SpatialKernel
from .fits_file import native
from .kernel_limits import check_size, order_of
from .matching_kernel import MatchingKernel
from .polynomials import pack
from .reading import ReadError, open_input, reading

__all__ = ["is_json", "read_lsst_fits", "read_lsst_json"]


def is_json(path: str | os.PathLike[str]) -> bool:
    """Whether a file begins as a JSON object does."""
    with open_input(path) as file:
        return file.read(64).lstrip().startswith(b"{")


def read_lsst_json(path: str | os.PathLike[str]) -> MatchingKernel:
    """Read the kernel from a JSON file: of a difference image, or of a kernel alone.

    Parameters
    ----------
    path : path-like
        JSON file.

    Returns
    -------
    MatchingKernel
        The kernel of a difference image convolves the template; a kernel alone does not say.
        Positions are those of the full image, origin included.

    Raises
    ------
    OSError
        If the file is missing, or is no complete JSON.
    ValueError
        If it holds no kernel table, or one of an unknown kind.
    """
    with reading(path):
        try:
            tree = json.loads(Path(path).read_bytes())
        except ValueError as error:
            raise ReadError(f"{os.fspath(path)} is not JSON, or is truncated") from error
        return _read_tree(tree, lambda array: np.array(array["data"], dtype=np.float64))


def read_lsst_fits(hdus: fits.HDUList) -> MatchingKernel:
    """Read the kernel from an open FITS file; otherwise as `read_lsst_json`."""

    def read_array(array: dict[str, Any]) -> NDArray[np.float64]:
        match = re.fullmatch(r"fits:([\w/-]+)(?:,(\d+))?(?:\[\d+\])?", str(array.get("source")))
        if match is None:
            raise ValueError(f"array references must be like 'fits:BASIS', got {array}")
        return native(hdus[match[1], int(match[2] or 1)].data, np.float64)

    text = np.asarray(hdus["JSON"].data["JSON"][0]).tobytes()
    return _read_tree(json.loads(text), read_array)


def _read_tree(
    tree: Any, read_array: Callable[[dict[str, Any]], NDArray[np.float64]]
) -> MatchingKernel:
    whole_image = isinstance(tree, dict) and "kernel" in tree
    kernel = tree["kernel"] if whole_image else tree
    if not isinstance(kernel, dict) or kernel.get("kernel_type") != "IMAGE_BASIS":
        raise ValueError(
            "no kernel table: expected an lsst-images tree with a kernel of type IMAGE_BASIS"
        )
    # The basis images come from lsst.afw kernels, which act by correlation: turn them round.
    basis = read_array(kernel["basis"])[:, ::-1, ::-1]
    n_images, height, width = basis.shape
    check_size(n_images, height, width, "basis")
    center = (height - 1 - kernel["center_y"], width - 1 - kernel["center_x"])
    functions = [_function(field) for field in kernel["spatial"]]
    return MatchingKernel(
        SpatialKernel(basis, functions, center=center), "template" if whole_image else None
    )


def _function(field: dict[str, Any]) -> Chebyshev2D:
    if field.get("field_type") != "CHEBYSHEV":
        raise ValueError(
            f"the kernel must vary as CHEBYSHEV functions, got {field.get('field_type')}"
        )
    x, y = field["bounds"]["x"], field["bounds"]["y"]
    bbox = (x["start"] - 0.5, x["stop"] - 0.5, y["start"] - 0.5, y["stop"] - 0.5)
    # The table is [degree in y, degree in x].
    coefficients = np.array(field["coefficients"]["data"]).T
    for size in coefficients.shape:
        order_of(size - 1, "order of CHEBYSHEV functions")
    return Chebyshev2D(pack(coefficients), bbox)
