"""One PSF made of those of cells."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from cell_mappers import SIGMA, gaussian
from whitediff.geometry import Box2I, Extent2I, Point2D, Point2I
from whitediff.psf import KernelPsf
from whitediff.tasks.coadd_psf import coadd_psf


def test_psfs_of_different_sizes_are_centred() -> None:
    boxes = [Box2I(Point2I(10 * i, 0), Extent2I(10, 8)) for i in range(3)]
    shapes = [(5, 9), (11, 7), (6, 6)]
    psf = coadd_psf([KernelPsf(gaussian(1.0, shape)) for shape in shapes], boxes)
    assert psf.images.shape[1:] == (11, 9)
    for i in range(3):
        image = psf.computeKernelImage(Point2D(10 * i + 5, 4)).array
        assert image.argmax() == 5 * 9 + 4
        assert image.sum() == pytest.approx(1.0)
        assert psf.getBBox(i) == boxes[i]


def test_psf_that_fails_at_a_position_is_taken_at_its_average() -> None:
    class PatchyPsf(KernelPsf):
        def computeKernelImage(self, position: Any = None) -> Any:
            if position != self.getAveragePosition():
                raise RuntimeError("no input here")
            return super().computeKernelImage(position)

    psf = PatchyPsf(gaussian(SIGMA), Point2D(3.0, 4.0))
    cell = Box2I(Point2I(50, 60), Extent2I(5, 5))
    # The sum of one is that of the Gaussian to rounding.
    np.testing.assert_allclose(coadd_psf([psf], [cell]).images[0], gaussian(SIGMA), rtol=1e-14)
