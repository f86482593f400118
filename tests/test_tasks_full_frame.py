"""The equations on the Fourier grid of a whole frame, as methods of a task."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import reference
from one_filter import KERNEL, PSF, SHAPE, make_exposures
from whitediff.tasks import DecorrelateALKernelTask


@pytest.mark.parametrize(
    ("shapes", "expected"),
    [
        ([(7, 8)], (8, 8)),
        ([(100, 51), (21, 20)], (120, 70)),
        ([(21, 20), (5, 61), (100, 50)], (120, 110)),
        ([(64, 64), (1, 1)], (64, 64)),
    ],
)
def test_common_shape(shapes: list[tuple[int, int]], expected: tuple[int, int]) -> None:
    task = DecorrelateALKernelTask()
    assert task.computeCommonShape(*shapes) is None  # type: ignore[func-returns-value]
    assert task.freqSpaceShape == expected


@pytest.mark.parametrize("shapes", [(), ((3, 4), (3, 4, 5))])
def test_common_shape_needs_shapes(shapes: Any) -> None:
    with pytest.raises(ValueError, match="shapes must be one or more"):
        DecorrelateALKernelTask().computeCommonShape(*shapes)


@pytest.mark.parametrize("shape", [(5, 7), (4, 6), (5, 6), (1, 1), (8, 10)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_padding_moves_the_centre_to_the_corner(shape: tuple[int, int], dtype: Any) -> None:
    array = np.random.default_rng(3).normal(size=shape).astype(dtype)
    padded = DecorrelateALKernelTask.padCenterOriginArray(array, (8, 10))
    assert padded.shape == (8, 10) and padded.dtype == dtype
    assert padded[0, 0] == array[shape[0] // 2, shape[1] // 2]
    assert padded[-1, 0] == (array[shape[0] // 2 - 1, shape[1] // 2] if shape[0] > 1 else 0)
    assert np.count_nonzero(padded) == array.size
    back = DecorrelateALKernelTask.padCenterOriginArray(padded, shape, useInverse=True)
    np.testing.assert_array_equal(back, array)
    assert not np.shares_memory(back, padded) and not np.shares_memory(padded, array)


def test_padding_needs_room() -> None:
    pad = DecorrelateALKernelTask.padCenterOriginArray
    with pytest.raises(ValueError, match=r"must fit into shape \(4, 9\), got \(5, 7\)"):
        pad(np.zeros((5, 7)), (4, 9))
    with pytest.raises(ValueError, match=r"must contain shape \(4, 9\), got \(5, 7\)"):
        pad(np.zeros((5, 7)), (4, 9), useInverse=True)
    with pytest.raises(ValueError, match="must fit"):
        pad(np.zeros(5), (4, 9))


def spectral_task(shape: tuple[int, int] = (128, 160)) -> DecorrelateALKernelTask:
    task = DecorrelateALKernelTask()
    task.computeCommonShape(shape)
    return task


@pytest.mark.parametrize("grid", [(128, 160), (127, 161)])
def test_correction_makes_noise_white(grid: tuple[int, int]) -> None:
    task = DecorrelateALKernelTask()
    task.freqSpaceShape = grid
    result = task.computeDiffimCorrection(KERNEL, 1.5, 2.5)
    power = 1.5 * abs(result.cnft) ** 2 + 2.5 * abs(result.crft) ** 2
    np.testing.assert_allclose(power, 1.5 + 2.5 * KERNEL.sum() ** 2, rtol=1e-12)
    assert result.corrft[0, 0] == pytest.approx(1, rel=1e-14)
    np.testing.assert_array_equal(result.cnft, result.corrft)
    assert result.corrft.shape == result.crft.shape == task.freqSpaceShape


@pytest.mark.parametrize("shape", [(21, 21), (20, 21), (20, 18)])
@pytest.mark.parametrize("grid", [(128, 160), (127, 161)])
def test_score_correction(shape: tuple[int, int], grid: tuple[int, int]) -> None:
    task = DecorrelateALKernelTask()
    task.freqSpaceShape = grid
    psf = PSF[: shape[0], : shape[1]] / PSF[: shape[0], : shape[1]].sum()
    result = task.computeScoreCorrection(KERNEL, 1.5, 2.5, psf)
    p = np.fft.fft2(task.padCenterOriginArray(psf, task.freqSpaceShape))
    k = np.fft.fft2(task.padCenterOriginArray(KERNEL, task.freqSpaceShape))
    power = 1.5 * abs(p) ** 2 + 2.5 * abs(k) ** 2
    np.testing.assert_allclose(
        result.corrft * power, (1.5 + 2.5 * KERNEL.sum() ** 2) * abs(p) ** 2, atol=1e-12
    )
    np.testing.assert_allclose(result.cnft, result.corrft * p.conj(), atol=1e-14)
    np.testing.assert_allclose(result.crft, result.corrft * k, atol=1e-14)


@pytest.mark.parametrize("variances", [(-1.0, 1.0), (np.nan, 1.0), (1.0, np.inf), (0.0, 0.0)])
def test_corrections_need_noise(variances: tuple[float, float]) -> None:
    task = spectral_task()
    with pytest.raises(ValueError, match="variances"):
        task.computeDiffimCorrection(KERNEL, *variances)
    with pytest.raises(ValueError, match="variances"):
        task.computeScoreCorrection(KERNEL, *variances, PSF)


def test_variance_of_equal_pixels_is_the_same_either_way() -> None:
    task = spectral_task()
    result = task.computeDiffimCorrection(KERNEL, 1.5, 2.5)
    planes = np.full(SHAPE, 1.5), np.full(SHAPE, 2.5)
    estimate = task.estimateVariancePlane(*planes, result.cnft, result.crft)
    full = task.calculateVariancePlane(*planes, 1.5, 2.5, result.cnft, result.crft)
    np.testing.assert_allclose(estimate, 1.5 + 2.5 * KERNEL.sum() ** 2, rtol=1e-12)
    # The squares of the responses are below 1e-12 twenty pixels away: edges are not seen there.
    np.testing.assert_allclose(full[20:-20, 20:-20], estimate[20:-20, 20:-20], rtol=1e-10)
    assert full[0, 0] < estimate[0, 0]


def test_full_variance_is_a_convolution() -> None:
    task = spectral_task()
    result = task.computeDiffimCorrection(KERNEL, 1.5, 2.5)
    rng = np.random.default_rng(5)
    planes = [rng.uniform(1, 2, SHAPE), rng.uniform(2, 3, SHAPE)]
    planes[0][30, 40], planes[1][50, 60] = np.nan, np.inf
    inputs = [plane.copy() for plane in planes]
    variance = task.calculateVariancePlane(*planes, 1.5, 2.5, result.cnft, result.crft)
    assert np.isnan(variance[30, 40]) and variance[50, 60] == np.inf
    assert np.isfinite(variance).sum() == variance.size - 2
    filled = [np.where(np.isfinite(p), p, v) for p, v in zip(planes, (1.5, 2.5), strict=True)]
    expected = sum(
        reference.filtered(
            plane, np.fft.rfft2(np.fft.ifft2(response).real ** 2), task.freqSpaceShape
        )
        for plane, response in zip(filled, (result.cnft, result.crft), strict=True)
    )
    # float64 transforms, one centred on the middle of the image, one on its corner.
    finite = np.isfinite(variance)
    np.testing.assert_allclose(variance[finite], expected[finite], rtol=1e-12)
    for plane, before in zip(planes, inputs, strict=True):
        np.testing.assert_array_equal(plane, before)


def test_corrected_image_keeps_what_is_not_finite() -> None:
    task = spectral_task()
    result = task.computeDiffimCorrection(KERNEL, 1.0, 1.0)
    image = np.random.default_rng(6).normal(3.0, 1.0, SHAPE).astype(np.float32)
    image[3, 4], image[50, 60], image[51, 60] = np.nan, np.inf, -np.inf
    before = image.copy()
    corrected = task.computeCorrectedImage(result.corrft, image)
    assert corrected.dtype == np.float64
    assert np.isnan(corrected[3, 4])
    assert (corrected[50, 60], corrected[51, 60]) == (np.inf, -np.inf)
    filled = np.where(np.isfinite(image), image, image[np.isfinite(image)].mean(dtype=float))
    expected = task.computeCorrectedImage(result.corrft, filled)
    finite = np.isfinite(image)
    np.testing.assert_allclose(corrected[finite], expected[finite], rtol=0, atol=1e-12)
    np.testing.assert_array_equal(image, before)
    blank = task.computeCorrectedImage(result.corrft, np.full(SHAPE, np.nan))
    assert np.isnan(blank).all()


@pytest.mark.parametrize("spectrum", ["difference", "score"])
def test_corrected_psf_is_that_of_run(spectrum: str) -> None:
    task = spectral_task((256, 256))
    exposures = make_exposures()
    psf = PSF / PSF.sum()
    result = task.run(*exposures, KERNEL, svar=1.5, tvar=2.5, preConvMode=spectrum == "score")
    if spectrum == "score":
        corrft = task.computeScoreCorrection(KERNEL, 1.5, 2.5, psf).corrft
        autocorrelation = np.fft.ifft2(abs(np.fft.fft2(psf, (256, 256))) ** 2).real
        old = task.padCenterOriginArray(autocorrelation, psf.shape, useInverse=True)
    else:
        corrft = task.computeDiffimCorrection(KERNEL, 1.5, 2.5).corrft
        old = psf
    expected = task.computeCorrectedDiffimPsf(corrft, old)
    assert expected.shape == psf.shape and expected.sum() == pytest.approx(1)
    image = result.correctedExposure.getPsf().computeKernelImage().array
    # The core cuts filters off at 1e-5 of the noise (score: 2e-4), and score PSFs are cut before
    # the filter here, and after it there.
    tolerance = 2e-3 if spectrum == "score" else 1e-5
    np.testing.assert_allclose(image, expected, rtol=0, atol=tolerance * expected.max())


@pytest.mark.parametrize("shape", [(128, 160), (127, 161), (1, 8), (8, 1)])
def test_spectra_hold_all_modes(shape: tuple[int, int]) -> None:
    task = DecorrelateALKernelTask()
    task.freqSpaceShape = shape
    kernel = np.array([[0.2, 0.5, 0.3]]) if shape[1] > 1 else np.array([[0.2], [0.5], [0.3]])
    result = task.computeDiffimCorrection(kernel, 1.5, 2.5)
    k = np.fft.fft2(task.padCenterOriginArray(kernel, shape))
    psi = np.sqrt(4.0 / (1.5 + 2.5 * abs(k) ** 2))
    for spectrum, expected in ((result.corrft, psi), (result.cnft, psi), (result.crft, psi * k)):
        # Rounding only.
        np.testing.assert_allclose(spectrum, expected, rtol=0, atol=1e-14)
    assert (result.corrft.dtype, result.cnft.dtype) == (np.float64, np.complex128)


def test_arrays_must_fit_the_grid() -> None:
    task = spectral_task((20, 30))
    result = task.computeDiffimCorrection(np.ones((3, 3)), 1.0, 1.0)
    with pytest.raises(
        ValueError, match=r"kernel must be no larger than the grid, \(20, 30\), got"
    ):
        task.computeDiffimCorrection(np.ones((21, 3)), 1.0, 1.0)
    message = r"image must be no larger than the grid of the filter, \(20, 30\), got \(20, 31\)"
    with pytest.raises(ValueError, match=message):
        task.computeCorrectedImage(result.corrft, np.ones((20, 31)))
    with pytest.raises(ValueError, match="variances must give finite noise at all k"):
        task.computeDiffimCorrection(np.zeros((3, 3)), 0.0, 1.0)
