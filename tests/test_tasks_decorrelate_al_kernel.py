"""Decorrelation with one filter, as a task."""

from __future__ import annotations

import logging
import pickle
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from lsst.pex.config import FieldValidationError
from numpy.typing import NDArray

import foreign
import reference
import whitediff
from white_noise import gaussian, linear_kernel
from whitediff.exposure import Exposure
from whitediff.kernel import Kernel, fixed_kernel
from whitediff.psf import CellPsf, KernelPsf
from whitediff.tasks import DecorrelateALKernelConfig, DecorrelateALKernelTask, Task

CASES = (
    "nonfinite_full",
    "science_matched_full",
    "template_matched_estimate",
    "template_matched_full",
    "score_estimate",
    "score_full",
)
RUBIN_PADDING = 24
SHAPE = (111, 134)
XY0 = (-30, 205)
# Not symmetric, so that a kernel that is turned round gives another answer.
KERNEL = np.pad(gaussian(1.4, 6), ((0, 2), (0, 2))) + 0.3 * np.pad(
    gaussian(1.0, 6), ((2, 0), (1, 1))
)
PSF = 0.8 * gaussian(1.5, 10) + 0.2 * np.roll(gaussian(2.0, 10), (1, -2), (0, 1))


def make_task(**values: Any) -> DecorrelateALKernelTask:
    config = DecorrelateALKernelConfig()
    config.update(**values)
    return DecorrelateALKernelTask(config=config)


def make_exposure(seed: int, shape: tuple[int, int] = SHAPE, **values: Any) -> Exposure:
    rng = np.random.default_rng(seed)
    options: dict[str, Any] = {
        "image": rng.normal(0.0, 1.0, shape),
        "mask": (rng.random(shape) < 0.03).astype(np.int32) << rng.integers(0, 9, shape),
        "variance": rng.uniform(0.8, 1.2, shape) * (1 + seed % 3),
        "psf": KernelPsf(PSF),
        "xy0": XY0,
        "metadata": fits.Header({"EXPTIME": 30.0}),
    }
    return Exposure(**{**options, **values})


def make_exposures(**values: Any) -> tuple[Exposure, Exposure, Exposure]:
    """Science, template, difference."""
    return make_exposure(1, **values), make_exposure(2, **values), make_exposure(3, **values)


def snapshot(exposure: Any) -> list[Any]:
    planes = (exposure.image, exposure.mask, exposure.variance)
    return [plane.array.tobytes() for plane in planes] + [exposure.getPsf(), exposure.getBBox()]


def core(exposures: Any, kernel: Any = KERNEL, **options: Any) -> whitediff.Whitened:
    """The same through the core, with all of Rubin's ignored planes: all but SUSPECT."""
    science, template, difference = exposures
    defaults = dict(
        spatially_varying=False,
        mask=difference.mask.array,
        science_mask=science.mask.array,
        template_mask=template.mask.array,
        ignore_mask=0b101111111,
        psf=PSF,
        xy0=XY0,
    )
    return whitediff.decorrelate(
        difference.image.array,
        science.variance.array,
        template.variance.array,
        kernel,
        **{**defaults, **options},
    )


# --- Configuration ------------------------------------------------------------------------


def test_default_configuration() -> None:
    config = DecorrelateALKernelConfig()
    assert list(config.ignoreMaskPlanes) == [
        "BAD", "SAT", "INTRP", "CR", "EDGE", "DETECTED", "DETECTED_NEGATIVE", "NO_DATA",
    ]  # fmt: skip
    assert config.completeVarPlanePropagation is False
    assert config.nThreads == 0
    assert DecorrelateALKernelTask._DefaultName == "ip_diffim_decorrelateALKernel"


def test_number_of_threads_is_not_negative() -> None:
    with pytest.raises(FieldValidationError, match="nThreads"):
        make_task(nThreads=-1)


# --- Rubin's answers ----------------------------------------------------------------------


@pytest.fixture
def case(request: pytest.FixtureRequest, data_path: Callable[[str], Path]) -> Any:
    return np.load(data_path(f"parity/{request.param}.npz"))


def case_exposures(case: Any) -> tuple[Exposure, Exposure, Exposure]:
    """The exposures of a parity case.

    The difference has no mask: Rubin fills gaps with the mean of all other pixels, and we leave
    out the masked ones.
    """
    science_psf, template_psf = (KernelPsf(case[f"{name}_psf"]) for name in ("science", "template"))
    blank = np.zeros(case["difference"].shape)
    return (
        Exposure(
            image=blank, variance=case["science_variance"], mask=case["mask"], psf=science_psf
        ),
        Exposure(image=blank, variance=case["template_variance"], psf=template_psf),
        Exposure(
            image=case["difference"],
            variance=case["science_variance"],
            psf=science_psf if case["template_matched"] else template_psf,
        ),
    )


@pytest.mark.parametrize("case", CASES, indirect=True)
def test_run_gives_the_answers_of_rubin(case: Any) -> None:
    task = make_task(completeVarPlanePropagation=bool(case["full_variance"]))
    result = task.run(
        *case_exposures(case),
        case["kernel"],
        templateMatched=bool(case["template_matched"]),
        preConvMode=bool(case["score"]),
    ).correctedExposure
    expected = case["corrected_image"]
    finite = np.isfinite(expected)
    np.testing.assert_array_equal(np.isfinite(result.image.array), finite)
    # Whitening filters are cut off at 1e-5 of the noise; Rubin's score filter wraps around its
    # frame, padded by 24 pixels, by 1.3e-3 of the largest value.
    scale = abs(expected[finite]).max()
    tolerance = (3e-3 if case["score"] else 1e-5) * scale
    np.testing.assert_allclose(result.image.array[finite], expected[finite], rtol=0, atol=tolerance)
    # Rubin's variance planes are float32, and its kernels are cut to their box.
    expected = case["corrected_variance"]
    finite = np.isfinite(expected)
    np.testing.assert_array_equal(np.isfinite(result.variance.array), finite)
    np.testing.assert_allclose(
        result.variance.array[finite], expected[finite], rtol=3e-3 if case["score"] else 1e-4
    )
    assert task.metadata["scienceVariance"] == pytest.approx(case["mean_science_variance"])
    assert task.metadata["templateVariance"] == pytest.approx(case["mean_template_variance"])


@pytest.mark.parametrize("case", CASES, indirect=True)
def test_methods_give_the_answers_of_rubin(case: Any) -> None:
    """Rubin's own sequence of calls."""
    task = DecorrelateALKernelTask()
    shape = reference.padded_shape(case["difference"].shape, RUBIN_PADDING)
    task.computeCommonShape(shape)
    science, template, _ = case_exposures(case)
    variances = [task.computeVarianceMean(exposure) for exposure in (science, template)]
    planes = [case["science_variance"], case["template_variance"]]
    if not case["template_matched"]:
        variances, planes = variances[::-1], planes[::-1]
    kernel = case["kernel"]
    if case["score"]:
        psf = case["science_psf"] / case["science_psf"].sum()
        correction = task.computeScoreCorrection(kernel, *variances, psf)
    else:
        correction = task.computeDiffimCorrection(kernel, *variances)
    image = task.computeCorrectedImage(correction.corrft, case["difference"])
    # The same equations in the same precision: rounding alone, lifted where score power is dead.
    expected = case["corrected_image"]
    scale = abs(expected[np.isfinite(expected)]).max()
    np.testing.assert_allclose(image, expected, rtol=0, atol=1e-9 * scale)
    if case["full_variance"]:
        variance = task.calculateVariancePlane(
            *planes, *variances, correction.cnft, correction.crft
        )
    else:
        variance = task.estimateVariancePlane(*planes, correction.cnft, correction.crft)
    if not case["template_matched"]:
        variance = variance / kernel.sum() ** 2
    # Rubin stores the plane in float32, and convolves in it.
    np.testing.assert_allclose(variance, case["corrected_variance"], rtol=1e-5)


# --- The methods --------------------------------------------------------------------------


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


def test_correction_makes_noise_white() -> None:
    task = spectral_task()
    result = task.computeDiffimCorrection(KERNEL, 1.5, 2.5)
    power = 1.5 * abs(result.cnft) ** 2 + 2.5 * abs(result.crft) ** 2
    np.testing.assert_allclose(power, 1.5 + 2.5 * KERNEL.sum() ** 2, rtol=1e-12)
    assert result.corrft[0, 0] == pytest.approx(1, rel=1e-14)
    np.testing.assert_array_equal(result.cnft, result.corrft)
    assert result.corrft.shape == result.crft.shape == task.freqSpaceShape


def test_score_correction() -> None:
    task = spectral_task()
    psf = PSF / PSF.sum()
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


# --- Statistics ---------------------------------------------------------------------------


def test_mean_variance_leaves_masked_pixels_out() -> None:
    exposure = make_exposure(1)
    assert exposure.variance is not None
    exposure.variance.array[5:15, 5:15] = 100.0
    exposure.mask.array[5:15, 5:15] = exposure.mask.getPlaneBitMask("SAT")
    expected = whitediff.clipped_mean(
        exposure.variance.array, mask=exposure.mask.array, ignore_mask=0b101111111
    )
    assert make_task().computeVarianceMean(exposure) == expected
    assert expected == pytest.approx(2.0, rel=0.01)
    exposure.mask.array[...] = exposure.mask.getPlaneBitMask("BAD")
    assert np.isnan(make_task().computeVarianceMean(exposure))
    clean = make_task(ignoreMaskPlanes=["SUSPECT"]).computeVarianceMean(exposure)
    assert clean == whitediff.clipped_mean(exposure.variance.array)


def test_mean_variance_needs_a_variance() -> None:
    with pytest.raises(ValueError, match="must have a variance plane"):
        make_task().computeVarianceMean(make_exposure(1, variance=None))


def test_planes_that_a_mask_does_not_know_are_not_set_in_it() -> None:
    task = make_task(ignoreMaskPlanes=["BAD", "STREAK"])
    assert task.computeVarianceMean(make_exposure(1)) > 0


# --- Runs ---------------------------------------------------------------------------------


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("template_matched", [False, True])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_run_is_what_the_core_does(full: bool, template_matched: bool, dtype: Any) -> None:
    exposures = make_exposures()
    exposures = tuple(  # type: ignore[assignment]
        Exposure(
            image=e.image.array.astype(dtype), mask=e.mask, variance=e.variance, psf=e.psf, xy0=XY0
        )
        for e in exposures
    )
    before = [snapshot(exposure) for exposure in exposures]
    task = make_task(completeVarPlanePropagation=full)
    result = task.run(*exposures, KERNEL, templateMatched=template_matched).correctedExposure
    expected = core(
        exposures,
        convolved="template" if template_matched else "science",
        variance="full" if full else "estimate",
    )
    assert result.image.dtype == dtype
    np.testing.assert_array_equal(result.image.array, expected.image)
    np.testing.assert_array_equal(result.variance.array, expected.variance)
    assert expected.psf is not None
    np.testing.assert_array_equal(result.getPsf().images, expected.psf)
    assert [snapshot(exposure) for exposure in exposures] == before


def test_the_rest_is_that_of_the_difference() -> None:
    science, template, difference = make_exposures()
    difference.mask.addMaskPlane("SPIKE")
    result = make_task().run(science, template, difference, KERNEL).correctedExposure
    assert type(result) is Exposure
    assert result.getBBox() == difference.getBBox()
    assert result.getWcs() is difference.getWcs()
    assert result.metadata == difference.metadata and result.metadata is not difference.metadata
    assert result.mask.getMaskPlaneDict() == difference.mask.getMaskPlaneDict()
    np.testing.assert_array_equal(result.mask.array, difference.mask.array)
    for ours, theirs in zip(
        (result.image, result.mask, result.variance),
        (difference.image, difference.mask, difference.variance),
        strict=True,
    ):
        assert theirs is not None and not np.shares_memory(ours.array, theirs.array)


def test_a_difference_needs_no_variance() -> None:
    science, template, difference = make_exposures()
    bare = make_exposure(3, variance=None)
    task = make_task()
    result = task.run(science, template, bare, KERNEL).correctedExposure
    expected = task.run(science, template, difference, KERNEL).correctedExposure
    np.testing.assert_array_equal(result.variance.array, expected.variance.array)
    task.run(science, template, bare, KERNEL)
    assert np.isnan(task.metadata["differenceVariance"])


@pytest.mark.parametrize("which", [0, 1])
def test_inputs_need_a_variance(which: int) -> None:
    exposures = list(make_exposures())
    exposures[which] = make_exposure(which, variance=None)
    name = ("scienceExposure", "templateExposure")[which]
    with pytest.raises(ValueError, match=f"{name} must have a variance plane"):
        make_task().run(*exposures, KERNEL)


def test_larger_inputs_are_cut() -> None:
    large = [make_exposure(seed, (151, 170), xy0=(XY0[0] - 20, XY0[1] - 9)) for seed in (1, 2)]
    difference = make_exposure(3)
    result = make_task().run(*large, difference, KERNEL).correctedExposure
    cut = [exposure[difference.getBBox()] for exposure in large]
    expected = make_task().run(*cut, difference, KERNEL).correctedExposure
    np.testing.assert_array_equal(result.image.array, expected.image.array)
    np.testing.assert_array_equal(result.variance.array, expected.variance.array)


def test_inputs_contain_the_difference() -> None:
    science, template, difference = make_exposures()
    shifted = make_exposure(2, xy0=(0, 0))
    with pytest.raises(ValueError, match="templateExposure must contain the box of the difference"):
        make_task().run(science, shifted, difference, KERNEL)


@pytest.mark.parametrize(
    ("positions", "at"),
    [
        ({}, (36.5, 260.0)),
        ({"xcen": 10.0}, (10.0, 260.0)),
        ({"xcen": 3.0, "ycen": 7.0}, (3.0, 7.0)),
    ],
)
def test_kernel_and_psf_are_taken_at_a_position(
    positions: dict[str, float], at: tuple[float, float], caplog: pytest.LogCaptureFixture
) -> None:
    exposures = make_exposures()
    kernel = linear_kernel((300, 300))
    psf = CellPsf([PSF, gaussian(2.5, 10)], [[-99, -99, 5, 999], [5, -99, 99, 999]])
    exposures[2].setPsf(psf)
    task = make_task()
    with caplog.at_level(logging.INFO):
        result = task.run(*exposures, kernel, **positions).correctedExposure
    x, y = (np.array([value]) for value in at)
    expected = core(exposures, kernel.evaluate(x, y)[0], psf=psf.images[0 if at[0] < 5 else 1])
    np.testing.assert_array_equal(result.image.array, expected.image)
    np.testing.assert_array_equal(result.getPsf().images, expected.psf)
    assert f"computed at ({at[0]:.0f}, {at[1]:.0f})" in caplog.text or at[0] == 36.5


@pytest.mark.parametrize("given", [("svar", "tvar"), ("svar",), ("tvar",)])
def test_mean_variances_can_be_given(given: tuple[str, ...]) -> None:
    exposures = make_exposures()
    values = {"svar": 3.0, "tvar": 0.2}
    result = make_task().run(*exposures, KERNEL, **{name: values[name] for name in given})
    means = tuple(values[name] if name in given else None for name in ("svar", "tvar"))
    expected = core(exposures, mean_variances=means)
    np.testing.assert_array_equal(result.correctedExposure.image.array, expected.image)
    np.testing.assert_array_equal(result.correctedExposure.variance.array, expected.variance)
    default = make_task().run(*exposures, KERNEL).correctedExposure
    assert abs(default.image.array - expected.image).max() > 0.01


def test_psf_of_the_unconvolved_input_stands_in() -> None:
    science, template, difference = make_exposures()
    template.setPsf(KernelPsf(gaussian(2.5, 10)))
    difference.setPsf(None)
    for matched, psf in ((True, PSF), (False, gaussian(2.5, 10))):
        result = make_task().run(science, template, difference, KERNEL, templateMatched=matched)
        expected = core(
            (science, template, difference),
            convolved="template" if matched else "science",
            psf=psf,
        )
        np.testing.assert_array_equal(result.correctedExposure.getPsf().images, expected.psf)


def test_without_any_psf() -> None:
    exposures = make_exposures(psf=None)
    assert make_task().run(*exposures, KERNEL).correctedExposure.getPsf() is None


def test_the_psf_is_made_when_it_is_asked_for() -> None:
    exposures = make_exposures()
    psf = foreign.PatchyPsf((PSF, gaussian(2.5, 10)))
    exposures[2].setPsf(psf)
    result = make_task().run(*exposures, fixed_kernel(KERNEL)).correctedExposure
    whole = result.getPsf()
    assert isinstance(whole, CellPsf)
    assert "_images" not in vars(whole)
    assert whole.getComponentCount() == 1
    assert "_images" in vars(whole)
    np.testing.assert_array_equal(whole.boxes, [[-30, 205, 104, 316]])
    np.testing.assert_array_equal(whole.positions, [[36.5, 260.0]])
    with pytest.raises(ValueError, match="read-only"):
        whole.images[0] = 0
    for duplicate in (pickle.loads(pickle.dumps(whole)), result.clone().getPsf()):
        np.testing.assert_array_equal(duplicate.images, whole.images)
        np.testing.assert_array_equal(duplicate.boxes, whole.boxes)


# --- Likelihood images --------------------------------------------------------------------


def score_of(exposures: Any, **options: Any) -> whitediff.Whitened:
    return core(exposures, mode="score", **options)


def test_default_pre_kernel_is_the_average_psf_of_the_science_image() -> None:
    science, template, difference = make_exposures()
    science.setPsf(
        CellPsf([PSF, gaussian(2.5, 10)], [[-99, -99, 5, 999], [5, -99, 99, 999]], [[0, 0], [1, 1]])
    )
    result = make_task().run(science, template, difference, KERNEL, preConvMode=True)
    # The average position is in the first cell, the middle of the frame in the second.
    expected = score_of((science, template, difference), psf=gaussian(2.5, 10), pre_kernel=PSF)
    np.testing.assert_array_equal(result.correctedExposure.image.array, expected.image)
    np.testing.assert_array_equal(result.correctedExposure.variance.array, expected.variance)
    np.testing.assert_array_equal(result.correctedExposure.getPsf().images, expected.psf)


@pytest.mark.parametrize(
    "pre_kernel",
    [PSF, fixed_kernel(PSF), KernelPsf(PSF), foreign.CorrelationKernel(3 * PSF)],
    ids=lambda value: type(value).__name__,
)
@pytest.mark.parametrize("with_psf", [True, False])
def test_given_pre_kernel(pre_kernel: Any, with_psf: bool) -> None:
    exposures = make_exposures()
    psf = gaussian(2.0, 10)
    exposures[0].setPsf(KernelPsf(psf) if with_psf else None)
    result = make_task().run(*exposures, KERNEL, preConvKernel=pre_kernel, preConvMode=True)
    expected = score_of(exposures, psf=psf if with_psf else None, pre_kernel=PSF)
    # The PSF is scaled to a sum of one on different ways.
    np.testing.assert_allclose(
        result.correctedExposure.image.array, expected.image, rtol=0, atol=1e-9
    )
    np.testing.assert_allclose(
        result.correctedExposure.getPsf().images, expected.psf, rtol=0, atol=1e-12
    )


def test_a_correlation_kernel_off_its_centre_is_turned_about_it() -> None:
    image = np.zeros((4, 6))
    image[1, 2], image[1, 3], image[3, 5] = 1.0, 0.5, 0.25
    from whitediff.adapters import as_pre_kernel

    kernel: Kernel = as_pre_kernel(foreign.CorrelationKernel(image))
    assert kernel.center == (1, 2)
    np.testing.assert_array_equal(kernel.evaluate(np.zeros(1), np.zeros(1))[0], image / image.sum())


def test_likelihood_images_need_a_psf() -> None:
    exposures = make_exposures(psf=None)
    with pytest.raises(ValueError, match="preConvKernel or a PSF of the science exposure"):
        make_task().run(*exposures, KERNEL, preConvMode=True)


@pytest.mark.parametrize(
    "options",
    [
        {"preConvKernel": PSF},
        {"preConvKernel": PSF, "templateMatched": False},
        {"preConvKernel": PSF, "templateMatched": False, "preConvMode": True},
        {"templateMatched": False, "preConvMode": True},
    ],
)
def test_pre_kernels_are_for_likelihood_images(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="must come with"):
        make_task().run(*make_exposures(), KERNEL, **options)


# --- Warnings, log and metadata -----------------------------------------------------------


@pytest.mark.parametrize("which", [0, 1])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_nan_inputs_are_passed_through(
    which: int, value: float, caplog: pytest.LogCaptureFixture
) -> None:
    exposures = make_exposures()
    exposures[which].image.array[...] = value
    result = make_task().run(*exposures, KERNEL).correctedExposure
    assert snapshot(result) == snapshot(exposures[2])
    assert result is not exposures[2]
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "entirely NaNs: skipping decorrelation" in caplog.text


def test_a_nan_difference_stays_one(caplog: pytest.LogCaptureFixture) -> None:
    exposures = make_exposures()
    exposures[2].image.array[...] = np.nan
    result = make_task().run(*exposures, KERNEL).correctedExposure
    assert np.isnan(result.image.array).all()
    assert np.isfinite(result.variance.array).all()
    assert not caplog.records


def test_no_usable_variance() -> None:
    exposures = make_exposures()
    exposures[0].mask.array[...] = 1
    with pytest.raises(ValueError, match="finite, unmasked pixels"):
        make_task().run(*exposures, KERNEL)


@pytest.mark.parametrize("matched", [False, True])
def test_warns_of_a_diverging_correction(matched: bool, caplog: pytest.LogCaptureFixture) -> None:
    exposures = make_exposures()
    science, template = (e.variance for e in exposures[:2])
    assert science is not None and template is not None
    (template if matched else science).array *= 1e9
    task = make_task()
    task.run(*exposures, KERNEL, templateMatched=matched)
    assert "Diverging correction" in caplog.text
    caplog.clear()
    task.run(*exposures, KERNEL, templateMatched=not matched)
    assert not caplog.records


def test_log(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        make_task(completeVarPlanePropagation=True).run(*make_exposures(), KERNEL)
    info = [record.message for record in caplog.records if record.levelno == logging.INFO]
    assert info[:2] == [
        "Using matching kernel computed at (36, 260)",
        "Decorrelation after template image convolution",
    ]
    assert [message.partition(":")[0] for message in info[2:]] == [
        "Variance (science, template)",
        "Variance (uncorrected diffim)",
        "Variance (corrected diffim)",
    ]
    assert "full variance plane calculation" in caplog.text
    assert max(record.levelno for record in caplog.records) == logging.INFO


def test_metadata_tell_the_story_of_a_run() -> None:
    exposures = make_exposures()
    exposures[2].image.array[...] *= 2
    task = make_task(nThreads=1)
    result = task.run(*exposures, KERNEL).correctedExposure
    expected = core(exposures)
    metadata = task.metadata
    for i, name in enumerate(("scienceVariance", "templateVariance")):
        assert metadata[name] == expected.cells.variances[0, i]
    # From all rows, as there are few.
    assert metadata["differenceVariance"] == task.computeVarianceMean(exposures[2])
    assert metadata["correctedVariance"] == task.computeVarianceMean(result)
    assert metadata["nCells"] == len(expected.cells)
    assert metadata["nFilters"] == 1
    assert (metadata["cellSizeX"], metadata["cellSizeY"]) == SHAPE[::-1]
    assert metadata["border"] == expected.border
    assert metadata["truncation"] == expected.truncation
    assert metadata["nThreads"] == 1
    assert metadata["clippedModes"] == expected.clipped_modes
    for stage in ("run", "whiten", "makeExposure", "statistics"):
        assert metadata[f"{stage}EndCpuTime"] >= metadata[f"{stage}StartCpuTime"]
    assert all(metadata[f"{stage}Seconds"] >= 0 for stage in ("plan", "statistics", "filter"))
    full = task.getFullMetadata()
    assert full["ip_diffim_decorrelateALKernel.nCells"] == len(expected.cells)
    assert type(full).model_validate_json(full.model_dump_json()) == full


def test_mean_variances_of_large_frames_are_sampled() -> None:
    shape = (640, 33)
    exposures = make_exposures(shape=shape)
    task = make_task()
    task.run(*exposures, gaussian(1.2, 5))
    difference = exposures[2].variance
    assert difference is not None
    expected = whitediff.clipped_mean(
        difference.array[::10], mask=exposures[2].mask.array[::10], ignore_mask=0b101111111
    )
    assert task.metadata["differenceVariance"] == expected


@pytest.mark.parametrize("n_threads", [1, 2])
def test_threads_do_not_change_the_result(n_threads: int) -> None:
    exposures = make_exposures()
    task = make_task(nThreads=n_threads)
    result = task.run(*exposures, KERNEL).correctedExposure
    assert task.metadata["nThreads"] == n_threads
    np.testing.assert_array_equal(result.image.array, core(exposures).image)


def test_progress() -> None:
    calls: list[tuple[int, int]] = []
    make_task().run(*make_exposures(), KERNEL, progress=lambda *call: calls.append(call))
    assert calls and calls[-1][0] == calls[-1][1]

    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        make_task().run(*make_exposures(), KERNEL, progress=stop)


def test_other_arguments_are_not_used() -> None:
    exposures = make_exposures()
    result = make_task().run(*exposures, KERNEL, background=7).correctedExposure
    np.testing.assert_array_equal(result.image.array, core(exposures).image)


def test_pickling() -> None:
    task = make_task(nThreads=1, completeVarPlanePropagation=True)
    copy = pickle.loads(pickle.dumps(task))
    assert type(copy) is DecorrelateALKernelTask
    assert copy.config.toDict() == task.config.toDict()
    exposures = make_exposures()
    results = [t.run(*exposures, KERNEL).correctedExposure for t in (task, copy)]
    np.testing.assert_array_equal(results[0].variance.array, results[1].variance.array)


def test_as_a_subtask() -> None:
    class ParentConfig(DecorrelateALKernelConfig):
        decorrelate = DecorrelateALKernelTask.makeField("White noise.")

    class Parent(Task):
        ConfigClass = ParentConfig
        _DefaultName = "parent"

    parent: Any = Parent()
    parent.makeSubtask("decorrelate")
    parent.decorrelate.run(*make_exposures(), KERNEL)
    assert parent.getFullMetadata()["parent:decorrelate.nFilters"] == 1


# --- Exposures, kernels and PSFs of others ------------------------------------------------


def as_foreign(exposures: Any, kind: type[Any] = foreign.Exposure) -> list[Any]:
    return [kind(exposure) for exposure in exposures]


def test_foreign_exposures() -> None:
    exposures = make_exposures()
    strangers = as_foreign(exposures)
    before = [snapshot(exposure) for exposure in strangers]
    result = make_task().run(*strangers, KERNEL).correctedExposure
    assert type(result) is foreign.Exposure
    # DETECTED, BAD and SAT are the first three bits.
    expected = core(exposures, ignore_mask=0b111)
    np.testing.assert_array_equal(result.image.array, expected.image)
    np.testing.assert_array_equal(result.variance.array, expected.variance)
    np.testing.assert_array_equal(result.mask.array, exposures[2].mask.array)
    np.testing.assert_array_equal(result.getPsf().images, expected.psf)
    assert [snapshot(exposure) for exposure in strangers] == before


def test_larger_foreign_exposures_are_cut() -> None:
    large = as_foreign(make_exposure(s, (151, 170), xy0=(XY0[0] - 20, XY0[1] - 9)) for s in (1, 2))
    difference = foreign.Exposure(make_exposure(3))
    result = make_task().run(*large, difference, KERNEL).correctedExposure
    cut = [foreign.Exposure(exposure, difference.getBBox()) for exposure in large]
    expected = make_task().run(*cut, difference, KERNEL).correctedExposure
    np.testing.assert_array_equal(result.variance.array, expected.variance.array)


def test_masks_with_planes_of_their_own() -> None:
    """Ignored planes are found by name in each mask."""
    science, template, difference = make_exposures()
    moved = np.where(template.mask.array & 1, 1 << 20, 0).astype(np.int32)
    template.mask.array[...] &= 1
    other = make_exposure(2)
    from whitediff.exposure import Mask

    other = Exposure(
        image=template.image, variance=template.variance, psf=template.psf, xy0=XY0,
        mask=Mask(moved, xy0=XY0, planes={"BAD": 20}),
    )  # fmt: skip
    results = [
        make_task().run(science, exposure, difference, KERNEL).correctedExposure
        for exposure in (template, other)
    ]
    np.testing.assert_array_equal(results[0].image.array, results[1].image.array)
    np.testing.assert_array_equal(results[0].variance.array, results[1].variance.array)


def test_correlation_kernels_are_turned_round() -> None:
    exposures = make_exposures()
    result = make_task().run(*exposures, foreign.CorrelationKernel(KERNEL)).correctedExposure
    expected = core(exposures, KERNEL[::-1, ::-1])
    # A whitening filter is symmetric: only rounding tells a kernel from a turned one.
    np.testing.assert_allclose(result.image.array, expected.image, rtol=0, atol=1e-12)
    task = make_task(completeVarPlanePropagation=True)
    result = task.run(*exposures, foreign.CorrelationKernel(KERNEL)).correctedExposure
    expected = core(exposures, KERNEL[::-1, ::-1], variance="full")
    np.testing.assert_allclose(result.variance.array, expected.variance, rtol=1e-12)
    other = core(exposures, KERNEL, variance="full")
    assert abs(result.variance.array / other.variance - 1).max() > 1e-3


@pytest.mark.parametrize("kernel", [None, "kernel", np.zeros(5), 1j * KERNEL])
def test_what_is_no_kernel(kernel: Any) -> None:
    with pytest.raises((TypeError, ValueError), match="kernel must"):
        make_task().run(*make_exposures(), kernel)


def test_a_psf_that_fails_at_a_position_stands_in_with_its_average() -> None:
    exposures = make_exposures()
    psf = foreign.PatchyPsf((PSF, gaussian(2.5, 10)), x_max=20.0, middle=foreign.Point(10.0, 210.0))
    exposures[2].setPsf(psf)
    result = make_task().run(*exposures, KERNEL, xcen=50.0).correctedExposure
    expected = core(exposures, psf=psf.computeKernelImage(foreign.Point(10.0, 210.0)).array)
    np.testing.assert_array_equal(result.getPsf().images, expected.psf)


def test_exposure_that_cannot_hold_the_psf(caplog: pytest.LogCaptureFixture) -> None:
    class Narrow(foreign.Exposure):
        def setPsf(self, psf: Any) -> None:
            if psf is not None:
                raise TypeError("not my kind of PSF")
            super().setPsf(psf)

    result = make_task().run(*as_foreign(make_exposures(), Narrow), KERNEL).correctedExposure
    assert result.getPsf() is None
    assert "A Narrow cannot hold the PSF" in caplog.text


class Recorder(SimpleNamespace):
    """An object of which a test sees how it was made."""


@pytest.fixture
def afw(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stands in for the parts of the Rubin stack that make a PSF."""

    class Record(dict[str, Any]):
        def __getattr__(self, name: str) -> Callable[[Any], None]:
            return lambda value: self.__setitem__(name.removeprefix("set"), value)

    class Catalog(list[Record]):
        def __init__(self, schema: Any) -> None:
            self.schema = schema

        def addNew(self) -> Record:
            self.append(Record())
            return self[-1]

    def image(width: int, height: int) -> foreign.Plane:
        return foreign.Plane(np.zeros((height, width)))

    def schema() -> Any:
        return SimpleNamespace(addField=lambda name, type, doc: None)

    contents: dict[str, dict[str, Any]] = {
        "lsst.geom": {"Point2D": foreign.Point},
        "lsst.afw": {},
        "lsst.afw.image": {"ImageD": image},
        "lsst.afw.math": {"FixedKernel": lambda image: image.array},
        "lsst.afw.table": {
            "ExposureTable": SimpleNamespace(makeMinimalSchema=schema),
            "ExposureCatalog": Catalog,
        },
        "lsst.meas": {},
        "lsst.meas.algorithms": {
            "KernelPsf": lambda kernel, position: Recorder(kernel=kernel, position=position),
            "CoaddPsf": lambda catalog, wcs, weight: Recorder(
                catalog=catalog, wcs=wcs, weight=weight
            ),
        },
    }
    for name, attributes in contents.items():
        module = ModuleType(name)
        vars(module).update(attributes)
        monkeypatch.setitem(sys.modules, name, module)


class AfwExposure(foreign.Exposure):
    __module__ = "lsst.afw.image._exposure"


class AfwExposureWithoutWcs(AfwExposure):
    __module__ = "lsst.afw.image._exposure"

    def getWcs(self) -> Any:
        return None


def images_of(catalog: Any) -> NDArray[np.float64]:
    return np.stack([record["Psf"].kernel for record in catalog])


@pytest.mark.usefixtures("afw")
def test_psf_of_an_lsst_exposure() -> None:
    exposures = make_exposures()
    result = make_task().run(*as_foreign(exposures, AfwExposure), KERNEL).correctedExposure
    psf = result.getPsf()
    assert (psf.wcs, psf.weight) == ("a WCS", "weight")
    (record,) = psf.catalog
    assert record["BBox"] == result.getBBox() and record["Wcs"] == "a WCS"
    assert (record["weight"], record["Id"]) == (1.0, 0)
    assert record["Psf"].position == foreign.Point(36.5, 260.0)
    np.testing.assert_array_equal(images_of(psf.catalog), core(exposures, ignore_mask=7).psf)


@pytest.mark.usefixtures("afw")
def test_psf_of_an_lsst_exposure_without_wcs() -> None:
    exposures = make_exposures()
    strangers = as_foreign(exposures, AfwExposureWithoutWcs)
    psf = make_task().run(*strangers, KERNEL).correctedExposure.getPsf()
    assert psf.position == foreign.Point(36.5, 260.0)
    expected = core(exposures, ignore_mask=7).psf
    assert expected is not None
    np.testing.assert_array_equal(psf.kernel, expected[0])
