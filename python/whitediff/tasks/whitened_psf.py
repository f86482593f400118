"""The PSF of a whitened image."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..psf import CellPsf, sampled_psf
from ..whitening import Whitened, Whitening

__all__ = ["WhitenedPsf"]


class WhitenedPsf(CellPsf):
    """The PSF of a whitened image, computed where it is asked for.

    As a `CellPsf`, with images and boxes, it is sampled: so it is written to files and copied.

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
    docs/mathematics.md, Eqs. 6 and 21; DMTN-021.
    """

    def __init__(self, whitened: Whitened, xy0: tuple[int, int]) -> None:
        # Neither image nor variance are kept.
        self._whitening = Whitening(whitened.bank)
        self._xy0 = xy0

    @cached_property
    def _sampled(self) -> CellPsf:
        return sampled_psf(self._whitening, self._xy0)

    @property
    def _images(self) -> NDArray[np.float64]:  # type: ignore[override]
        return self._sampled.images

    @property
    def _boxes(self) -> NDArray[np.int64]:  # type: ignore[override]
        return self._sampled.boxes

    @property
    def _positions(self) -> NDArray[np.float64]:  # type: ignore[override]
        return self._sampled.positions

    def kernel_images(self, x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
        """PSFs at many positions, each computed."""
        images = self._whitening.psf_at(x, y)
        return np.asarray(images / images.sum(axis=(1, 2), keepdims=True))

    def __reduce__(self) -> tuple[Any, ...]:
        return CellPsf, (self._images, self._boxes, self._positions)
