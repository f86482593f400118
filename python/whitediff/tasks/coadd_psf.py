"""One PSF made of the PSFs of cells."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..adapters import as_psf
from ..adapters.afw import AfwPsf
from ..kernel import Kernel, fitted, normalized
from ..psf import CellPsf

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
        A PSF that is in each cell what the cell's own is at the centre of its box, with a sum
        of one.

    Raises
    ------
    ValueError
        If a PSF is known nowhere in its cell.
    """
    limits = np.array([(b.getMinX(), b.getMinY(), b.getMaxX() + 1, b.getMaxY() + 1) for b in boxes])
    centers = (limits[:, :2] + limits[:, 2:] - 1) / 2
    images = [
        _kernel(psf, box).evaluate(*center[:, np.newaxis])[0]
        for psf, box, center in zip(psfs, boxes, centers, strict=True)
    ]
    height, width = (max(sizes) for sizes in zip(*(image.shape for image in images), strict=True))
    return CellPsf(np.stack([fitted(image, (height, width)) for image in images]), limits)


def _kernel(psf: Any, box: Any) -> Kernel:
    return normalized(AfwPsf(psf, box)) if hasattr(psf, "computeKernelImage") else as_psf(psf)
