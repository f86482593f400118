"""Whitening of any linear combination of images."""

import numpy as np
import pytest

import reference
import whitediff
from white_noise import gaussian, linear_kernel
from whitediff import NoiseSource
from whitediff.kernel import fixed_kernel

SHAPE = (97, 118)
# Filters of the reference must not reach around its frame.
PADDED = reference.padded_shape(SHAPE, 256)
KERNEL = gaussian(1.5, radius=8) * 0.9
SIDEWAYS = gaussian(1.1, radius=6)[2:, 1:-2] + 0.01


@pytest.fixture
def image(rng):
    return rng.normal(size=SHAPE)


def assert_close(image, expected, tolerance=1e-5):
    """Within a tolerance, in units of the largest value: that of the cut-off by default."""
    assert abs(image - expected).max() < tolerance * abs(expected).max()


def test_two_sources_are_a_difference(image, rng):
    science, template = rng.uniform(1, 2, SHAPE), rng.uniform(1, 3, SHAPE)
    mask = rng.integers(4, size=SHAPE, dtype=np.int32)
    kernel = linear_kernel(SHAPE)
    psf = gaussian(1.7, radius=10)
    result = whitediff.whiten(
        image,
        [NoiseSource(science, mask=mask), NoiseSource(template, kernels=[kernel])],
        ignore_mask=2,
        psf=psf,
    )
    expected = whitediff.decorrelate(
        image, science, template, kernel, science_mask=mask, ignore_mask=2, psf=psf
    )
    for name in ("image", "variance", "psf", "filters"):
        np.testing.assert_array_equal(getattr(result, name), getattr(expected, name))


@pytest.mark.parametrize("propagation", ["estimate", "full"])
def test_stacks_and_chains_of_kernels(image, rng, propagation):
    """Three science images, one unmatched, and two templates that share a final kernel."""
    chains = [(), (KERNEL,), (SIDEWAYS,), (KERNEL, SIDEWAYS), (gaussian(0.9, 5), SIDEWAYS)]
    variances = (1.0, 2.0, 0.5, 3.0, 1.5)
    weights = (1 / 3, 1 / 3, 1 / 3, -1 / 2, -1 / 2)
    sources = [reference.Source(*source) for source in zip(variances, chains, weights, strict=True)]
    planes = [variance * rng.choice([0.9, 1.1], SHAPE) for variance in variances]
    for plane, variance in zip(planes, variances, strict=True):
        plane *= variance / whitediff.clipped_mean(plane)
    spectrum = reference.whitening_filter(sources, PADDED)
    result = whitediff.whiten(
        image,
        [
            NoiseSource(plane, kernels=kernels, weight=weight)
            for plane, kernels, weight in zip(planes, chains, weights, strict=True)
        ],
        variance=propagation,
        spatially_varying=False,
    )
    reference.assert_filtered(result, image, spectrum, PADDED)
    if propagation == "full":
        expected = reference.full_variance(planes, sources, spectrum, PADDED)
    else:
        expected = np.tensordot(reference.gains(sources, spectrum, PADDED), planes, axes=1)
    # Squared responses leave 1e-6 of the variance out.
    np.testing.assert_allclose(result.variance, expected, rtol=1e-5)


def test_cross_convolution_of_equal_noise(image):
    """D = P_T * S - P_S * T, with a PSF that is the product of both."""
    psfs = gaussian(0.7, radius=5), gaussian(0.9, radius=6)
    sources = [reference.Source(1.0, (psfs[1],)), reference.Source(2.0, (psfs[0],))]
    result = whitediff.whiten(
        image,
        [NoiseSource(1.0, kernels=[psfs[1]]), NoiseSource(2.0, kernels=[psfs[0]], weight=-1)],
        psf=gaussian(1.2, radius=8),
    )
    reference.assert_filtered(result, image, reference.whitening_filter(sources, PADDED), PADDED)
    # Whitened: its own variance is the power at k = 0.
    np.testing.assert_allclose(result.variance, 3.0, rtol=1e-6)


def test_one_convolved_source_is_deconvolved(image, rng):
    """psi = 1 / |K| turns K * noise into noise of the same power; K is symmetric and positive."""
    kernel = gaussian(0.8, radius=6)
    frame = np.pad(image, 20)
    smooth = reference.filtered(frame, reference.transfer(kernel, frame.shape), frame.shape)
    result = whitediff.whiten(smooth, [NoiseSource(1.0, kernels=[kernel])])
    # Cut off at 1e-5 of the noise; the largest pixel is at 4 sigma.
    assert_close(result.image, frame)
    # The mean over the modes of a grid.
    np.testing.assert_allclose(result.variance, 1.0, rtol=1e-6)


def test_power_floor_holds_what_has_no_power(image):
    kernel = gaussian(2.0, radius=12)
    result = whitediff.whiten(image, [NoiseSource(1.0, kernels=[kernel])], spatially_varying=False)
    assert result.clipped_modes > 0
    # The gain of no mode exceeds power_floor^-1/2 = 1e5.
    assert np.isfinite(result.image).all()
    assert abs(np.fft.fft2(result.filters[0])).max() < 1.01e5


def test_order_and_sign_do_not_matter(image):
    sources = [
        NoiseSource(1.0),
        NoiseSource(2.0, kernels=[KERNEL, SIDEWAYS], weight=0.5),
        NoiseSource(0.7, kernels=[SIDEWAYS]),
    ]
    turned = [
        NoiseSource(0.7, kernels=[SIDEWAYS], weight=-1),
        NoiseSource(2.0, kernels=[SIDEWAYS, KERNEL], weight=-0.5),
        NoiseSource(1.0),
    ]
    a, b = (whitediff.whiten(image, each) for each in (sources, turned))
    # Rounding only.
    assert_close(a.image, b.image, 1e-12)
    np.testing.assert_allclose(a.variance, b.variance, rtol=1e-12)
    np.testing.assert_array_equal(a.cells.variances, b.cells.variances[:, ::-1])


def test_masks_of_different_types_may_be_mixed(image, rng):
    planes = [rng.uniform(1, 2, SHAPE) for _ in range(3)]
    hidden = [rng.random(SHAPE) < 0.3 for _ in range(3)]
    masks = [hidden[0], hidden[1].astype(np.uint8) * 4, hidden[2].astype(np.int64) << 40]
    result = whitediff.whiten(
        image,
        [NoiseSource(plane, mask=mask) for plane, mask in zip(planes, masks, strict=True)],
        ignore_mask=(1 << 40) | 4,
        spatially_varying=False,
    )
    expected = [plane[~left_out].mean() for plane, left_out in zip(planes, hidden, strict=True)]
    # The clipped mean of a uniform distribution is its mean; sums in other orders.
    np.testing.assert_allclose(result.cells.variances, [expected], rtol=1e-12)


def test_a_kernel_may_serve_several_sources(image):
    kernel = fixed_kernel(KERNEL)
    sources = [NoiseSource(1.0), NoiseSource(1.0, kernels=[kernel, kernel], weight=0.5)]
    both = [NoiseSource(1.0), NoiseSource(1.0, kernels=[KERNEL, KERNEL], weight=0.5)]
    a, b = (whitediff.whiten(image, each) for each in (sources, both))
    np.testing.assert_array_equal(a.image, b.image)


def test_source_says_what_it_is():
    source = NoiseSource(1.0, kernels=[KERNEL], weight=2)
    assert repr(source) == "NoiseSource(1 kernels, weight=2.0)"
    assert isinstance(source.kernels[0], whitediff.Kernel)


def test_boolean_masks_may_lie_column_by_column(rng):
    image = rng.normal(size=(40, 50))
    mask = image > 1
    sources = [NoiseSource(np.ones_like(image))]
    by_rows, by_columns = (
        whitediff.whiten(image, sources, mask=one, no_value_mask=1)
        for one in (mask, np.asfortranarray(mask))
    )
    np.testing.assert_array_equal(by_columns.filter_edge, by_rows.filter_edge)
