"""Noise of simulated images, against direct sums and known covariances."""

import numpy as np
import pytest

from coloured_noise import bilinear, lanczos3
from whitediff import NoiseCovariance
from whitediff.simulated_noise import _interpolated, mean_noise, unit_noise

SHAPE = (600, 610)
# Of a sum of as many products of independent pixels.
ERROR = 1 / np.sqrt(SHAPE[0] * SHAPE[1])


def test_white_noise_is_what_the_generator_gives():
    noise = unit_noise((30, 40), np.random.default_rng(1), None)
    np.testing.assert_array_equal(noise.pixels, np.random.default_rng(1).normal(size=(30, 40)))
    assert (noise.variance == 1).all()
    inner = noise.cut(3)
    np.testing.assert_array_equal(inner.pixels, noise.pixels[3:-3, 3:-3])
    assert inner.variance.shape == (24, 34)


@pytest.mark.parametrize(
    ("name", "kernel", "radius"), [("bilinear", bilinear, 1), ("lanczos3", lanczos3, 3)]
)
def test_interpolation_is_the_sum_over_weights(rng, name, kernel, radius):
    raw = rng.normal(size=(20, 21))
    y, x = rng.uniform(5, 14, (2, 4, 5))
    found, variance = _interpolated(raw, y, x, name)
    rows, columns = np.arange(20), np.arange(21)
    for n in np.ndindex(y.shape):
        in_y, in_x = kernel(rows - y[n]), kernel(columns - x[n])
        in_y, in_x = in_y / in_y.sum(), in_x / in_x.sum()
        assert found[n] == pytest.approx(in_y @ raw @ in_x, abs=1e-13)
        assert variance[n] == pytest.approx((in_y**2).sum() * (in_x**2).sum(), rel=1e-13)


@pytest.mark.parametrize("warp", ["bilinear", "lanczos3"])
def test_warped_noise_has_the_covariance_of_its_interpolation(warp):
    rng = np.random.default_rng(4)
    # Many phases in each, and twenty turns about the middle.
    noise = mean_noise(SHAPE, (unit_noise(SHAPE, rng, warp) for _ in range(20)))
    lags = NoiseCovariance.resampling(warp).lags
    middle = lags.shape[0] // 2
    # Phases of twenty images are not quite their mean: a hundredth.
    assert noise.variance.mean() == pytest.approx(lags[middle, middle], rel=0.01)
    for dy, dx in ((0, 0), (0, 1), (1, 0), (1, 1), (2, 0)):
        below = noise.pixels[dy:, dx:]
        products = below * noise.pixels[: below.shape[0], : below.shape[1]]
        expected = lags[middle + dy, middle + dx]
        assert products.mean() == pytest.approx(expected, abs=0.01 + 5 * ERROR)


def test_variance_follows_the_phases():
    rng = np.random.default_rng(5)
    noise = unit_noise(SHAPE, rng, "bilinear")
    # From 1 where pixels meet to 1/4 between four of them: 600 pixels turn by 1.8.
    assert noise.variance.max() > 0.95 and noise.variance.min() < 0.27
    ratio = noise.pixels**2 / noise.variance
    assert ratio.mean() == pytest.approx(1, abs=5 * np.sqrt(2) * 2 * ERROR)
