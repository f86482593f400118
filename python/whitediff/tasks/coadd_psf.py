"""One PSF made of the PSFs of cells."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..adapters import as_psf
from ..adapters.afw import AfwPsf
from ..kernel import Kernel, KernelImages, Positions, fitted, normalized
from ..psf import CellPsf, refined

__all__ = ["coadd_psf"]


def coadd_psf(psfs: Sequence[Any], boxes: Sequence[Any]) -> CellPsf:
    """Make one PSF of those of cells.

    Parameters
    ----------
    psfs : sequence of Psf
        The PSF of each cell: anything that `whitediff.adapters.as_psf` takes. Where that of
        lsst.afw is not known at the centre its average stands in, that over the cell's box if need
        be.
    boxes : sequence of Box2I
        The cells.

    Returns
    -------
    psf : CellPsf
        A PSF that is in each cell what the cell's own is, with a sum of one: at the centre of its
        box, or at 2 x 2 or 3 x 3 places where it varies.

    Raises
    ------
    ValueError
        If a PSF is known nowhere in its cell.
    """
    limits = np.array([(b.getMinX(), b.getMinY(), b.getMaxX() + 1, b.getMaxY() + 1) for b in boxes])
    kernels = [_kernel(psf, box) for psf, box in zip(psfs, boxes, strict=True)]
    height, width = (
        max(sizes) for sizes in zip(*(kernel.shape for kernel in kernels), strict=True)
    )

    def images_at(x: Positions, y: Positions, cells: NDArray[np.intp]) -> KernelImages:
        images = [
            kernels[cell].evaluate(np.array([at_x]), np.array([at_y]))[0]
            for at_x, at_y, cell in zip(x, y, cells, strict=True)
        ]
        return np.stack([fitted(image, (height, width)) for image in images])

    return refined(limits, images_at)


def _kernel(psf: Any, box: Any) -> Kernel:
    return normalized(AfwPsf(psf, box)) if hasattr(psf, "computeKernelImage") else as_psf(psf)
