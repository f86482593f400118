"""Matching kernels of ours as those of lsst.images."""

from __future__ import annotations

import math
import os
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from lsst.images import Box
from lsst.images.convolution_kernels import ImageBasisConvolutionKernel
from lsst.images.fields import ChebyshevField
from lsst.images.serialization import write_archive
from numpy.typing import NDArray

from ..io import replace_file
from ..kernel import Chebyshev2D, Polynomial2D, SpatialFunction, SpatialKernel

__all__ = ["lsst_kernel", "write_lsst_kernel"]


def lsst_kernel(kernel: SpatialKernel, box: Box) -> ImageBasisConvolutionKernel:
    """Give a kernel of lsst.images, which acts by correlation, for one of ours.

    Parameters
    ----------
    kernel : SpatialKernel
        The kernel.
    box : Box
        Where it holds: the box of the difference image. The functions of position become Chebyshev
        polynomials over it.
    """
    basis = np.array(kernel.basis[:, ::-1, ::-1])
    height, width = kernel.shape
    center_y, center_x = kernel.center
    fields = [ChebyshevField(box, _chebyshev(function, box)) for function in kernel.functions]
    return ImageBasisConvolutionKernel(
        basis, fields, center_y=height - 1 - center_y, center_x=width - 1 - center_x
    )


def write_lsst_kernel(
    kernel: SpatialKernel, box: Box, path: str | os.PathLike[str], *, overwrite: bool = False
) -> None:
    """Write a kernel to a file of lsst-images, atomically.

    Parameters
    ----------
    kernel, box
        As for `lsst_kernel`.
    path : path-like
        Name of the file, which ends with .fits, .json or .sdf.
    overwrite : bool
        Whether an existing file may be replaced.

    Raises
    ------
    FileExistsError
        If the file exists and `overwrite` is False.
    TypeError
        If a function of position is not a polynomial.
    """
    with replace_file(path, overwrite=overwrite) as file, TemporaryDirectory() as folder:
        # Its format is told from its name.
        whole = Path(folder, Path(path).name)
        write_archive(lsst_kernel(kernel, box), whole)
        file.write(whole.read_bytes())


def _chebyshev(function: SpatialFunction, box: Box) -> NDArray[np.float64]:
    """Coefficients [degree in y, degree in x] of a polynomial over a box grown by half a pixel."""
    if not isinstance(function, Polynomial2D | Chebyshev2D):
        raise TypeError(
            f"functions must be Polynomial2D or Chebyshev2D, got {type(function).__name__}"
        )
    # 1, 3, 6, 10, ... coefficients.
    order = (math.isqrt(8 * len(function.coefficients) + 1) - 3) // 2
    # As many nodes as there are coefficients along an axis: the polynomial through them is the one.
    nodes = np.cos(np.pi * (np.arange(order + 1) + 0.5) / (order + 1))
    x = box.x.center + nodes * box.x.size / 2
    y = box.y.center + nodes * box.y.size / 2
    values = function(*np.meshgrid(x, y))
    inverse = np.linalg.inv(np.polynomial.chebyshev.chebvander(nodes, order))
    coefficients: NDArray[np.float64] = inverse @ values @ inverse.T
    return coefficients
