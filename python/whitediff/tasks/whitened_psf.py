"""The PSF of a whitened image."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..psf import CellPsf
from ..whitening import Whitened

__all__ = ["WhitenedPsf"]


class WhitenedPsf(CellPsf):
    """A `CellPsf` whose images are computed when one is asked for.

    Parameters
    ----------
    whitened : Whitened
        The result whose PSF it is; the PSF of the image before whitening must have been given.
    xy0 : tuple of int
        Pixel coordinates (x, y) of pixel [0, 0] of the image.

    Raises
    ------
    ValueError
        When an image is asked for, if the PSF of the image before whitening has no positive sum.

    Notes
    -----
    docs/mathematics.md, Eq. 6; DMTN-021.
    """

    def __init__(self, whitened: Whitened, xy0: tuple[int, int]) -> None:
        self._bank = whitened.bank
        boxes = whitened.cells.boxes.astype(np.int64)
        self._positions = np.array(whitened.cells.centers)
        if len(self._positions) < len(boxes):
            boxes = np.hstack([boxes[:, :2].min(axis=0), boxes[:, 2:].max(axis=0)])[np.newaxis]
        self._boxes = boxes + np.array(xy0 + xy0)
        for array in (self._boxes, self._positions):
            array.flags.writeable = False

    @cached_property
    def _images(self) -> NDArray[np.float64]:  # type: ignore[override]
        images = self._bank.psfs()
        images.flags.writeable = False
        return images

    def __reduce__(self) -> tuple[Any, ...]:
        return CellPsf, (self._images, self._boxes, self._positions)
