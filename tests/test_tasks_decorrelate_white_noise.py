"""Noise that is white after the decorrelation task."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from coloured_noise import bilinear, warped_noise
from many_filters import NAME, PSF
from white_noise import RADIUS, difference, gaussian, inner, linear_kernel, matched, white
from whitediff.decorrelate import decorrelate
from whitediff.exposure import Exposure
from whitediff.geometry import Point2D
from whitediff.kernel import fixed_kernel
from whitediff.psf import KernelPsf
from whitediff.tasks import DecorrelateALKernelMapper, DecorrelateALKernelSpatialTask


def measured(noise: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
    """Mean square, and correlations at lags 1..10 in x and y in units of their sampling error."""
    pairs = [
        products
        for lag in range(1, 11)
        for products in (noise[:, lag:] * noise[:, :-lag], noise[lag:] * noise[:-lag])
    ]
    power = float(np.mean(noise**2))
    return power, np.array([p.sum() / power / np.sqrt(p.size) for p in pairs])


def ninths(image: NDArray[np.float64]) -> list[NDArray[np.float64]]:
    rows = np.array_split(image, 3)
    return [part for row in rows for part in np.array_split(row, 3, axis=1)]


@pytest.mark.parametrize(("size", "one_cell"), [(2048, False), (256, True)], ids=["2048", "256"])
@pytest.mark.parametrize("varying", [True, False])
def test_default_configuration_makes_noise_white(size: int, one_cell: bool, varying: bool) -> None:
    shape = size, size
    rng = np.random.default_rng(11)
    # In one cell there is one filter, so a kernel that varies makes noise that is not quite white.
    widths = (1.6, 1.65) if one_cell else (1.2, 2.4)
    kernel = linear_kernel(shape, 1.3, widths) if varying else fixed_kernel(1.3 * gaussian(1.9))
    noise = difference(shape, kernel, (1.0, 2.0), rng).astype(np.float32)
    exposures = [
        Exposure(image=noise, variance=np.full(shape, v, np.float32), psf=KernelPsf(PSF))
        for v in (1.0, 2.0, 3.0)
    ]
    task = DecorrelateALKernelSpatialTask()
    result = task.run(*exposures, kernel, spatiallyVarying=varying).correctedExposure
    metadata = task.getFullMetadata()
    step = f"{NAME}:" + ("mapReduce:mapper" if varying else "decorrelate")
    assert (metadata[f"{step}.nCells"] == 1) is one_cell
    assert metadata[f"{step}.nFilters"] == (metadata[f"{step}.nCells"] if varying else 1)
    expected = 1.0 + 2.0 * 1.3**2
    # Mean gains are exact but for the cross-fade of neighbouring cells, and float32.
    np.testing.assert_allclose(result.variance.array, expected, rtol=2e-6)
    assert metadata[f"{step}.correctedVariance"] == pytest.approx(expected, rel=1e-6)
    # The outermost pixels of the frame lack neighbours.
    noise = inner(result.image.array.astype(float), metadata[f"{step}.border"])
    noise /= np.sqrt(expected)
    power, correlations = measured(noise)
    # Four sampling errors: 0.3 % for 2048 x 2048, 2.5 % for 256 x 256; in a ninth three times that.
    error = 4 * np.sqrt(2 / noise.size)
    assert power == pytest.approx(1, abs=error)
    for part in ninths(noise):
        assert np.mean(part**2) == pytest.approx(1, abs=3 * error)
    assert abs(correlations).max() < 4.5
    # The rms of 20 numbers scatters by 0.16.
    assert np.sqrt(np.mean(correlations**2)) == pytest.approx(1, abs=0.6)


def test_science_matched_noise_is_white() -> None:
    shape = (700, 611)
    rng = np.random.default_rng(12)
    kernel = linear_kernel(shape, 0.8)
    noise = difference(shape, kernel, (2.0, 1.0), rng, "science", scale=1 / 0.8)
    exposures = [
        Exposure(image=noise, variance=np.full(shape, v), psf=KernelPsf(PSF))
        for v in (2.0, 1.0, 3.0)
    ]
    task = DecorrelateALKernelSpatialTask()
    result = task.run(*exposures, kernel, templateMatched=False).correctedExposure
    expected = 2.0 + 1.0 / 0.8**2
    np.testing.assert_allclose(result.variance.array, expected, rtol=1e-6)
    power, correlations = measured(inner(result.image.array, 30) / np.sqrt(expected))
    # Four sampling errors.
    assert power == pytest.approx(1, abs=4 * np.sqrt(2 / 651 / 551))
    assert abs(correlations).max() < 4.5


def test_noise_of_a_detection_image_has_the_variance_of_its_plane() -> None:
    shape = (600, 577)
    rng = np.random.default_rng(13)
    kernel = linear_kernel(shape, 1.3, (1.2, 2.0))
    science, template = white(shape, 1.0, rng), white(shape, 2.0, rng)
    # A Gaussian PSF is symmetric: correlation with it is convolution.
    psf = gaussian(1.5)
    likelihood = matched(science, fixed_kernel(psf)) - matched(template, kernel)
    exposures = [
        Exposure(image=likelihood, variance=np.full(shape, v), psf=KernelPsf(psf))
        for v in (1.0, 2.0, 3.0)
    ]
    task = DecorrelateALKernelSpatialTask()
    result = task.run(*exposures, kernel, preConvMode=True).correctedExposure
    noise = inner(result.image.array / np.sqrt(result.variance.array), 60)
    # The noise of a detection image is correlated over some ten pixels: five sampling errors.
    assert np.mean(noise**2) == pytest.approx(1, abs=5 * np.sqrt(2 * 10 / noise.size))
    # Its PSF is correlated noise, on scale: F phi_D.
    image = result.getPsf().computeKernelImage(Point2D(100, 300)).array
    assert image.sum() == pytest.approx(1)
    assert np.unravel_index(image.argmax(), image.shape) == (RADIUS, RADIUS)


@pytest.mark.parametrize("varying", [True, False])
def test_resampled_inputs_are_made_white_where_asked(varying: bool) -> None:
    shape = 500, 510
    rng = np.random.default_rng(12)
    kernel = fixed_kernel(gaussian(1.9))
    big = (shape[0] + 2 * RADIUS, shape[1] + 2 * RADIUS)
    # Its plane has the variance of its pixels, 4/9 of what they had before the warp.
    template = warped_noise(big, 2.0 * 9 / 4, rng, bilinear, 1)
    noise = rng.normal(size=shape) - matched(template, kernel)
    exposures = [
        Exposure(image=noise, variance=np.full(shape, v), psf=KernelPsf(PSF))
        for v in (1.0, 2.0, 3.0)
    ]
    config = DecorrelateALKernelSpatialTask.ConfigClass()
    assert config.decorrelateConfig.covariance == "none"
    config.decorrelateConfig.covariance = "auto"
    config.decorrelateMapReduceConfig.mapper.covariance = "auto"
    task = DecorrelateALKernelSpatialTask(config=config)
    result = task.run(*exposures, kernel, spatiallyVarying=varying).correctedExposure
    expected = decorrelate(
        noise, 1.0, 2.0, kernel, spatially_varying=varying, psf=PSF, covariance="auto"
    )
    # A plane has its mean to rounding.
    np.testing.assert_allclose(result.image.array, expected.image, rtol=0, atol=1e-9)
    metadata = task.getFullMetadata()
    step = f"{NAME}:" + ("mapReduce:mapper" if varying else "decorrelate")
    assert metadata[f"{step}.covarianceApplied"] is True is expected.covariance_applied
    found = expected.covariance
    assert metadata[f"{step}.covariancePixels"] == found.n_pixels
    for name, value in (
        ("Power", found.power_at_zero),
        ("PsfScale", found.psf_scale),
        ("PsfScaleError", found.psf_scale_error),
    ):
        assert metadata[f"{step}.covariance{name}"] == pytest.approx(value, rel=1e-9)


def test_single_cells_measure_no_colour() -> None:
    config = DecorrelateALKernelMapper.ConfigClass()
    config.covariance = "measured"
    exposure = Exposure(image=np.ones((60, 60)), variance=np.ones((60, 60)))
    with pytest.raises(ValueError, match="covariance must be 'none' for single cells, got 'meas"):
        DecorrelateALKernelMapper(config).run(
            *[exposure] * 2, exposure.getBBox(), *[exposure] * 2, psfMatchingKernel=np.ones((1, 1))
        )
