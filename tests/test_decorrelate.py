"""Whitening of difference images, against the equations on the whole frame."""

import numpy as np
import pytest

import reference
import whitediff
from white_noise import gaussian, linear_kernel
from whitediff import Polynomial2D, SpatialKernel
from whitediff.kernel import fixed_kernel

SHAPE = (141, 173)
# Filters of the reference must not reach around its frame.
PADDED = reference.padded_shape(SHAPE, 256)
SCORE_POWER_FLOOR = 1e-11
VARIANCES = (1.3, 2.6)


def skewed_kernel(shape=(13, 16), total=0.8):
    """A kernel without any symmetry, of even width."""
    v, u = np.mgrid[: shape[0], : shape[1]]
    y, x = v - (shape[0] - 1) // 2, u - (shape[1] - 1) // 2
    image = np.exp(-((x - 0.4) ** 2) / 6 - (y + 0.3) ** 2 / 3 - x * y / 9) * (1 + 0.1 * x)
    return total * image / image.sum()


KERNEL = skewed_kernel()
PSF = gaussian(1.7, radius=12)


@pytest.fixture
def image(rng):
    return rng.normal(size=SHAPE)


def assert_close(image, expected, tolerance=1e-5):
    """Within a tolerance, in units of the largest value: that of the cut-off by default."""
    assert abs(image - expected).max() < tolerance * abs(expected).max()


@pytest.mark.parametrize("spatially_varying", [True, False])
@pytest.mark.parametrize("convolved", ["template", "science"])
def test_image_psf_and_variance(image, convolved, spatially_varying):
    sources = reference.difference_sources(*VARIANCES, KERNEL, convolved)
    spectrum = reference.whitening_filter(sources, PADDED)
    result = whitediff.decorrelate(
        image, *VARIANCES, KERNEL, convolved=convolved, psf=PSF, spatially_varying=spatially_varying
    )
    reference.assert_filtered(result, image, spectrum, PADDED)
    gains = reference.gains(sources, spectrum, PADDED)
    # Gains are means over the modes of a grid: exact but for what wraps around it.
    np.testing.assert_allclose(result.variance, np.dot(gains, VARIANCES), rtol=1e-6)
    psf = np.fft.irfft2(spectrum * reference.transfer(PSF, PADDED), s=PADDED)
    psf = np.roll(psf, (12, 12), (0, 1))[:25, :25]
    for own in result.psf:
        # The same wrap-around.
        np.testing.assert_allclose(own, psf / psf.sum(), atol=1e-6 * psf.max())


def test_variance_of_a_white_image_is_the_mean_power(image):
    """With flat planes, gains times variances are the mean power of white noise: P(0)."""
    template = whitediff.decorrelate(image, *VARIANCES, KERNEL)
    np.testing.assert_allclose(template.variance, 1.3 + 2.6 * 0.8**2, rtol=1e-6)
    science = whitediff.decorrelate(image, *VARIANCES, KERNEL, convolved="science")
    np.testing.assert_allclose(science.variance, 1.3 + 2.6 / 0.8**2, rtol=1e-6)


def test_score(rng):
    """Of an image that has the noise power that the filter is made for."""
    # Narrower than the PSF, as kernels that make it are: F vanishes where the noise has no power.
    y, x = np.mgrid[-8:9, -9:10]
    kernel = np.exp(-(x**2) / 3 - y**2 / 2 - x * y / 5)
    kernel *= 0.8 / kernel.sum()
    sources = reference.score_sources(*VARIANCES, kernel, PSF)
    spectrum = reference.score_filter(sources, PSF, PADDED, SCORE_POWER_FLOOR)
    likelihood = sum(
        np.fft.irfft2(
            reference.response(source, PADDED)
            * np.fft.rfft2(rng.normal(scale=np.sqrt(source.variance), size=PADDED)),
            s=PADDED,
        )
        for source in sources
    )[: SHAPE[0], : SHAPE[1]]
    result = whitediff.decorrelate(
        likelihood,
        *VARIANCES,
        kernel,
        mode="score",
        variance="estimate",
        preconvolved=True,
        psf=7 * PSF,
    )
    # Four times the 5e-5 of the noise at which score filters are cut off.
    reference.assert_filtered(result, likelihood, spectrum, PADDED, 2e-4)
    gains = reference.gains(sources, spectrum, PADDED)
    # Squares of the same errors, and what wraps around the grid.
    np.testing.assert_allclose(result.variance, np.dot(gains, VARIANCES), rtol=1e-5)
    psf = abs(reference.transfer(PSF, PADDED)) ** 2 * spectrum
    psf = np.roll(np.fft.irfft2(psf, s=PADDED), (12, 12), (0, 1))[:25, :25]
    # The cut-off again, in units of the peak.
    np.testing.assert_allclose(result.psf[0], psf / psf.sum(), atol=2e-4 * psf.max())


def test_score_without_matching_is_a_correlation_with_the_psf(image):
    """With K a delta and no noise of the science image, F = conj(phi_D): PSF and pre-kernel."""
    pre_kernel = skewed_kernel((9, 8), total=1.0)
    result = whitediff.decorrelate(
        image, 0.0, 1.0, [[1.0]], mode="score", preconvolved=True, psf=PSF, pre_kernel=pre_kernel
    )
    response = reference.transfer(PSF, PADDED) * reference.transfer(pre_kernel, PADDED).conj()
    # Cut off at 5e-5 of the noise, and the largest pixel is at 4 sigma.
    reference.assert_filtered(result, image, response.conj(), PADDED, 5e-5)


@pytest.mark.parametrize("convolved", ["template", "science"])
def test_full_variance(rng, convolved):
    science = np.where(np.arange(SHAPE[1]) < 70, 1.0, 3.0) * np.ones(SHAPE)
    template = np.linspace(0.5, 2.5, SHAPE[0])[:, np.newaxis] * np.ones(SHAPE)
    means = [whitediff.clipped_mean(plane) for plane in (science, template)]
    sources = reference.difference_sources(*means, KERNEL, convolved)
    expected = reference.full_variance(
        (science, template), sources, reference.whitening_filter(sources, PADDED), PADDED
    )
    result = whitediff.decorrelate(
        np.zeros(SHAPE), science, template, KERNEL,
        convolved=convolved, variance="full", spatially_varying=False,
    )  # fmt: skip
    # Squared responses leave 1e-6 of the variance out.
    np.testing.assert_allclose(result.variance, expected, rtol=1e-5)


def test_estimated_variance_is_each_plane_times_its_gain(rng):
    science, template = rng.uniform(1, 2, SHAPE), rng.uniform(1, 5, SHAPE)
    means = [whitediff.clipped_mean(plane) for plane in (science, template)]
    sources = reference.difference_sources(*means, KERNEL)
    gains = reference.gains(sources, reference.whitening_filter(sources, PADDED), PADDED)
    result = whitediff.decorrelate(
        np.zeros(SHAPE), science, template, KERNEL, spatially_varying=False
    )
    # Gains are means over the modes of a grid: exact but for what wraps around it.
    np.testing.assert_allclose(result.variance, gains[0] * science + gains[1] * template, rtol=1e-6)
    np.testing.assert_allclose(result.cells.variances, [means], rtol=1e-12)


def test_filters_keep_fluxes(image):
    result = whitediff.decorrelate(image, *VARIANCES, linear_kernel(SHAPE))
    radius = result.filters.shape[-1] // 2
    assert result.filters.shape == (len(result.cells), 2 * radius + 1, 2 * radius + 1)
    # psi(0) = 1, but for the tail beyond the radius.
    np.testing.assert_allclose(result.filters.sum(axis=(1, 2)), 1, atol=1e-4)


def test_kernel_is_that_at_the_centre_of_each_cell(image):
    xy0 = (1000.0, -300.0)
    slope = 1 / SHAPE[1]
    kernel = SpatialKernel(
        np.stack([gaussian(1.2), gaussian(2.4)]),
        [Polynomial2D([1 + 1000 * slope, -slope, 0.0]), Polynomial2D([-1000 * slope, slope, 0.0])],
    )
    boxes = np.array([[0, 0, 60, 141], [60, 0, 120, 141], [120, 0, 173, 141]])
    result = whitediff.decorrelate(
        image, *VARIANCES, kernel, xy0=xy0, grid=whitediff.Grid(boxes), psf=PSF
    )
    np.testing.assert_array_equal(
        result.cells.centers, [[1029.5, -230.0], [1089.5, -230.0], [1146.0, -230.0]]
    )
    for (x0, _, x1, _), expanded, (x, y), own in zip(
        boxes, result.cells.expanded, result.cells.centers, result.filters, strict=True
    ):
        here = kernel.evaluate([x], [y])[0]
        sources = reference.difference_sources(*VARIANCES, here)
        spectrum = reference.whitening_filter(sources, PADDED)
        level = reference.level_of(image, expanded, np.sqrt(result.variance[0, 0]))
        expected = reference.filtered(image, spectrum, PADDED, level)
        assert_close(result.image[:, x0:x1], expected[:, x0:x1])
        radius = own.shape[0] // 2
        exact = np.roll(np.fft.irfft2(spectrum, s=PADDED), (radius, radius), (0, 1))
        # Both are the same function on grids of different sizes.
        np.testing.assert_allclose(own, exact[: own.shape[0], : own.shape[1]], atol=1e-7)


def test_constant_filter_is_that_of_the_centre_of_the_frame(image):
    result = whitediff.decorrelate(
        image, *VARIANCES, linear_kernel(SHAPE), spatially_varying=False, xy0=(0, 0)
    )
    np.testing.assert_array_equal(result.cells.centers, [[86.0, 70.0]])
    assert result.filters.shape[0] == len(result.cells.variances) == 1
    here = linear_kernel(SHAPE).evaluate([86.0], [70.0])[0]
    sources = reference.difference_sources(*VARIANCES, here)
    reference.assert_filtered(result, image, reference.whitening_filter(sources, PADDED), PADDED)


def test_mean_variance_is_that_of_each_cell(rng):
    science = np.where(np.arange(SHAPE[1]) < 80, 1.0, 9.0) * np.ones(SHAPE)
    boxes = [[0, 0, 80, 141], [80, 0, 173, 141]]
    result = whitediff.decorrelate(
        np.zeros(SHAPE), science, 2.0, KERNEL, grid=whitediff.Grid(boxes)
    )
    np.testing.assert_array_equal(result.cells.variances, [[1.0, 2.0], [9.0, 2.0]])


@pytest.mark.parametrize("convolved", ["template", "science"])
def test_scale_multiplies_the_noise_and_leaves_the_filter(image, convolved):
    result = whitediff.decorrelate(image, *VARIANCES, KERNEL, convolved=convolved, scale=1.0)
    scaled = whitediff.decorrelate(3 * image, *VARIANCES, KERNEL, convolved=convolved, scale=3.0)
    # Rounding only.
    assert_close(scaled.image, 3 * result.image, 1e-12)
    np.testing.assert_allclose(scaled.variance, 9 * result.variance, rtol=1e-12)


def test_a_source_of_no_noise_leaves_the_image_as_it_is(image):
    result = whitediff.decorrelate(image, 2.0, 0.0, KERNEL)
    # Rounding only.
    assert_close(result.image, image, 1e-12)
    np.testing.assert_allclose(result.variance, 2.0, rtol=1e-12)


def test_transients_keep_their_flux_and_get_the_psf_of_the_result(image):
    """A point source of the difference image, with its PSF, becomes the PSF of the result."""
    image[:] = 0
    image[50 - 12 : 51 + 12, 60 - 12 : 61 + 12] = 1000 * PSF
    result = whitediff.decorrelate(image, 1.0, 20.0, KERNEL, psf=PSF, spatially_varying=False)
    stamp = result.image[50 - 12 : 51 + 12, 60 - 12 : 61 + 12]
    # All but 1e-4 of the flux, and 4e-5 of it in negative side lobes, lie within the stamp.
    assert result.image.sum() == pytest.approx(1000, rel=1e-4)
    np.testing.assert_allclose(stamp / stamp.sum(), result.psf[0], atol=1e-6)


class TestNonFinitePixels:
    def test_come_out_as_they_went_in(self, image):
        image[3, 5], image[40:44, 100], image[-1, -1] = np.nan, np.inf, -np.inf
        sources = reference.difference_sources(*VARIANCES, KERNEL)
        result = whitediff.decorrelate(image, *VARIANCES, KERNEL, spatially_varying=False,
                                       grid=whitediff.Grid([[0, 0, 173, 141]]))  # fmt: skip
        spectrum = reference.whitening_filter(sources, PADDED)
        reference.assert_filtered(result, image, spectrum, PADDED)
        assert result.gaps == {"marked": 0, "not_finite": 6, "too_large": 0}
        assert np.isfinite(result.variance).all()

    def test_are_filled_with_the_level_of_unmasked_pixels(self, image):
        image[40, 100] = np.nan
        image[:, :100] += 1e4
        mask = np.zeros(SHAPE, np.int32)
        mask[:, :100] = 0b100
        result = whitediff.decorrelate(
            image, *VARIANCES, KERNEL, mask=mask, ignore_mask=0b110,
            grid=whitediff.Grid([[0, 0, 173, 141]]),
        )  # fmt: skip
        sources = reference.difference_sources(*VARIANCES, KERNEL)
        spectrum = reference.whitening_filter(sources, PADDED)
        reference.assert_filtered(result, image, spectrum, PADDED, ignored=mask != 0)

    @pytest.mark.parametrize("dtype", [bool, np.uint8, np.int32, np.int64])
    def test_may_be_marked_by_the_mask(self, image, rng, dtype):
        marked = rng.random(SHAPE) < 0.01
        image[marked] = -9999
        result = whitediff.decorrelate(
            image, *VARIANCES, KERNEL, mask=marked.astype(dtype) * dtype(1), no_value_mask=1
        )
        expected = whitediff.decorrelate(np.where(marked, np.nan, image), *VARIANCES, KERNEL)
        np.testing.assert_array_equal(result.image, np.where(marked, -9999, expected.image))
        np.testing.assert_array_equal(result.filter_edge, expected.filter_edge)
        assert result.gaps == {"marked": marked.sum(), "not_finite": 0, "too_large": 0}

    @pytest.mark.parametrize("bits", [2, 256])
    def test_are_not_told_by_bits_that_a_boolean_mask_has_not(self, image, bits):
        mask = np.ones(SHAPE, bool)
        result = whitediff.decorrelate(image, *VARIANCES, KERNEL, mask=mask, no_value_mask=bits)
        assert sum(result.gaps.values()) == 0

    def test_of_variance_count_as_the_mean_and_come_back(self, image):
        science = np.full(SHAPE, 1.3)
        science[20, 30], science[21, 31] = np.nan, np.inf
        for propagation in ("estimate", "full"):
            result = whitediff.decorrelate(image, science, 2.6, KERNEL, variance=propagation)
            expected = whitediff.decorrelate(image, 1.3, 2.6, KERNEL, variance=propagation)
            bad = ~np.isfinite(science)
            assert np.isnan(result.variance[20, 30])
            assert result.variance[21, 31] == np.inf
            # Rounding only.
            np.testing.assert_allclose(result.variance[~bad], expected.variance[~bad], rtol=1e-12)
            np.testing.assert_allclose(result.image, expected.image, atol=1e-12)

    def test_may_be_all_of_them(self):
        result = whitediff.decorrelate(np.full(SHAPE, np.nan), *VARIANCES, KERNEL)
        assert np.isnan(result.image).all()
        assert np.isfinite(result.variance).all()

    def test_may_fill_a_cell(self, image):
        image[:, 100:] = np.nan
        boxes = [[0, 0, 100, 141], [100, 0, 173, 141]]
        grid = whitediff.Grid(boxes, expanded=boxes)
        result = whitediff.decorrelate(image, *VARIANCES, KERNEL, grid=grid)
        np.testing.assert_array_equal(np.isnan(result.image), np.isnan(image))


class TestMasks:
    """Which pixels the clipped mean variances leave out."""

    def test_science_and_template_have_their_own(self, image, rng):
        science, template = rng.uniform(1, 2, SHAPE), rng.uniform(3, 4, SHAPE)
        science_mask = (rng.random(SHAPE) < 0.3).astype(np.int32) * 0b1000
        template_mask = (rng.random(SHAPE) < 0.3).astype(np.int32) * 0b0010
        science[science_mask != 0] += 1
        template[template_mask != 0] += 1
        result = whitediff.decorrelate(
            image, science, template, KERNEL, spatially_varying=False,
            science_mask=science_mask, template_mask=template_mask, ignore_mask=0b1001,
        )  # fmt: skip
        expected = [science[science_mask == 0].mean(), template.mean()]
        # The clipped mean of a uniform distribution is its mean.
        np.testing.assert_allclose(result.cells.variances, [expected], rtol=1e-12)

    @pytest.mark.parametrize("dtype", [bool, np.uint8, np.int16, np.uint16, np.int64, np.uint64])
    def test_may_be_of_any_integer_type(self, image, rng, dtype):
        science = rng.uniform(1, 2, SHAPE)
        hidden = rng.random(SHAPE) < 0.3
        science[hidden] += 1
        mask = hidden.astype(dtype) if dtype is bool else hidden.astype(dtype) * dtype(0b100)
        result = whitediff.decorrelate(
            image, science, 2.6, KERNEL, spatially_varying=False,
            science_mask=mask, template_mask=np.zeros(SHAPE, np.int32), ignore_mask=0b100,
        )  # fmt: skip
        # Sums in other orders.
        assert result.cells.variances[0, 0] == pytest.approx(science[~hidden].mean(), rel=1e-12)

    def test_highest_bit_counts(self, image, rng):
        science = rng.uniform(1, 2, SHAPE)
        mask = np.where(rng.random(SHAPE) < 0.3, np.iinfo(np.int32).min, 1).astype(np.int32)
        science[mask < 0] += 1
        result = whitediff.decorrelate(
            image, science, 2.6, KERNEL, spatially_varying=False,
            science_mask=mask, ignore_mask=1 << 31,
        )  # fmt: skip
        assert result.cells.variances[0, 0] == pytest.approx(science[mask > 0].mean(), rel=1e-12)


class TestInputs:
    """What arrays may be like."""

    def test_are_not_modified(self, image, rng):
        image[3, 4] = np.nan
        inputs = {
            "difference": image,
            "science_variance": rng.uniform(1, 2, SHAPE),
            "template_variance": rng.uniform(1, 2, SHAPE),
            "kernel": KERNEL.copy(),
            "mask": rng.integers(4, size=SHAPE, dtype=np.int32),
            "science_mask": rng.integers(4, size=SHAPE, dtype=np.int32),
            "template_mask": rng.integers(4, size=SHAPE, dtype=np.int32),
            "psf": PSF.copy(),
        }
        inputs["science_variance"][9, 9] = np.nan
        before = {name: array.copy() for name, array in inputs.items()}
        for array in inputs.values():
            array.flags.writeable = False
        for mode in ("difference", "score"):
            whitediff.decorrelate(**inputs, ignore_mask=2, mode=mode, variance="full")
        for name, array in inputs.items():
            np.testing.assert_array_equal(array, before[name])

    @pytest.mark.parametrize(
        "make",
        [
            pytest.param(lambda a: np.asfortranarray(a), id="column order"),
            pytest.param(lambda a: np.repeat(np.repeat(a, 2, 0), 3, 1)[::2, ::3], id="strided"),
            pytest.param(lambda a: np.pad(a, 5)[5:-5, 5:-5], id="window"),
            pytest.param(lambda a: a[::-1].copy()[::-1], id="negative stride"),
            pytest.param(lambda a: a.astype(">f8"), id="big-endian"),
            pytest.param(lambda a: a.tolist(), id="list"),
            pytest.param(lambda a: a.astype(np.longdouble), id="long double"),
        ],
    )
    def test_may_have_any_layout(self, image, rng, make):
        science = rng.uniform(1, 2, SHAPE)
        expected = whitediff.decorrelate(image, science, 2.6, KERNEL)
        result = whitediff.decorrelate(make(image), make(science), 2.6, make(KERNEL))
        assert result.image.dtype == np.float64
        np.testing.assert_array_equal(result.image, expected.image)
        np.testing.assert_array_equal(result.variance, expected.variance)

    @pytest.mark.parametrize("dtype", ["i2", ">i2", "u1", "i8", ">i4", "f2"])
    def test_of_other_types_are_filtered_in_double_precision(self, rng, dtype):
        image = rng.integers(200, size=SHAPE).astype(dtype)
        result = whitediff.decorrelate(image, *VARIANCES, KERNEL)
        expected = whitediff.decorrelate(image.astype(np.float64), *VARIANCES, KERNEL)
        assert result.image.dtype == np.float64
        np.testing.assert_array_equal(result.image, expected.image)

    @pytest.mark.parametrize("dtype", ["f4", ">f4"])
    def test_of_single_precision_stay_so(self, image, dtype):
        result = whitediff.decorrelate(image.astype(dtype), *VARIANCES, KERNEL)
        assert result.image.dtype == result.variance.dtype == np.float32
        expected = whitediff.decorrelate(image.astype("f4"), *VARIANCES, KERNEL)
        np.testing.assert_array_equal(result.image, expected.image)

    def test_may_be_masked_arrays(self, image, rng):
        hidden = rng.random(SHAPE) < 0.1
        masked = np.ma.masked_array(image, mask=hidden)
        variance = np.ma.masked_array(rng.uniform(1, 2, SHAPE), mask=hidden)
        result = whitediff.decorrelate(masked, variance, 2.6, KERNEL)
        expected = whitediff.decorrelate(
            np.where(hidden, np.nan, image), np.where(hidden, np.nan, variance.data), 2.6, KERNEL
        )
        np.testing.assert_array_equal(result.image, expected.image)
        np.testing.assert_array_equal(np.isnan(result.image), hidden)
        np.testing.assert_array_equal(result.variance, expected.variance)

    def test_variances_may_be_of_another_precision_or_numbers(self, image, rng):
        science = rng.uniform(1, 2, SHAPE).astype(np.float32)
        result = whitediff.decorrelate(image, science, np.float32(2.5), KERNEL)
        expected = whitediff.decorrelate(image, science.astype(float), np.array(2.5), KERNEL)
        np.testing.assert_array_equal(result.image, expected.image)
        integers = whitediff.decorrelate(image, 1, np.int64(2), KERNEL)
        numbers = whitediff.decorrelate(image, 1.0, 2.0, KERNEL)
        np.testing.assert_array_equal(integers.image, numbers.image)

    def test_planes_and_numbers_mean_the_same(self, image):
        planes = [np.full(SHAPE, variance) for variance in VARIANCES]
        for propagation in ("estimate", "full"):
            result = whitediff.decorrelate(image, *planes, KERNEL, variance=propagation)
            expected = whitediff.decorrelate(image, *VARIANCES, KERNEL, variance=propagation)
            # Rounding only: a mean of equal numbers.
            np.testing.assert_allclose(result.image, expected.image, atol=1e-12)
            np.testing.assert_allclose(result.variance, expected.variance, rtol=1e-12)

    def test_variances_are_of_pixels_whatever_filters_are_made_with(self, image):
        planes = [np.full(SHAPE, variance) for variance in VARIANCES]
        for propagation in ("estimate", "full"):
            options = {"variance": propagation, "mean_variances": (0.3, 7.0)}
            result = whitediff.decorrelate(image, *planes, KERNEL, **options)
            expected = whitediff.decorrelate(image, *VARIANCES, KERNEL, **options)
            # Rounding only: sums of equal numbers.
            np.testing.assert_allclose(result.variance, expected.variance, rtol=1e-12)

    @pytest.mark.parametrize("shape", [(1, 1), (1, 40), (40, 1), (2, 3), (33, 64)])
    def test_may_be_small(self, rng, shape):
        image = rng.normal(size=shape)
        kernel = np.full((1, min(3, shape[1])), 0.3)
        sources = reference.difference_sources(*VARIANCES, kernel)
        result = whitediff.decorrelate(image, *VARIANCES, kernel)
        spectrum = reference.whitening_filter(sources, PADDED)
        reference.assert_filtered(result, image, spectrum, PADDED)


def test_centre_of_the_kernel_does_not_change_the_filter(image):
    """The power spectrum of the noise knows no shift of the template; full variance does."""
    centered, shifted = fixed_kernel(KERNEL), fixed_kernel(KERNEL, center=(2, 11))
    a, b = (whitediff.decorrelate(image, *VARIANCES, kernel) for kernel in (centered, shifted))
    # Rounding only.
    assert_close(a.image, b.image, 1e-12)
    template = np.zeros(SHAPE)
    template[60, 80] = 1.0
    # One noisy pixel is seen where the kernel puts it: 4 pixels up and 4 to the left of before.
    a, b = (
        whitediff.decorrelate(image, 1.0, template, kernel, variance="full")
        for kernel in (centered, shifted)
    )
    np.testing.assert_allclose(b.variance[20:100, 30:130], a.variance[16:96, 34:134], atol=1e-9)


def test_progress_counts_the_cells(image):
    calls = []
    result = whitediff.decorrelate(
        image, *VARIANCES, KERNEL, progress=lambda done, total: calls.append((done, total))
    )
    done = [call[0] for call in calls]
    assert done == sorted(done)
    assert calls[-1] == (len(result.cells), len(result.cells))


def test_progress_that_raises_ends_the_computation(image):
    def stop(done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        whitediff.decorrelate(image, *VARIANCES, KERNEL, progress=stop)


def test_result_says_how_it_was_made(image):
    result = whitediff.decorrelate(image, *VARIANCES, KERNEL, n_threads=1)
    assert result.n_threads == 1
    assert result.clipped_modes == 0
    assert result.psf is None
    assert 0 < result.truncation <= 1e-5
    assert result.filters.shape[-1] == 2 * result.border + 1
    assert repr(result).startswith("Whitened(141 x 173 float64, Cells(")
    reads = result.cells.expanded - result.cells.boxes
    assert abs(reads).max() <= result.border
