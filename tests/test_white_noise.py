"""Whitened pairs of white noise, 1024 x 1024, with a kernel that varies over the frame."""

from dataclasses import dataclass

import numpy as np
import pytest

import whitediff
from white_noise import RADIUS, difference, gaussian, inner, linear_kernel, matched, white
from whitediff.kernel import fixed_kernel

SHAPE = (1024, 1024)
N_LAGS = 10
OVERLAP = 8


@dataclass
class Case:
    noise: np.ndarray
    """Whitened, in units of the expected sigma."""
    whitened: whitediff.Whitened
    variance: float
    """What theory expects of a pixel."""


def pair(convolved, kernel_sum, ratio):
    rng = np.random.default_rng(7)
    kernel = linear_kernel(SHAPE, kernel_sum)
    image = difference(SHAPE, kernel, (1.0, ratio), rng, convolved, scale=1 / kernel_sum)
    whitened = whitediff.decorrelate(image, 1.0, ratio, kernel, convolved=convolved)
    if convolved == "template":
        variance = 1.0 + ratio * kernel_sum**2
    else:
        variance = 1.0 + ratio / kernel_sum**2
    return Case(whitened.image / np.sqrt(variance), whitened, variance)


def stacks():
    """Mean of three matched science images minus the matched mean of two matched templates."""
    rng = np.random.default_rng(8)
    final = linear_kernel(SHAPE, 1.2)
    science_kernels = [(), (fixed_kernel(0.9 * gaussian(0.8)),), (fixed_kernel(gaussian(1.1)),)]
    template_kernels = [(), (fixed_kernel(1.1 * gaussian(0.9)),)]
    science_variances, template_variances = (1.0, 0.5, 2.0), (3.0, 1.5)

    def stack(shape, kernels, variances):
        images = [
            matched(white(shape, variance, rng), *kernel) if kernel
            else inner(white(shape, variance, rng))
            for kernel, variance in zip(kernels, variances, strict=True)
        ]  # fmt: skip
        return sum(images) / len(images)

    wide = tuple(size + 2 * RADIUS for size in SHAPE)
    image = stack(SHAPE, science_kernels, science_variances)
    image -= matched(stack(wide, template_kernels, template_variances), final)
    sources = [
        whitediff.NoiseSource(variance, kernels=kernels, weight=1 / 3)
        for variance, kernels in zip(science_variances, science_kernels, strict=True)
    ] + [
        whitediff.NoiseSource(variance, kernels=(*kernels, final), weight=-1 / 2)
        for variance, kernels in zip(template_variances, template_kernels, strict=True)
    ]
    whitened = whitediff.whiten(image, sources)
    variance = (1.0 + 0.5 * 0.9**2 + 2.0) / 9 + 1.2**2 * (3.0 + 1.5 * 1.1**2) / 4
    return Case(whitened.image / np.sqrt(variance), whitened, variance)


CASES = [
    (convolved, kernel_sum, ratio)
    for convolved in ("template", "science")
    for kernel_sum in (0.7, 1.4)
    for ratio in (0.01, 1.0, 100.0)
] + ["stacks"]


@pytest.fixture(scope="module", params=CASES, ids=str)
def case(request):
    return stacks() if request.param == "stacks" else pair(*request.param)


def ninths(image):
    rows, columns = (np.linspace(0, size, 4).astype(int) for size in image.shape)
    return [
        image[rows[j] : rows[j + 1], columns[i] : columns[i + 1]]
        for j in range(3)
        for i in range(3)
    ]


def lag_products(image, lag):
    """Products of pixels a lag apart in x and in y."""
    return image[:, lag:] * image[:, :-lag], image[lag:] * image[:-lag]


def test_variance_is_that_of_theory(case):
    # The sampling error is 0.14 % in the frame and 0.41 % in a ninth.
    assert np.mean(case.noise**2) == pytest.approx(1, abs=0.005)
    for part in ninths(case.noise):
        assert np.mean(part**2) == pytest.approx(1, abs=0.02)


def test_variance_plane_is_that_of_theory(case):
    # The mean gain is exact but for the cross-fade of neighbouring cells.
    np.testing.assert_allclose(case.whitened.variance, case.variance, rtol=1e-6)


def test_noise_is_not_correlated(case):
    deviations = np.array(
        [
            products.sum() / np.mean(part**2) / np.sqrt(products.size)
            for part in [case.noise, *ninths(case.noise)]
            for lag in range(1, N_LAGS + 1)
            for products in lag_products(part, lag)
        ]
    )
    # In sampling errors: the largest of 200 normal numbers is beyond 4.5 once in 700 runs.
    assert abs(deviations).max() < 4.5
    # Some 180 of them are independent: their rms scatters by 0.05.
    assert np.sqrt(np.mean(deviations**2)) == pytest.approx(1, abs=0.2)


@pytest.mark.parametrize("axis", [0, 1])
def test_no_seam(case, axis):
    """Columns (rows) in the overlap of cells are as the others, and so are products across them."""
    # The outermost pixels of the frame lack neighbours: there, and only there, noise is larger.
    border = case.whitened.border
    noise = inner(case.noise, border)
    begins = np.unique(case.whitened.cells.boxes[:, 1 - axis])[1:] - border
    assert len(begins) >= 1
    seam = np.zeros(noise.shape[1 - axis], bool)
    for begin in begins:
        seam[begin : begin + OVERLAP] = True
    n_pixels = noise.shape[axis]
    power = np.mean(noise**2, axis=axis)
    product = np.mean(lag_products(noise, 1)[axis], axis=axis)
    # 4.5 sampling errors; of 1000 columns the largest is beyond them once in 150 runs.
    error = 4.5 * np.sqrt(2 / n_pixels)
    assert abs(power - 1).max() < error
    error /= np.sqrt(seam.sum())
    assert power[seam].mean() == pytest.approx(power[~seam].mean(), abs=error)
    assert product[seam[1:]].mean() == pytest.approx(0, abs=error / np.sqrt(2))
