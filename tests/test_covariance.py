"""The covariance of noise: given, of a resampling, measured; and what whitening makes of it."""

import io
import math
import re

import numpy as np
import pytest

import whitediff
from coloured_noise import (
    ROTATION,
    bilinear,
    drizzled_noise,
    lanczos3,
    matched_filter,
    psf_profile,
    pull,
    warped_noise,
)
from white_noise import RADIUS, crowded_field, gaussian, inner, linear_kernel, matched
from whitediff import NoiseCovariance, NoiseSource
from whitediff.kernel import fixed_kernel
from whitediff.simulate import convolve
from whitediff.whiteness import whiteness

PROFILE = psf_profile()
PSF = np.outer(PROFILE, PROFILE)
# Sides of simulated frames. The sampling error of a pull, 1 / sqrt(2 N_eff) with N_eff some
# 4 pi sigma^2 = 36 pixels each, is 0.0047 for 900^2, that of a measured covariance's number half
# as much again.
SIDE = 900


def direct_resampling(kernel, radius, phase):
    """Eq. 18 for one phase, from the weights themselves."""
    weights = kernel(np.arange(-radius, radius + 1) + phase)
    weights = weights / weights.sum()
    size = len(weights)
    return np.array(
        [
            sum(weights[m] * weights[m + lag] for m in range(size) if 0 <= m + lag < size)
            for lag in range(1 - size, size)
        ]
    )


class TestLags:
    def test_are_kept_with_what_follows_from_them(self):
        lags = np.array([[0.02, 0.05, 0.0], [0.1, 0.9, 0.1], [0.0, 0.05, 0.02]])
        covariance = NoiseCovariance(lags)
        np.testing.assert_array_equal(covariance.lags, lags)
        assert covariance.reach == 1
        assert covariance.power_at_zero == pytest.approx(lags.sum(), rel=1e-14)
        assert covariance.n_pixels is None
        assert covariance.psf_scale_error == 0
        assert covariance.lifted == 0
        assert not covariance.is_significant
        with pytest.raises(ValueError, match="read-only"):
            covariance.lags[1, 1] = 2

    def test_psf_scale_is_the_variance_of_a_matched_filter(self):
        lags = np.outer([0.2, 1.0, 0.2], [0.1, 1.0, 0.1])
        covariance = NoiseCovariance(lags, psf=PSF)
        power = abs(np.fft.fft2(PSF, s=(64, 64))) ** 2
        frequency = 2 * np.pi * np.fft.fftfreq(64)
        spectrum = np.outer(1 + 0.4 * np.cos(frequency), 1 + 0.2 * np.cos(frequency))
        expected = (power * spectrum).sum() / power.sum()
        # The grid holds the whole of the autocorrelation: rounding alone.
        assert covariance.psf_scale == pytest.approx(expected, rel=1e-12)

    def test_plot_shows_correlations(self):
        lags = np.outer([0.2, 1.0, 0.2], [0.1, 0.8, 0.1])
        axes = NoiseCovariance(lags).plot()
        (image,) = axes.get_images()
        shown = image.get_array()
        assert shown.mask[1, 1] or np.isnan(shown[1, 1])
        np.testing.assert_allclose(np.delete(shown.ravel(), 4), np.delete(lags.ravel() / 0.8, 4))
        assert axes.get_xlabel() == "lag in x (pixel)"
        axes.figure.savefig(io.BytesIO())
        assert NoiseCovariance(lags).plot(axes) is axes

    def test_products_are_those_of_spectra(self):
        a = NoiseCovariance([[0.2, 1.0, 0.2]])
        b = NoiseCovariance([[0.1], [1.0], [0.1]])
        np.testing.assert_allclose(
            (a * b).lags, np.outer([0.1, 1.0, 0.1], [0.2, 1.0, 0.2]), rtol=0, atol=1e-15
        )

    @pytest.mark.parametrize(
        ("lags", "message"),
        [
            ([[1.0, 0.1]], "covariance must have odd height and width, got (1, 2)"),
            ([[0.1, 1.0, 0.2]], "covariance must be the same at lags of opposite sign"),
            ([[0.1, -1.0, 0.1]], "covariance must be positive at no lag, got -1"),
            ([[np.nan, 1.0, np.nan]], "covariance must be finite, got nan"),
            ([1.0], "covariance must be a 2-D array"),
        ],
    )
    def test_that_cannot_be_are_refused(self, lags, message):
        with pytest.raises(ValueError, match=re.escape(message)):
            NoiseCovariance(lags)

    def test_negative_spectra_are_lifted_and_that_is_said(self):
        # 1 + 1.2 cos k is below 0.01 beyond k = 2.54: 19 per cent of all k, on a grid of 64.
        assert NoiseCovariance([[0.6, 1.0, 0.6]]).lifted == pytest.approx(0.19, abs=1 / 64)


class TestResampling:
    @pytest.mark.parametrize(
        ("name", "kernel", "radius"), [("bilinear", bilinear, 1), ("lanczos3", lanczos3, 3)]
    )
    def test_of_one_phase_is_the_sum_over_weights(self, name, kernel, radius):
        covariance = NoiseCovariance.resampling(name, (0.3, 0.5))
        expected = np.outer(*(direct_resampling(kernel, radius, phase) for phase in (0.3, 0.5)))
        np.testing.assert_allclose(covariance.lags, expected, rtol=0, atol=1e-14)

    def test_mean_of_all_phases_is_known_for_linear_interpolation(self):
        # Means of (1-f)^2 + f^2 and f (1-f) are 2/3 and 1/6; the midpoint rule over 64 phases is
        # off by 1 / (12 * 64^2) of the second derivative, 4.
        lags = NoiseCovariance.resampling("bilinear").lags
        expected = np.outer([0, 1 / 6, 2 / 3, 1 / 6, 0], [0, 1 / 6, 2 / 3, 1 / 6, 0])
        np.testing.assert_allclose(lags, expected, rtol=0, atol=2e-4)

    def test_unknown_kernels_and_phases_are_refused(self):
        with pytest.raises(ValueError, match="kernel must be one of 'bilinear', .*, got 'spline'"):
            NoiseCovariance.resampling("spline")
        with pytest.raises(ValueError, match="phase must be a pair of numbers"):
            NoiseCovariance.resampling("bilinear", (0.1,))


class TestMeasured:
    def test_of_white_noise_raises_no_alarm(self, rng):
        for _ in range(6):
            image = rng.normal(size=(400, 400)).astype(np.float32)
            covariance = NoiseCovariance.measured(image, 1.0, psf=PSF)
            assert not covariance.is_significant
            # Within the five errors of the alarm; fewer than 4 are left of 6 frames.
            assert abs(covariance.psf_scale - 1) < 4 * covariance.psf_scale_error

    def test_of_pixels_between_stars_is_theirs(self, rng):
        image, variance, stars = crowded_field(rng)
        covariance = NoiseCovariance.measured(image, variance, mask=stars)
        # Four sampling errors; as many pixels as pairs at lag zero.
        assert abs(covariance.variance - 1) < 4 * np.sqrt(2 / covariance.n_pixels)
        assert abs(covariance.psf_scale - 1) < 4 * covariance.psf_scale_error

    @pytest.mark.parametrize(("wide", "whole_to", "zero_from"), [(False, 3, 7), (True, 6, 12)])
    def test_windows_are_those_of_the_sums_over_pairs(self, rng, wide, whole_to, zero_from):
        # Fewer than 1000 pixels have their mean taken off, and a uniform distribution no tails.
        usable = rng.random((31, 33)) < 0.9
        noise = np.where(usable, rng.uniform(-1, 1, usable.shape), 0.0)
        noise[usable] -= noise[usable].mean()
        size = (64, 64)
        products, pairs = (
            np.fft.ifft2(abs(np.fft.fft2(plane, s=size)) ** 2).real for plane in (noise, usable)
        )
        lag = np.fft.fftfreq(64) * 64
        distance = np.maximum(abs(lag)[:, np.newaxis], abs(lag))
        far = (distance > zero_from) & (distance <= zero_from + 5)
        window = np.clip((zero_from - distance) / (zero_from - whole_to), 0, 1)
        known = pairs > 0.5
        means = np.divide(products, pairs, out=np.zeros(size), where=known)
        expected = window * (means - products[far].sum() / pairs[far].sum())
        part = np.array([[0, 0, 33, 31]], np.int32)
        found, _ = whitediff._core.autocovariances(noise, usable, part, 12, 1, wide)
        assert found.window == (whole_to, zero_from)
        lags = found.noise().lags
        inside = np.arange(-len(lags) // 2 + 1, len(lags) // 2 + 1)
        # What clipping of a normal distribution at 4 sigma takes is restored.
        kept = 1 - 8 * np.exp(-8) / np.sqrt(2 * np.pi) / math.erf(4 / np.sqrt(2))
        np.testing.assert_allclose(
            lags, expected[np.ix_(inside, inside)] / kept, rtol=0, atol=1e-12
        )

    def test_finds_a_small_colour(self, rng):
        root = np.array([0.03, 1.0, 0.03])
        noise = rng.normal(size=(702, 702))
        for axis in (0, 1):
            noise = np.apply_along_axis(np.convolve, axis, noise, root, "same")
        covariance = NoiseCovariance.measured(noise[1:-1, 1:-1], 1.0, psf=PSF)
        assert covariance.is_significant
        middle = covariance.lags.shape[0] // 2
        square = (root**2).sum()
        # 490 000 pixels: 1 / 700 a lag; four of them.
        assert abs(covariance.lags[middle, middle + 1] - 0.06 * square) < 4 / 700
        assert abs(covariance.lags[middle + 1, middle] - 0.06 * square) < 4 / 700

    def test_few_pixels_are_not_significant(self, rng):
        noise = rng.normal(size=(200, 201))
        assert not NoiseCovariance.measured(noise[:, 1:] + noise[:, :-1], 2.0).is_significant

    def test_leaves_out_masked_pixels_sources_and_moire(self, rng):
        image = rng.normal(size=(500, 500))
        plane = np.ones_like(image)
        plane[:, ::2], plane[:, 1::2] = 0.5, 1.5
        mask = np.zeros(image.shape, bool)
        mask[100:200, 50:300] = True
        image[mask] = 3
        image[300:305, 300:305] = 50
        covariance = NoiseCovariance.measured(image, plane, mask=mask, psf=PSF)
        middle = covariance.lags.shape[0] // 2
        # 220 000 pixels: sqrt(2 / 220 000) = 0.003 of a variance, five of them.
        assert abs(covariance.lags[middle, middle] - 1) < 0.015
        assert covariance.n_pixels < image.size - mask.sum()

    def test_leaves_out_variances_that_are_none(self, rng):
        image = rng.normal(size=(400, 400)).astype(np.float32)
        plane = np.ones_like(image)
        plane[rng.random(image.shape) < 0.002] = 1e30
        covariance = NoiseCovariance.measured(image, plane)
        # With surroundings of 9 by 9 pixels, 0.15 of them: four errors of 130 000 pixels.
        assert abs(covariance.lags.max() - 1) < 4 * np.sqrt(2 / 130_000)

    def test_images_without_noise_are_refused(self):
        with pytest.raises(ValueError, match="image must have"):
            NoiseCovariance.measured(np.zeros((50, 50)), 1.0)


def subtraction(
    rng, variances, *, science=None, template=None, n_images=1, side=SIDE, rotation=ROTATION
):
    """A difference image, and its kernel; inputs are white, or warps (kernel, radius)."""
    shape = (side, side)
    big = (side + 2 * RADIUS, side + 2 * RADIUS)
    kernel = linear_kernel(shape)
    inputs = []
    for variance, warp in zip(variances, (science, template), strict=True):
        if warp is None:
            inputs.append(rng.normal(scale=np.sqrt(variance), size=big))
        else:
            inputs.append(warped_noise(big, variance, rng, *warp, n_images, rotation))
    return (inner(inputs[0]) - matched(inputs[1], kernel)).astype(np.float32), kernel


def assert_white(result, largest_pull_error, largest_lag=0.005):
    found = whiteness(result.image, result.variance, max_lag=3)
    # Lags of 800 000 pixels have an error of 0.0011, most of which measuring takes off.
    others = found.autocorrelation.copy()
    others[3, 3] = 0
    assert abs(others).max() < largest_lag
    assert abs(pull(result.image, result.variance, PROFILE) - 1) < largest_pull_error


class TestWhitening:
    def test_a_covariance_acts_like_one_more_kernel(self, rng):
        image = rng.normal(size=(150, 160))
        root = np.outer([0.1, 1.0, 0.1], [0.05, 1.0, 0.05])
        lags = np.outer(
            *(np.correlate(one, one, "full") for one in ([0.1, 1, 0.1], [0.05, 1, 0.05]))
        )
        kernel = gaussian(1.2, 6)
        as_covariance = whitediff.whiten(
            image,
            [
                NoiseSource(1.0),
                NoiseSource(0.7, kernels=[kernel], covariance=NoiseCovariance(lags)),
            ],
        )
        as_kernel = whitediff.whiten(
            image, [NoiseSource(1.0), NoiseSource(0.7, kernels=[kernel, root])]
        )
        # Sums in another order.
        np.testing.assert_allclose(as_covariance.image, as_kernel.image, rtol=0, atol=1e-11)
        np.testing.assert_allclose(as_covariance.variance, as_kernel.variance, rtol=1e-11)
        subtracted = whitediff.decorrelate(
            image, 1.0, 0.7, kernel, template_covariance=NoiseCovariance(lags)
        )
        np.testing.assert_array_equal(subtracted.image, as_covariance.image)

    def test_a_known_resampling_is_made_white(self, rng):
        image, kernel = subtraction(rng, (1.0, 1.0), template=(lanczos3, 3))
        result = whitediff.decorrelate(
            image, 1.0, 1.0, kernel, template_covariance=NoiseCovariance.resampling("lanczos3")
        )
        # Three sampling errors.
        assert_white(result, 0.015)
        assert result.covariance is None

    @pytest.mark.parametrize("warp", [(bilinear, 1), (lanczos3, 3)])
    def test_measured_covariance_makes_resampled_inputs_white(self, rng, warp):
        # One covariance stands for all phases, which come again after 60 pixels.
        image, kernel = subtraction(rng, (1.0, 1.0), science=warp, template=warp, rotation=1 / 60)
        plain = whitediff.decorrelate(image, 1.0, 1.0, kernel)
        result = whitediff.decorrelate(image, 1.0, 1.0, kernel, covariance="auto", psf=PSF)
        assert result.covariance_applied
        # What it is for: more than five errors without it.
        assert abs(whiteness(plain.image, plain.variance).in_x[0]) > 0.0055
        # Measured and tested on the same pixels: sampling errors cancel in part. Bilinear warps of
        # both inputs have next to no power at the shortest waves, with phases that vary.
        assert_white(result, 0.02 if warp == (bilinear, 1) else 0.01)
        given = whitediff.decorrelate(image, 1.0, 1.0, kernel, covariance=result.covariance)
        np.testing.assert_array_equal(given.image, result.image)

    @pytest.mark.parametrize(("period", "differs"), [(600, True), (60, False)])
    def test_noise_that_cannot_be_told_everywhere_is_said(self, rng, period, differs):
        image, kernel = subtraction(
            rng, (1.0, 0.1), science=(bilinear, 1), side=1300, rotation=1 / period
        )
        result = whitediff.decorrelate(image, 1.0, 0.1, kernel, covariance="auto")
        assert result.covariance_applied
        # Right in the mean: what clipping takes of noise that is not normal is 6 per cent.
        noise = result.image[~result.filter_edge] / np.sqrt(result.variance[~result.filter_edge])
        assert noise.var() == pytest.approx(1, abs=0.15)
        assert (result.covariance.scatter > 0.05) == differs
        assert ("parts differ by" in repr(result.covariance)) == differs
        assert ("parts of the frame differ" in result.covariance._repr_html_()) == differs

    def test_white_frames_differ_by_chance(self, rng):
        image, kernel = subtraction(rng, (1.0, 1.0))
        result = whitediff.decorrelate(image, 1.0, 1.0, kernel, covariance="measured")
        assert result.covariance.scatter == 0

    def test_drizzled_pairs_are_white_in_the_half_that_was_not_measured(self, rng):
        shape = (1000, 900)
        image = drizzled_noise(shape, rng) - drizzled_noise(shape, rng)
        tested = np.zeros(shape, bool)
        tested[shape[0] // 2 :] = True
        given = (image.astype(np.float32), 1.0, 1.0, np.ones((1, 1)))
        results = [
            whitediff.decorrelate(*given),
            whitediff.decorrelate(*given, covariance="auto", mask=tested),
        ]
        found = [whiteness(one.image, one.variance, mask=~tested, max_lag=3) for one in results]
        filtered = [
            matched_filter(one.image[tested[:, 0]], one.variance[tested[:, 0]], PROFILE)
            for one in results
        ]
        # As in drizzled mosaics of real detectors; it depends on the dithers a little.
        assert found[0].in_x[0] == pytest.approx(0.37, abs=0.05)
        assert filtered[0].std() > 1.4
        assert (abs(filtered[0]) > 5).sum() > 50
        # The sampling errors of both halves, 450 000 pixels each: 0.0015 a lag, 0.0063 of a pull
        # and as much of what was measured; three of them. Beyond 5 sigma 0.3 are expected.
        assert max(abs(found[1].in_x).max(), abs(found[1].in_y).max()) < 0.01
        assert abs(filtered[1].std() - 1) < 0.025
        assert (abs(filtered[1]) > 5).sum() <= 10

    def test_white_inputs_are_left_alone(self, rng):
        image, kernel = subtraction(rng, (1.0, 1.0))
        plain = whitediff.decorrelate(image, 1.0, 1.0, kernel)
        auto = whitediff.decorrelate(image, 1.0, 1.0, kernel, covariance="auto")
        assert not auto.covariance_applied
        assert auto.covariance.n_pixels > 0.9 * image.size
        np.testing.assert_array_equal(auto.image, plain.image)
        forced = whitediff.decorrelate(image, 1.0, 1.0, kernel, covariance="measured")
        assert forced.covariance_applied
        before, after = (pull(one.image, one.variance, PROFILE) for one in (plain, forced))
        # Measured on these very pixels, the pull may follow their scatter: one sampling error.
        assert abs(before - after) < 0.006

    def test_blind(self, rng):
        image, _ = subtraction(rng, (100.0, 30.0), template=(bilinear, 1))
        result = whitediff.whiten(image)
        assert result.covariance_applied
        assert_white(result, 0.015)
        # sum_i g_i v_i = P(0): what science and template have together, to four per cent.
        assert np.median(result.variance) == pytest.approx(130, rel=0.04)

    def test_wings_of_what_stars_leave_are_measured_as_far_as_they_go(self, rng):
        """Stars that lie aside leave what is as wide as noise that pixels share, of no sum."""
        shape = (1300, 1300)
        offset = np.arange(-10, 11)
        profile = np.exp(-0.5 * (offset / 1.8) ** 2)
        left = np.outer(profile, offset * profile)
        left *= np.sqrt(0.02 / np.sum(left**2))
        image = rng.normal(size=shape)
        image += convolve(rng.normal(size=shape), fixed_kernel(left))
        near, far = (
            whitediff.decorrelate(
                image.astype(np.float32), 0.5, 0.5, np.ones((1, 1)), covariance=covariance
            ).covariance
            for covariance in ("auto", "measured")
        )
        # Of a true power of 1 at k = 0; the window out to 6 pixels errs by 0.1 to 0.2, the wide one
        # by 0.03 where its wings end. Three sampling errors of 0.024, and that.
        assert near.reach == 6
        assert far.reach > 12
        assert abs(far.power_at_zero - 1) < 0.1
        assert near.power_at_zero - far.power_at_zero > 0.04

    def test_blind_noise_of_a_wide_kernel_has_all_of_its_power(self, rng):
        shape = (1500, 1400)
        big = tuple(size + 2 * RADIUS for size in shape)
        template = rng.normal(size=big)
        image = inner(rng.normal(size=big)) - matched(template, fixed_kernel(gaussian(2.2)))
        result = whitediff.whiten(image.astype(np.float32))
        # In a window of lags out to 6 pixels it is 8 per cent too small. From two million pixels
        # the wide one errs by 2.1 per cent: three of them.
        assert np.median(result.variance) == pytest.approx(2, rel=0.063)
        assert result.covariance.reach > 12
        assert result.covariance.leaves_out < 0.02
        # Waves of the sky are no noise: no wide window lets them in.
        image += 0.15 * np.sin(2 * np.pi * np.arange(shape[1]) / 90)
        assert whitediff.whiten(image.astype(np.float32)).covariance.reach <= 12

    def test_blind_in_bands(self, rng):
        image, _ = subtraction(rng, (100.0, 30.0), template=(bilinear, 1), side=1100)
        mask = np.zeros(image.shape, np.int16)
        mask[300:500, 100:700] = 4
        image[mask > 0] += 1000
        whole = whitediff.whiten(image, mask=mask, ignore_mask=4)
        rows = np.empty_like(image)

        def write(y0, image, variance, edge):
            rows[y0 : y0 + len(image)] = image

        bands = whitediff.whiten_bands(image, None, write, mask=mask, ignore_mask=4)
        assert whole.covariance_applied and bands.covariance_applied
        np.testing.assert_array_equal(bands.cells.variances, whole.cells.variances)
        np.testing.assert_array_equal(rows, whole.image)
        # Of every other row, without what is masked: the raw variance of both, 130, less what the
        # kernel and the warp took from it.
        assert 90 < whole.cells.variances[0, 0] < 130

    # Sixteen tiles, as the frame is large, of a million pixels, or all of it; a tenth is masked,
    # and some are left out around the edges of the mask.
    @pytest.mark.parametrize(
        ("covariance", "pixels"), [("auto", 0.9 * 1024**2), ("measured", 1300**2 - 300 * 500)]
    )
    def test_bands_give_the_same(self, rng, covariance, pixels):
        image, kernel = subtraction(rng, (1.0, 1.0), template=(bilinear, 1), side=1300)
        planes = np.full(image.shape, 1, np.float32)
        mask = np.zeros(image.shape, bool)
        mask[400:700, 300:800] = True
        given = (image, planes, planes, kernel)
        whole = whitediff.decorrelate(*given, covariance=covariance, mask=mask)
        rows = np.empty_like(image)

        def write(y0, image, variance, edge):
            rows[y0 : y0 + len(image)] = image

        bands = whitediff.decorrelate_bands(*given, write, covariance=covariance, mask=mask)
        assert 0.95 * pixels < whole.covariance.n_pixels < 1.03 * pixels
        np.testing.assert_array_equal(bands.covariance.lags, whole.covariance.lags)
        np.testing.assert_array_equal(rows, whole.image)

    @pytest.mark.parametrize("convolved", ["template", "science"])
    def test_shared_noise_of_known_size(self, rng, convolved):
        # The template is the mean of the science exposure and of three others.
        shape = (SIDE, SIDE)
        big = (SIDE + 2 * RADIUS, SIDE + 2 * RADIUS)
        kernel = linear_kernel(shape)
        exposures = rng.normal(size=(4, *big))
        science, template = exposures[0], exposures.mean(axis=0)
        if convolved == "template":
            image = inner(science) - matched(template, kernel)
        else:
            # The kernel is not normalized: 1 / sum is the default scale.
            total = kernel.evaluate(*[np.array([(SIDE - 1) / 2])] * 2).sum()
            image = (matched(science, kernel) - inner(template)) / total
        known = {"convolved": convolved, "shared_variance": 0.25}
        plane = np.full(shape, 0.25)
        result = whitediff.decorrelate(image, 1.0, plane, kernel, **known)
        # Three sampling errors of the pull. A whitening that does not know of it is off by more.
        assert_white(result, 0.015)
        unaware = whitediff.decorrelate(image, 1.0, plane, kernel, convolved=convolved)
        assert abs(pull(unaware.image, unaware.variance, PROFILE) - 1) > 0.1
        rows = np.empty_like(image)

        def write(y0, image, variance, edge):
            rows[y0 : y0 + len(image)] = image

        whitediff.decorrelate_bands(image, 1.0, plane, kernel, write, **known)
        np.testing.assert_array_equal(rows, result.image)

    @pytest.mark.parametrize(
        ("changed", "message"),
        [
            ({"shared_variance": -1.0}, "shared_variance must be finite and >= 0, got -1.0"),
            ({"shared_variance": np.nan}, "shared_variance must be finite and >= 0, got nan"),
            (
                {"shared_variance": 2.0},
                "science_variance must be at least shared_variance, 2.0, got 1.0",
            ),
            (
                {"shared_variance": 2.0, "science_variance": np.full((50, 50), 1.5)},
                "science_variance must be at least shared_variance, 2.0, got 1.5",
            ),
            (
                {"shared_variance": 0.5, "mean_variances": (None, 0.3)},
                "mean_variances of template must be at least shared_variance, 0.5, got 0.3",
            ),
            (
                {"shared_variance": 0.5, "mode": "score", "psf": PSF},
                "shared_variance must be 0 in mode 'score', got 0.5",
            ),
        ],
    )
    def test_shared_noise_that_cannot_be_is_refused(self, changed, message):
        with pytest.raises(ValueError, match=re.escape(message)):
            whitediff.decorrelate(
                np.ones((50, 50)),
                **{"science_variance": 1.0, "template_variance": 1.0, **changed},
                kernel=gaussian(1.2, 6),
            )

    def test_a_score_knows_what_is_measured_on_the_white_image(self, rng):
        image = 1.5 * rng.normal(size=(300, 310))
        given = (image, 1.0, 1.0, gaussian(1.2, 6))
        score = whitediff.decorrelate(*given, mode="score", psf=PSF, covariance="measured")
        white = whitediff.decorrelate(*given, psf=PSF, covariance="measured")
        np.testing.assert_array_equal(score.covariance.lags, white.covariance.lags)
        assert score.covariance_applied
        known = whitediff.decorrelate(*given, mode="score", psf=PSF, covariance=white.covariance)
        np.testing.assert_array_equal(score.image, known.image)

    def test_likelihood_images_measure_nothing(self, rng):
        image = rng.normal(size=(100, 100))
        with pytest.raises(
            ValueError, match="covariance must be 'none' or a NoiseCovariance for a likelihood"
        ):
            whitediff.decorrelate(
                image,
                1.0,
                1.0,
                gaussian(1.2, 6),
                mode="score",
                psf=PSF,
                covariance="auto",
                preconvolved=True,
            )

    def test_what_is_no_covariance_is_refused(self):
        with pytest.raises(
            ValueError, match="covariance must be one of 'none', 'auto', 'measured'"
        ):
            whitediff.WhitenOptions(covariance="yes")
        with pytest.raises(
            TypeError, match="template_covariance must be a NoiseCovariance, got str"
        ):
            whitediff.decorrelate(
                np.ones((9, 9)), 1.0, 1.0, np.ones((1, 1)), template_covariance="lanczos3"
            )
