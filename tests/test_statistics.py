"""The clipped mean of a plane, against a plain version of it."""

import numpy as np
import pytest

from whitediff import clipped_mean

SHAPE = (37, 53)


def plain_clipped_mean(values):
    """Three rounds of 3-sigma clipping: median and IQR first, then mean and standard deviation."""
    center = np.median(values)
    lower, upper = np.percentile(values, (25, 75))
    sigma = 0.741 * (upper - lower)
    for _ in range(3):
        kept = values[abs(values - center) <= 3 * sigma]
        center, sigma = kept.mean(), kept.std()
    return center


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    "draw",
    [
        pytest.param(lambda rng: rng.normal(5, 2, SHAPE), id="normal"),
        pytest.param(lambda rng: rng.lognormal(0, 1, SHAPE), id="skewed"),
        pytest.param(lambda rng: rng.standard_cauchy(SHAPE), id="wings"),
        pytest.param(lambda rng: rng.poisson(2.0, SHAPE) * 1.0, id="many equal values"),
        pytest.param(
            lambda rng: np.where(rng.random(SHAPE) < 0.1, 1e4, rng.normal(5, 2, SHAPE)),
            id="sources",
        ),
        pytest.param(lambda rng: 1e6 + rng.normal(0, 1, SHAPE), id="small scatter"),
        pytest.param(lambda rng: rng.normal(0, 1, SHAPE) * 1e-18, id="tiny"),
    ],
)
def test_equals_the_plain_version(rng, draw, dtype):
    plane = draw(rng).astype(dtype)
    # Sums in other orders, in double precision.
    scale = float(np.median(abs(plane)))
    expected = plain_clipped_mean(plane.astype(np.float64).ravel())
    assert clipped_mean(plane) == pytest.approx(expected, rel=1e-12, abs=1e-12 * scale)


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 8, 100, 4099])
def test_of_few_or_many_values(rng, count):
    plane = rng.normal(size=(1, count)) ** 3
    expected = plain_clipped_mean(plane.ravel())
    assert clipped_mean(plane) == pytest.approx(expected, rel=1e-12, abs=1e-12)


def test_of_equal_values_is_that_value():
    assert clipped_mean(np.full(SHAPE, 0.1)) == 0.1


def test_of_a_plane_whose_middle_half_is_equal_keeps_that_value():
    plane = np.zeros(SHAPE)
    plane[0, :40] = 7.0
    assert clipped_mean(plane) == 0.0


def test_leaves_out_non_finite_and_masked_pixels(rng):
    plane = rng.normal(size=SHAPE)
    mask = rng.integers(8, size=SHAPE)
    plane[mask & 2 != 0] += 100
    plane[3, :5], plane[4, :5], plane[5, :5] = np.nan, np.inf, -np.inf
    kept = plane[(mask & 2 == 0) & np.isfinite(plane)]
    result = clipped_mean(plane, mask=mask, ignore_mask=2)
    assert result == pytest.approx(plain_clipped_mean(kept), rel=1e-12)
    assert clipped_mean(plane, mask=mask & 2 != 0) == result


def test_a_mask_without_bits_to_ignore_leaves_nothing_out(rng):
    plane = rng.normal(size=SHAPE)
    with pytest.warns(UserWarning, match="mask: no pixel is left out, since ignore_mask is 0"):
        assert clipped_mean(plane, mask=np.full(SHAPE, 255)) == clipped_mean(plane)


@pytest.mark.parametrize("plane", [np.full(SHAPE, np.nan), np.full(SHAPE, np.inf)])
def test_of_nothing_is_nan(plane):
    assert np.isnan(clipped_mean(plane))
    assert np.isnan(clipped_mean(np.ones(SHAPE), mask=np.ones(SHAPE, bool)))


def test_of_views_is_that_of_copies(rng):
    plane = rng.normal(size=(80, 90))
    mask = rng.integers(2, size=(80, 90), dtype=np.int32)
    for view in (np.s_[3:60, 5:77], np.s_[::2, ::3], np.s_[::-1, ::-1]):
        result = clipped_mean(plane[view], mask=mask[view], ignore_mask=1)
        expected = clipped_mean(plane[view].copy(), mask=mask[view].copy(), ignore_mask=1)
        assert result == expected


def test_does_not_modify_its_input(rng):
    plane = rng.normal(size=SHAPE)
    before = plane.copy()
    plane.flags.writeable = False
    clipped_mean(plane)
    np.testing.assert_array_equal(plane, before)


@pytest.mark.parametrize(
    ("plane", "mask", "error", "message"),
    [
        (np.ones(5), None, ValueError, r"plane must be a 2-D array .*, got shape \(5,\)"),
        (np.ones((0, 5)), None, ValueError, r"at least one pixel, got shape \(0, 5\)"),
        (np.broadcast_to(np.ones(2), (2**32, 2)), None, ValueError,
         "array must have sides of at most 2147483647 pixels, got 4294967296"),
        (np.ones((2, 2), complex), None, TypeError, "plane must hold real numbers, got dtype comp"),
        (np.ones((2, 3)), np.ones((3, 2), int), ValueError,
         r"mask must have shape \(2, 3\), that of the image, got \(3, 2\)"),
        (np.ones((2, 3)), np.ones((2, 3)), TypeError,
         "mask must hold integers or booleans, got dtype float64"),
    ],
)  # fmt: skip
def test_says_what_it_expects(plane, mask, error, message):
    with pytest.raises(error, match=message):
        clipped_mean(plane, mask=mask)
