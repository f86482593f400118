"""Foreign kernels whose sides are even, so that no pixel is in the middle."""

import numpy as np
import pytest

from foreign import CorrelationKernel
from whitediff.adapters import as_kernel


class CentrelessKernel:
    """A kernel of another package that does not tell its centre."""

    def __init__(self, image):
        self._kernel = CorrelationKernel(image)

    def getDimensions(self):
        return self._kernel.getDimensions()

    def computeImage(self, image, doNormalize, x=0.0, y=0.0):
        return self._kernel.computeImage(image, doNormalize, x, y)


@pytest.mark.parametrize("shape", [(3, 4), (4, 3), (6, 2)])
def test_centre_of_an_afw_kernel_is_by_default_that_of_afw(shape):
    image = np.random.default_rng(11).normal(size=shape)
    found = as_kernel(CentrelessKernel(image))
    expected = as_kernel(CorrelationKernel(image))
    assert found.center == expected.center
    np.testing.assert_array_equal(found.evaluate([3.0], [4.0]), [image[::-1, ::-1]])
