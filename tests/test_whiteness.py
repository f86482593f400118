"""How white an image is: against brute force, and with sources, gaps and masks."""

import numpy as np
import pytest

from white_noise import convolve, crowded_field, gaussian, inner
from whitediff.kernel import fixed_kernel
from whitediff.meshes import spread_meshes
from whitediff.simulate import simulate
from whitediff.whiteness import Whiteness, mean_whiteness, sampled_whiteness, whiteness

SHAPE = (301, 417)


def smoothed_noise(rng, sigma=0.7, shape=SHAPE):
    """Noise of variance one that a Gaussian kernel has correlated, and what it should show."""
    kernel = gaussian(sigma, radius=6)
    kernel /= np.sqrt(np.sum(kernel**2))
    noise = rng.normal(size=[size + 12 for size in shape])
    expected = np.array([np.sum(kernel[:, lag:] * kernel[:, :-lag]) for lag in range(1, 6)])
    return inner(convolve(noise, fixed_kernel(kernel)), 6), expected


def test_white_noise_is_white(rng):
    noise = 3 * rng.normal(size=SHAPE)
    result = whiteness(noise, 9.0)
    assert result.n_pixels > 0.99 * noise.size
    # 4.5 sampling errors, in all of these.
    assert result.variance == pytest.approx(1, abs=4.5 * result.variance_error)
    assert abs(result.in_x / result.error_in_x).max() < 4.5
    assert abs(result.in_y / result.error_in_y).max() < 4.5
    deviations = result.autocorrelation / result.error
    assert result.autocorrelation[5, 5] == pytest.approx(1, abs=1e-12)
    deviations[5, 5] = 0
    assert abs(deviations).max() < 4.5


def test_pixels_about_stars_have_no_part_in_the_variance_of_others(rng):
    image, variance, stars = crowded_field(rng)
    result = whiteness(image, variance, mask=stars)
    # Four sampling errors.
    assert abs(result.variance - 1) < 4 * result.variance_error


def test_no_bias_on_the_mean_of_many():
    """Clipping and the search for sources hide nothing that counts."""
    many = [whiteness(np.random.default_rng(n).normal(size=(550, 550)), 1.0) for n in range(16)]
    variances, in_x, in_y = (
        np.array([getattr(result, name) for result in many])
        for name in ("variance", "in_x", "in_y")
    )
    # 4.5 sampling errors of 4.8e6 pixels: 6.5e-4 for the variance, 4.6e-4 for a correlation.
    assert variances.mean() == pytest.approx(1, abs=4.5 * 6.5e-4)
    assert abs(in_x.mean(axis=0)).max() < 4.5 * 4.6e-4
    assert abs(in_y.mean(axis=0)).max() < 4.5 * 4.6e-4


@pytest.mark.parametrize("sigmas", [5, 15, 30, 60])
def test_a_sky_that_rises_is_no_noise(rng, sigmas):
    shape = (650, 701)
    y, x = (np.linspace(-0.5, 0.5, size) for size in shape)
    noise = rng.normal(size=shape) + sigmas * (x + 0.5 * y[:, np.newaxis])
    result = whiteness(noise, 1.0, psf=gaussian(1.7, 8))
    assert result.variance == pytest.approx(1, abs=4.5 * result.variance_error)
    assert abs(result.in_x / result.error_in_x).max() < 4.5
    assert abs(result.in_y / result.error_in_y).max() < 4.5
    scale = result.covariance
    assert scale.psf_scale == pytest.approx(1, abs=4.5 * scale.psf_scale_error)


def test_sampling_errors_are_those_of_white_noise():
    many = [whiteness(np.random.default_rng(n).normal(size=(60, 70))) for n in range(100)]
    in_x = np.array([result.in_x / result.error_in_x for result in many])
    variances = np.array([(result.variance - 1) / result.variance_error for result in many])
    # The scatter of 500 (100) normal numbers is known to 3.2 % (7 %).
    assert in_x.std() == pytest.approx(1, abs=4.5 * 0.032)
    assert variances.std() == pytest.approx(1, abs=4.5 * 0.07)


def test_noise_on_the_scale_of_a_psf_is_that_of_white_noise():
    """Neither biased, nor farther off than its sampling error says."""
    many = [
        whiteness(np.random.default_rng(n).normal(size=(230, 260)), 1.0).covariance
        for n in range(100)
    ]
    for name in ("psf_scale", "power_at_zero"):
        values = np.array([getattr(one, name) for one in many])
        errors = np.array([getattr(one, name + "_error") for one in many])
        # The scatter of 100 normal numbers is known to 7 %, their mean to 0.1; peaks that are taken
        # for sources take off another tenth or two of an error.
        assert ((values - 1) / errors).std() == pytest.approx(1, abs=4.5 * 0.07)
        assert abs(((values - 1) / errors).mean()) < 0.65


def test_noise_on_the_scale_of_a_psf_is_that_of_correlated_noise(rng):
    noise, _ = smoothed_noise(rng, shape=(600, 700))
    psf = gaussian(1.5, radius=6)
    result = whiteness(noise, 1.0, psf=psf)
    kernel = gaussian(0.7, radius=6)
    kernel /= np.sqrt(np.sum(kernel**2))
    # The variance of a matched filter: noise of variance one through kernel and PSF.
    size = (64, 64)
    both = abs(np.fft.fft2(kernel, s=size) * np.fft.fft2(psf, s=size)) ** 2
    expected = both.mean() / np.sum(psf**2)
    assert abs(result.covariance.psf_scale - expected) < 4.5 * result.covariance.psf_scale_error
    assert expected > 1.5
    assert whiteness(noise[:6, :300]).covariance is None
    assert whiteness(noise[:8, :8]).covariance is None


def overlap(shift, size):
    """Indices that stay inside after the opposite shift."""
    return slice(max(0, shift), min(size, size + shift))


def test_autocorrelation_and_pairs_are_those_of_brute_force(rng):
    """Noise so weak in its wings that nothing is clipped, with gaps, over several bands."""
    noise = rng.uniform(-1, 1, size=(310, 601))
    mask = rng.random(noise.shape) < 0.1
    result = whiteness(noise, mask=mask, max_lag=7)
    kept = np.where(mask, 0.0, noise)
    y, x = np.mgrid[:310, :601] / 100.0
    # A plane in each of two boxes of some 256 pixels a side.
    for box in (np.s_[:, :300], np.s_[:, 300:]):
        used = ~mask[box]
        terms = np.stack([np.ones(used.sum()), y[box][used], x[box][used]], axis=1)
        plane = np.linalg.lstsq(terms, noise[box][used])[0]
        kept[box][used] -= terms @ plane
    variance = np.sum(kept**2) / np.sum(~mask)
    for dy in range(-7, 8):
        for dx in range(-7, 8):
            here = overlap(dy, 310), overlap(dx, 601)
            there = overlap(-dy, 310), overlap(-dx, 601)
            n_pairs = np.sum(~mask[here] & ~mask[there])
            expected = np.sum(kept[here] * kept[there]) / n_pairs / variance
            assert result.n_pairs[7 + dy, 7 + dx] == n_pairs
            # Rounding.
            assert result.autocorrelation[7 + dy, 7 + dx] == pytest.approx(expected, abs=1e-12)


def test_correlated_noise_shows(rng):
    noise, expected = smoothed_noise(rng)
    result = whiteness(noise, 1.0)
    # Correlated numbers scatter more than the sampling error of white noise, by less than a half.
    for measured, error in ((result.in_x, result.error_in_x), (result.in_y, result.error_in_y)):
        assert expected[0] > 50 * error[0]
        assert abs(measured - expected).max() < 4.5 * 1.5 * error[0]


def test_axes_are_not_mixed_up(rng):
    noise = rng.normal(size=SHAPE)
    noise[:, 2:] += 0.5 * noise[:, :-2]
    result = whiteness(noise)
    # 0.5 / (1 + 0.25), and less, as sums go on.
    assert result.in_x[1] > 0.3
    assert max(abs(result.in_y).max(), abs(result.in_x[0])) < 0.05
    mirrored = result.autocorrelation[::-1, ::-1]
    # Rounding.
    np.testing.assert_allclose(result.autocorrelation, mirrored, atol=1e-12)


def test_variance_plane_makes_noise_uniform(rng):
    plane = np.linspace(1, 50, SHAPE[1]) * np.ones((SHAPE[0], 1))
    noise = np.sqrt(plane) * rng.normal(size=SHAPE)
    result = whiteness(noise, plane)
    assert result.variance == pytest.approx(1, abs=4.5 * result.variance_error)
    half = whiteness(noise, plane / 2)
    assert half.variance == pytest.approx(2 * result.variance, rel=1e-12)
    np.testing.assert_allclose(half.autocorrelation, result.autocorrelation, atol=1e-12)


def test_without_a_plane_the_variance_is_that_of_the_image(rng):
    noise = 7 * rng.normal(size=SHAPE) + 1000
    result = whiteness(noise)
    assert result.variance == pytest.approx(49, abs=4.5 * result.variance_error)
    assert abs(result.in_x / result.error_in_x).max() < 4.5


@pytest.mark.parametrize("bad", [np.nan, np.inf, 1e30, -1e30])
def test_bad_pixels_are_left_out(rng, bad):
    noise = rng.normal(size=SHAPE).astype(np.float32)
    noise[50:60, :] = bad
    noise[:, 100] = bad
    noise[rng.integers(SHAPE[0], size=50), rng.integers(SHAPE[1], size=50)] = bad
    result = whiteness(noise, 1.0)
    assert result.n_pixels > 0.7 * noise.size
    assert result.variance == pytest.approx(1, abs=4.5 * result.variance_error)
    assert abs(result.in_x / result.error_in_x).max() < 4.5
    assert abs(result.in_y / result.error_in_y).max() < 4.5


@pytest.mark.parametrize("bad", [np.nan, 0.0, -1.0, np.inf])
def test_pixels_of_no_variance_are_left_out(rng, bad):
    plane = np.ones(SHAPE)
    plane[:40] = bad
    result = whiteness(rng.normal(size=SHAPE), plane)
    assert result.n_pixels <= plane[40:].size
    assert result.variance == pytest.approx(1, abs=4.5 * result.variance_error)


@pytest.mark.parametrize("shape", [(128, 129), SHAPE, (900, 1301)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("whole_numbers", [False, True])
@pytest.mark.parametrize("fraction", [0.1, 0.25, 0.5, 0.8])
def test_filled_corners_are_left_out(rng, shape, dtype, whole_numbers, fraction):
    noise = 10 * rng.normal(size=shape)
    variance = 100.0
    if whole_numbers:
        # Rounding adds the variance of a uniform distribution.
        noise, variance = np.rint(noise), 100 + 1 / 12
    noise = noise.astype(dtype)
    n_rows = round(fraction * shape[0])
    noise[:n_rows] = 0
    result = whiteness(noise)
    assert abs(result.variance - variance) < 4.5 * result.variance_error
    assert abs(result.in_x / result.error_in_x).max() < 4.5
    assert abs(result.in_y / result.error_in_y).max() < 4.5
    assert list(result.filled) == [0.0]
    # Pixels with data in line with the edge may have the value by chance.
    assert 0 <= result.filled[0.0] - n_rows * shape[1] < 10
    # Pixels beside the fill are used: 4.5 sigma, in the image or smoothed, are passed in 1.4e-5
    # of the pixels each, and 81 are left out about every one.
    assert result.n_pixels > 0.99 * (shape[0] - n_rows) * shape[1]


def test_several_fill_values_and_a_variance_plane(rng):
    plane = np.linspace(1, 50, SHAPE[1]) * np.ones((SHAPE[0], 1))
    noise = np.sqrt(plane) * rng.normal(size=SHAPE)
    noise[:60], noise[:, 300:340] = 0, -1000
    mask = np.zeros(SHAPE, bool)
    mask[:20] = True
    result = whiteness(noise, plane, mask=mask)
    assert result.variance == pytest.approx(1, abs=4.5 * result.variance_error)
    # Masked pixels are left out for their mask.
    assert result.filled == {-1000.0: 40 * (SHAPE[0] - 20), 0.0: 40 * (SHAPE[1] - 40)}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("value", [0.0, 0.5, -1000.0, 65535.0, 1e30])
def test_fill_is_the_same_as_no_value(rng, dtype, value):
    """Wherever it is, a pixel here and there among them."""
    noise = rng.normal(size=SHAPE).astype(dtype)
    filled = rng.random(SHAPE) < 0.05
    filled[:100, :100] = True
    noise[filled] = np.nan
    expected = whiteness(noise)
    noise[filled] = value
    result = whiteness(noise)
    np.testing.assert_array_equal(result.autocorrelation, expected.autocorrelation)
    assert result.variance == expected.variance
    assert result.filled == {float(dtype(value)): filled.sum()} and expected.filled == {}


def test_images_without_fill_say_so(rng):
    assert whiteness(rng.normal(size=SHAPE)).filled == {}
    assert whiteness(rng.poisson(30, size=SHAPE)).filled == {}


def test_masked_pixels_are_left_out(rng):
    noise = rng.normal(size=SHAPE)
    mask = rng.integers(8, size=SHAPE)
    hidden = mask & 0b100 != 0
    noise[hidden] *= 1.5
    by_bits = whiteness(noise, 1.0, mask=mask, ignore_mask=0b100)
    by_booleans = whiteness(noise, 1.0, mask=hidden)
    assert by_bits.n_pixels <= np.sum(~hidden)
    assert by_bits.variance == pytest.approx(1, abs=4.5 * by_bits.variance_error)
    np.testing.assert_array_equal(by_bits.autocorrelation, by_booleans.autocorrelation)


@pytest.mark.parametrize("seed", [1, 2])
def test_stars_do_not_dominate(seed):
    simulation = simulate((603, 701), seed=seed)
    result = whiteness(simulation.science, simulation.science_variance)
    # The noise alone has 100.
    assert np.nanvar(simulation.science) > 10000
    # Wings of stars below 4.5 sigma remain: another 0.3 %, and as much correlation.
    assert result.variance == pytest.approx(1, abs=4.5 * result.variance_error + 0.003)
    assert abs(result.in_x).max() < 4.5 * result.error_in_x.max() + 0.003
    assert abs(result.in_y).max() < 4.5 * result.error_in_y.max() + 0.003


def test_wings_of_masked_stars_are_left_out(rng):
    """A mask that covers the core of a star only is no worse than none."""
    noise = rng.normal(size=SHAPE)
    star = 3000 * gaussian(2.5, radius=15)
    mask = np.zeros(SHAPE, bool)
    for y in range(30, 280, 40):
        for x in range(30, 400, 40):
            noise[y - 15 : y + 16, x - 15 : x + 16] += star
            mask[y - 4 : y + 5, x - 4 : x + 5] = True
    result = whiteness(noise, 1.0, mask=mask)
    assert result.variance == pytest.approx(1, abs=4.5 * result.variance_error)
    assert abs(result.in_x / result.error_in_x).max() < 4.5


def test_sources_are_left_out_with_four_pixels_around_them(rng):
    # Noise with no wings, so that nothing else is left out.
    noise = rng.uniform(-1, 1, size=SHAPE)
    noise[100, 200], noise[0, 3] = 4, -4
    assert whiteness(noise).n_pixels == noise.size - 9 * 9 - 5 * 8


def test_negative_residuals_are_sources_too(rng):
    noise = rng.normal(size=SHAPE)
    for y in range(20, 290, 30):
        noise[y : y + 5, 20:400:30] -= 20
    result = whiteness(noise, 1.0)
    assert result.variance == pytest.approx(1, abs=4.5 * result.variance_error)


def smoothed_power(size, max_lag=12):
    """What a Hann window makes of the power of white noise through a Gaussian of one pixel."""
    lag = np.arange(-max_lag, max_lag + 1)
    one = np.exp(-(lag**2) / 4) * np.cos(0.5 * np.pi * lag / (max_lag + 1)) ** 2
    waves = np.exp(-2j * np.pi * np.outer(np.fft.fftshift(np.fft.fftfreq(size)), lag))
    return np.outer(waves @ one, waves @ one).real


def power_error(power, n_pixels, max_lag=12):
    """Six sampling errors (Blackman & Tukey 1958): the root of the squared window's sum over N."""
    window = np.cos(0.5 * np.pi * np.arange(-max_lag, max_lag + 1) / (max_lag + 1)) ** 2
    share = np.sqrt(2 * (window**2).sum() ** 2 / n_pixels)
    # The power of neighbours, which the window brings along, and steps where pixels are clipped.
    near = [np.roll(power, (y - 1, x - 1), (0, 1)) for y, x in np.ndindex(3, 3)]
    return 6 * share * np.sqrt(np.mean(np.square(near), axis=0)) + 4e-3


class TestPowerSpectrum:
    def test_of_white_noise_is_flat(self, rng):
        power = whiteness(rng.normal(size=SHAPE), max_lag=8).power_spectrum(32)
        assert power.shape == (32, 32)
        # Sums of some 100 independent coefficients, each with an error of 0.003.
        np.testing.assert_allclose(power, 1, atol=4.5 * 0.03)

    def test_of_smoothed_noise_is_that_of_the_kernel(self, rng):
        noise, _ = smoothed_noise(rng, sigma=1.0)
        power = whiteness(noise, max_lag=12).power_spectrum(32)
        expected = smoothed_power(32)
        assert (abs(power - expected) < power_error(expected, noise.size)).all()
        mirrored = np.roll(power[::-1, ::-1], (1, 1), (0, 1))
        # Rounding.
        np.testing.assert_allclose(power, mirrored, atol=1e-12 * power.max())

    def test_mean_over_rings(self, rng):
        noise, _ = smoothed_noise(rng, sigma=1.0)
        result = whiteness(noise, max_lag=12)
        frequency, power, error = result.radial_power_spectrum(32)
        assert frequency.shape == power.shape == error.shape == (16,)
        assert frequency[0] == 0
        assert power[0] == pytest.approx(result.power_spectrum(32)[16, 16])
        assert (np.diff(frequency) > 0).all()
        assert 0.45 < frequency[-1] < 0.5
        # The ring of a frequency has those from half a step below to half a step above.
        at = np.fft.fftshift(np.fft.fftfreq(32))
        ring = np.floor(np.hypot(at[:, np.newaxis], at) * 32 + 0.5)
        full, errors = smoothed_power(32), power_error(smoothed_power(32), noise.size)
        for n in range(16):
            # Errors of neighbours are much the same.
            assert abs(power[n] - full[ring == n].mean()) < errors[ring == n].mean(), n


def test_sampling_errors_of_rings_are_those_of_white_noise():
    many = [
        whiteness(np.random.default_rng(n).normal(size=(120, 130)), max_lag=6) for n in range(100)
    ]
    rings = np.array(
        [(power - 1) / error for _, power, error in (m.radial_power_spectrum(32) for m in many)]
    )
    # Means over 100 of squares of normal numbers scatter by 14 %; 16 rings, few of them free.
    np.testing.assert_allclose((rings**2).mean(axis=0), 1, atol=4.5 * 0.14)


def test_single_precision_big_endian_and_views_serve(rng):
    noise = rng.normal(size=SHAPE)
    expected = whiteness(noise, 1.0)
    single = whiteness(noise.astype(">f4"), np.float32(1))
    # Pixels are rounded at 6e-8, and one or two may cross the threshold of a clip.
    np.testing.assert_allclose(single.autocorrelation, expected.autocorrelation, atol=1e-4)
    view = whiteness(np.repeat(noise, 2, axis=1)[:, ::2], 1.0)
    np.testing.assert_array_equal(view.autocorrelation, expected.autocorrelation)


def test_input_is_not_modified(rng):
    noise, plane = rng.normal(size=SHAPE), np.ones(SHAPE)
    noise[5, 5], plane[6, 6] = np.nan, np.nan
    before = noise.copy()
    for array in (noise, plane):
        array.flags.writeable = False
    whiteness(noise, plane)
    np.testing.assert_array_equal(noise, before)


@pytest.mark.parametrize(
    ("image", "options", "error", "message"),
    [
        (np.ones(5), {}, ValueError, r"image must be a 2-D array .*, got shape \(5,\)"),
        (np.ones((9, 9)) * 1j, {}, TypeError, "image must hold real numbers"),
        (np.full((9, 9), np.nan), {}, ValueError, "finite, unmasked pixels .*, got none among 81"),
        (np.full((9, 9), 3.0), {}, ValueError, "image must have noise, got 81 equal pixels"),
        (np.zeros((128, 128)), {}, ValueError, "image must have noise, got 16384 equal pixels"),
        (np.eye(9), {"mask": np.ones((9, 9), bool)}, ValueError, "unmasked pixels .*, got none"),
        (np.eye(9), {"mask": np.ones((8, 9), bool)}, ValueError, r"mask must have shape \(9, 9\)"),
        (
            np.eye(9),
            {"variance": np.ones((9, 8))},
            ValueError,
            r"variance must have shape \(9, 9\)",
        ),
        (np.eye(9), {"max_lag": 9}, ValueError, r"less than the sides .*, \(9, 9\), got 9"),
        (np.eye(9), {"max_lag": 0}, ValueError, "max_lag must be at least 1 .*, got 0"),
    ],
)
def test_bad_input(image, options, error, message):
    with pytest.raises(error, match=message):
        whiteness(image, **options)


def test_says_what_it_is(rng):
    result = whiteness(rng.normal(size=(60, 70)), 1.0)
    assert isinstance(result, Whiteness)
    assert repr(result).startswith("Whiteness(variance=")
    assert result.max_lag == 5


def test_sample_of_a_small_image_is_all_of_it(rng):
    image = rng.normal(size=(231, 252)).astype(np.float32)
    image += np.roll(image, 1, axis=1)
    variance = np.full_like(image, 3.0)
    ignored = np.zeros(image.shape, bool)
    ignored[:, :40] = True
    found = sampled_whiteness(image, variance, ignored)
    expected = whiteness(image, variance, mask=ignored, max_lag=1)
    np.testing.assert_allclose(found.autocorrelation, expected.autocorrelation, rtol=1e-12)
    np.testing.assert_array_equal(found.n_pairs, expected.n_pairs)
    assert found.variance == pytest.approx(expected.variance, rel=1e-12)
    assert found.variance_error == pytest.approx(expected.variance_error, rel=1e-12)
    assert sampled_whiteness(image, variance, ~np.zeros_like(ignored)) is None


def test_sample_of_meshes(rng):
    image = rng.normal(scale=2, size=(1300, 1511)).astype(np.float32)
    image += np.roll(image, 1, axis=0)
    variance = np.full_like(image, 8.0)
    found = sampled_whiteness(image, variance, np.zeros(image.shape, bool))
    # A million pixels in 16 of 30 meshes; 5 sampling errors, which are at most 1.5 times those of
    # white noise.
    assert 0.9e6 < found.n_pixels < 1.2e6
    assert abs(found.variance - 1) < 7.5 * found.variance_error
    assert abs(found.in_y[0] - 0.5) < 7.5 * found.error_in_y[0]
    assert abs(found.in_x[0]) < 7.5 * found.error_in_x[0]


def test_a_sample_is_the_mean_of_its_meshes(rng):
    image = rng.normal(size=(901, 1111))
    image += np.roll(image, 1, axis=0)
    meshes = spread_meshes(image.shape, 256, 16)
    # The sky of meshes that lie far from each other need not be the same.
    for n, mesh in enumerate(meshes):
        image[mesh] += 0.3 * n
    image[meshes[3]] = np.nan
    found = sampled_whiteness(image, np.full_like(image, 2.0), n_threads=1)
    expected = mean_whiteness(
        [whiteness(image[mesh], 2.0, max_lag=1) for n, mesh in enumerate(meshes) if n != 3]
    )
    # Limits of what is taken come from all of them, which is one pixel in a thousand.
    assert abs(found.variance - expected.variance) < 0.3 * expected.variance_error
    np.testing.assert_allclose(found.n_pairs, expected.n_pairs, rtol=2e-3)
    assert abs((found.autocorrelation - expected.autocorrelation) / expected.error).max() < 0.3
