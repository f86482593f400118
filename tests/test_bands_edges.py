"""What bands of rows take for granted where nothing is said."""

import numpy as np
import pytest

import whitediff
from white_noise import gaussian

SHAPE = (301, 97)


@pytest.fixture
def kernel():
    """A kernel that is another one in every row and in every column."""
    images = [gaussian(sigma, radius=4) for sigma in (0.8, 1.2, 1.7)]
    functions = [[0.6, -1e-3, -1e-3], [0.2, 1e-3, 0.0], [0.2, 0.0, 1e-3]]
    return whitediff.SpatialKernel(images, [whitediff.Polynomial2D(c) for c in functions])


def test_the_first_pixel_is_by_default_where_it_is_in_memory(kernel):
    rng = np.random.default_rng(13)
    image, science, template = rng.normal(size=SHAPE), *rng.uniform(1, 2, (2, *SHAPE))
    expected = whitediff.decorrelate(image, science, template, kernel)
    sources = [
        whitediff.NoiseSource(science),
        whitediff.NoiseSource(template, kernels=[kernel]),
    ]
    for bands, arguments in (
        (whitediff.decorrelate_bands, (image, science, template, kernel)),
        (whitediff.whiten_bands, (image, sources)),
    ):
        rows = []
        result = bands(*arguments, lambda y0, *planes, rows=rows: rows.append(planes))
        np.testing.assert_array_equal(result.cells.centers, expected.cells.centers)
        np.testing.assert_array_equal(result.filters, expected.filters)
        white, variance, edge = (np.concatenate(planes) for planes in zip(*rows, strict=True))
        np.testing.assert_array_equal(white, expected.image)
        np.testing.assert_array_equal(variance, expected.variance)
        np.testing.assert_array_equal(edge, expected.filter_edge)
