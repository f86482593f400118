"""One PSF made of the PSFs of cells."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from whitediff.kernel import as_psf
from whitediff.psf import CellPsf

__all__ = ["coadd_psf"]


def coadd_psf(psfs: Sequence[Any], boxes: Sequence[Any]) -> CellPsf:
    """Make one PSF of those of cells.

    Parameters
    ----------
    psfs : sequence of Psf
        The PSF of each cell: anything that `whitediff.kernel.as_psf` takes.
    boxes : sequence of Box2I
        The cells.

    Returns
    -------
    psf : CellPsf
        A PSF that is in each cell what the cell's own is at the centre of its box, with a sum
        of one.
    """
    limits = np.array([(b.getMinX(), b.getMinY(), b.getMaxX() + 1, b.getMaxY() + 1) for b in boxes])
    centers = (limits[:, :2] + limits[:, 2:] - 1) / 2
    images = [
        as_psf(psf).evaluate(*center[:, np.newaxis])[0]
        for psf, center in zip(psfs, centers, strict=True)
    ]
    shape = np.max([image.shape for image in images], axis=0)
    return CellPsf(np.stack([_padded(image, shape) for image in images]), limits)


def _padded(image: NDArray[np.float64], shape: NDArray[np.int_]) -> NDArray[np.float64]:
    """Add zeros around an image; the centre stays at ``(size - 1) // 2``."""
    before = (shape - 1) // 2 - (np.array(image.shape) - 1) // 2
    return np.pad(image, np.stack([before, shape - image.shape - before], axis=1))
