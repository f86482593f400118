"""Decorrelation with one filter, as a task."""

from __future__ import annotations

import logging
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from lsst.pex.config import FieldValidationError

import reference
from exposures import XY0, assert_same_psf, snapshot
from one_filter import KERNEL, SHAPE, core, make_exposures, make_task
from whitediff.exposure import Exposure
from whitediff.psf import KernelPsf
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
    # Beyond the frame and in gaps Rubin has zeros and the plain mean.
    inside = finite & reference.away_from_edges(case["difference"], task.metadata["border"])
    np.testing.assert_allclose(result.image.array[inside], expected[inside], rtol=0, atol=tolerance)
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
    assert_same_psf(result.getPsf().images, expected.psf)
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


def test_means_of_masked_pixels_where_there_are_no_others() -> None:
    exposures = make_exposures()
    expected = make_task().run(*make_exposures(), KERNEL).correctedExposure
    exposures[0].mask.array[...] = 1
    result = make_task().run(*exposures, KERNEL).correctedExposure
    assert result.variance is not None and expected.variance is not None
    np.testing.assert_allclose(result.variance.array, expected.variance.array, rtol=0.02)


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
    assert "Diverging correction" not in caplog.text


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
    # Noise that was made without a kernel is not what the kernel makes.
    warnings = [r.message for r in caplog.records if r.levelno > logging.INFO]
    assert warnings and all(message.startswith("Verdict: suspect: ") for message in warnings)


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
