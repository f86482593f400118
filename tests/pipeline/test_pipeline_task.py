"""The task that whitens difference images, on images in memory."""

from __future__ import annotations

import logging
import pickle
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

images: Any = pytest.importorskip("lsst.images", reason="lsst-images is not installed")
base: Any = pytest.importorskip("lsst.pipe.base", reason="lsst.pipe.base is not installed")

from visits import simulation, visit

from whitediff import __version__
from whitediff.io.lsst_exposure import exposure_of
from whitediff.pipeline import (
    WhitenDifferenceConfig,
    WhitenDifferenceConnections,
    WhitenDifferenceError,
    WhitenDifferenceTask,
    decorrelate,
)
from whitediff.tasks import DecorrelateALKernelSpatialTask
from whitediff.whiteness import whiteness


def run(task: WhitenDifferenceTask | None = None, **changes: Any) -> Any:
    made = dict(zip(("science", "template", "difference"), visit(), strict=True)) | changes
    return (task or WhitenDifferenceTask()).run(**made)


def task_with(**fields: Any) -> WhitenDifferenceTask:
    config = WhitenDifferenceConfig()
    config.update(**fields)
    return WhitenDifferenceTask(config=config)


def test_white_with_the_right_variance() -> None:
    made = visit()
    before = made.difference_image_predetection
    white = decorrelate(before, made.visit_image, made.template_detector)
    masked = exposure_of(white).mask.array != 0
    noise = whiteness(white.image.array, white.variance.array, mask=masked)
    # Five sampling errors.
    assert abs(noise.variance - 1) < 5 * noise.variance_error
    assert np.all(np.abs(noise.in_x) < 5 * noise.error_in_x)
    assert np.all(np.abs(noise.in_y) < 5 * noise.error_in_y)
    coloured = whiteness(before.image.array, mask=masked)
    assert coloured.in_x[0] > 10 * coloured.error_in_x[0]


def test_bit_for_bit_what_the_subtask_does() -> None:
    made = visit()
    white = run().white
    config = WhitenDifferenceConfig().decorrelate.value
    task = DecorrelateALKernelSpatialTask(config=config)
    difference = made.difference_image_predetection
    exposures = [exposure_of(image) for image in made]
    expected = task.run(*exposures, difference.kernel).correctedExposure
    np.testing.assert_array_equal(white.image.array, expected.image.array)
    np.testing.assert_array_equal(white.variance.array, expected.variance.array)
    np.testing.assert_array_equal(exposure_of(white).mask.array, expected.mask.array)
    assert white.mask.get("FILTER_EDGE").any()
    x, y = expected.getPsf().positions[0]
    truth = expected.getPsf().images[0]
    found = white.psf.compute_kernel_image(x=x, y=y).array
    # What the image says of its PSF, and single precision.
    atol = (white.metadata["WDPSFERR"] + 1e-6) * truth.max()
    np.testing.assert_allclose(found, truth, atol=atol)


def test_all_else_is_kept_and_no_input_changes() -> None:
    made, before = visit(), visit()
    difference = made.difference_image_predetection
    for image in (difference, before.difference_image_predetection):
        image.metadata["OBSERVER"] = "me"
    white = run(science=made[0], template=made[1], difference=difference).white
    assert type(white) is images.DifferenceImage
    assert white.metadata["OBSERVER"] == "me"
    assert (white.metadata["WDVERSN"], white.metadata["WDCONV"]) == (__version__, "template")
    assert (white.unit, white.bbox, white.band) == (difference.unit, difference.bbox, "r")
    assert white.kernel is difference.kernel
    assert white.obs_info == difference.obs_info
    assert white.sky_projection == difference.sky_projection
    for name in difference.mask.schema.names:
        np.testing.assert_array_equal(white.mask.get(name), difference.mask.get(name))
    for image, same in zip(made, before, strict=True):
        assert image.image == same.image
        assert image.mask == same.mask
        assert image.variance == same.variance
        assert dict(image.metadata) == dict(same.metadata)


def test_what_is_recorded_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "lsst"):
        task = WhitenDifferenceTask()
        white = run(task).white
    (summary,) = (r for r in caplog.records if "Whitened in" in r.getMessage())
    assert summary.name.startswith("lsst.")
    metadata = task.getFullMetadata()
    worker = metadata["whitenDifference:decorrelate:mapReduce:mapper"]
    assert white.metadata["WDCELLS"] == worker["nCells"]
    assert white.metadata["WDSVAR"] == pytest.approx(100.0, rel=0.01)  # of the simulation
    assert metadata["whitenDifference.whitePsfMisfit"] == white.metadata["WDPSFERR"]
    assert "mask plane" not in caplog.text
    own = metadata["whitenDifference"]
    assert (own["verdict"], own["cause"]) == ("white", "")
    assert own["agreement"] == white.metadata["WDAGREE"] < 0.01
    assert "Verdict: white: variance over plane" in caplog.text


def test_a_difference_that_is_not_what_images_and_kernel_make_is_suspect(
    caplog: pytest.LogCaptureFixture,
) -> None:
    difference = visit().difference_image_predetection
    difference.image.array[...] *= -1
    task = WhitenDifferenceTask()
    white = run(task, difference=difference).white
    assert (task.metadata["verdict"], white.metadata["WDVERDCT"]) == ("suspect", "suspect")
    assert "template minus science" in task.metadata["cause"]
    assert "Verdict: suspect" in caplog.text


@pytest.mark.parametrize("covariance", ["none", "auto"])
def test_variances_that_are_not_those_of_the_noise(covariance: str) -> None:
    made = visit()
    for image in made[:2]:
        image.variance.array[...] *= 1.5
    config = WhitenDifferenceConfig()
    config.decorrelate.decorrelateMapReduceConfig.mapper.covariance = covariance
    task = WhitenDifferenceTask(config=config)
    white = run(task, science=made[0], template=made[1]).white
    # Raw pixels have no reason for it, whether it is corrected for or not.
    assert task.metadata["verdict"] == white.metadata["WDVERDCT"] == "suspect"
    assert "science variance is" in task.metadata["cause"]
    assert "variance over plane 0.6" in task.metadata["verdictSummary"]


@pytest.mark.parametrize(
    ("field", "of_image", "of_task", "expected"),
    [
        (None, None, None, ("template", "assumption")),
        (None, None, "Science", ("science", "subtraction")),
        (None, "Science", "Template", ("science", "difference")),
        (True, "Science", "Science", ("template", "configuration")),
    ],
)
def test_which_image_was_convolved(
    field: bool | None, of_image: Any, of_task: Any, expected: tuple[str, str]
) -> None:
    difference, metadata = visit().difference_image_predetection, base.TaskMetadata()
    if of_image is not None:
        difference.metadata["convolvedExposure"] = of_image
    metadata["subtractImages"] = base.TaskMetadata()
    if of_task is not None:
        metadata["subtractImages.convolvedExposure"] = of_task
    task = task_with(templateMatched=field)
    white = run(task, difference=difference, subtractionMetadata=metadata).white
    assert (white.metadata["WDCONV"], task.metadata["templateMatchedFrom"]) == expected
    assert task.metadata["templateMatched"] is (expected[0] == "template")


def test_a_plane_that_no_image_has_is_said(caplog: pytest.LogCaptureFixture) -> None:
    config = WhitenDifferenceConfig()
    config.decorrelate.decorrelateMapReduceConfig.mapper.ignoreMaskPlanes = ["SAT", "SPIKY"]
    run(WhitenDifferenceTask(config=config))
    assert "No image has the mask plane SPIKY" in caplog.text
    assert "plane SAT" not in caplog.text


def test_old_names_of_planes_leave_out_what_has_new_ones() -> None:
    made = visit()
    science = made.visit_image
    science.mask.set("SATURATED", np.indices(science.bbox.shape)[1] < 200)
    science.variance.array[:, :200] = 1e4
    white = run(science=science).white
    # The mean variance is that of the columns beyond the saturated ones.
    assert white.metadata["WDSVAR"] == pytest.approx(100.0, rel=0.02)


def test_a_white_image_is_refused() -> None:
    white = run().white
    with pytest.raises(WhitenDifferenceError, match="must not be white") as caught:
        run(difference=white)
    assert caught.value.metadata == {"version": __version__}
    assert isinstance(caught.value, base.AlgorithmError)


def test_white_noise_is_refused_whatever_metadata_say() -> None:
    white = run().white
    for keyword in [name for name in white.metadata if name.startswith("WD")]:
        del white.metadata[keyword]
    with pytest.raises(WhitenDifferenceError, match="got one whose noise is"):
        run(difference=white)


@pytest.mark.parametrize("how", ["not finite", "no data"])
def test_an_empty_template_is_no_work(how: str) -> None:
    template = visit().template_detector
    if how == "no data":
        template.mask.set("NO_DATA")
    else:
        template.image.array[...] = np.nan
    with pytest.raises(base.NoWorkFound):
        run(template=template)


def test_images_that_cannot_be_used() -> None:
    made = visit()
    made.visit_image.image.array[...] = np.nan
    with pytest.raises(WhitenDifferenceError, match="science must have pixels") as caught:
        run(science=made.visit_image)
    assert caught.value.metadata == {"image": "science"}
    made.template_detector.variance.array[...] = 0.0
    with pytest.raises(WhitenDifferenceError, match="template must have positive variances"):
        run(template=made.template_detector)
    del made.difference_image_predetection.kernel
    with pytest.raises(WhitenDifferenceError, match="must have a matching kernel"):
        run(difference=made.difference_image_predetection)


def test_a_kernel_of_its_own() -> None:
    difference = visit().difference_image_predetection
    theirs = difference.kernel
    del difference.kernel
    assert run(difference=difference, kernel=theirs).white.kernel is theirs
    white = run(difference=difference, kernel=simulation().kernel).white
    np.testing.assert_allclose(
        white.kernel.compute_kernel_image(x=20, y=200).array,
        theirs.compute_kernel_image(x=20, y=200).array,
        rtol=1e-12,  # the same polynomials
    )
    # The same polynomials in another basis: float32 pixels of 20 differ by their last bits.
    np.testing.assert_allclose(white.image.array, run().white.image.array, atol=1e-4)


def test_a_difference_without_a_psf() -> None:
    difference, science = visit().difference_image_predetection, visit().visit_image
    for image in (difference, science):
        image.psf = images.serialization.ArchiveReadError("not here")
    with pytest.raises(
        WhitenDifferenceError, match="must give the PSF of the white image, got NoneType"
    ):
        run(difference=difference, science=science)


def test_a_likelihood_image() -> None:
    task = task_with(preConvMode=True)
    result = run(task)
    assert not hasattr(result, "white")
    assert (result.score.metadata["WDMODE"], result.score.metadata["WDPRECON"]) == ("score", True)
    exposures = [exposure_of(image) for image in visit()]
    kernel = visit().difference_image_predetection.kernel
    worker = DecorrelateALKernelSpatialTask(config=task.config.decorrelate.value)
    expected = worker.run(*exposures, kernel, preConvMode=True).correctedExposure
    np.testing.assert_array_equal(result.score.image.array, expected.image.array)


def test_the_score_of_an_ordinary_difference() -> None:
    config = WhitenDifferenceConfig()
    config.decorrelate.decorrelateMapReduceConfig.mapper.doScore = True
    connections = WhitenDifferenceConnections(config=config)
    assert set(connections.outputs) == {"white", "score"}
    task = WhitenDifferenceTask(config=config)
    result = run(task)
    assert result.white.metadata["WDMODE"] == "difference"
    assert (result.score.metadata["WDMODE"], result.score.metadata["WDPRECON"]) == ("score", False)
    exposures = [exposure_of(image) for image in visit()]
    kernel = visit().difference_image_predetection.kernel
    worker = DecorrelateALKernelSpatialTask(config=config.decorrelate.value)
    expected = worker.run(*exposures, kernel)
    for name, exposure in (
        ("white", expected.correctedExposure), ("score", expected.scoreExposure),
    ):  # fmt: skip
        image = getattr(result, name)
        np.testing.assert_array_equal(image.image.array, exposure.image.array)
        np.testing.assert_array_equal(image.variance.array, exposure.variance.array)


def test_a_score_that_is_not_made_is_missed() -> None:
    config = WhitenDifferenceConfig()
    # For one filter on the whole frame; there are many.
    config.decorrelate.decorrelateConfig.doScore = True
    with pytest.raises(WhitenDifferenceError, match="must give a score image, got none"):
        run(WhitenDifferenceTask(config=config))


@pytest.mark.parametrize(
    ("fields", "inputs", "outputs"),
    [
        ({}, {"science", "template", "difference"}, {"white"}),
        ({"preConvMode": True}, {"science", "template", "difference"}, {"score"}),
        ({"doReadKernel": True}, {"science", "template", "difference", "kernel"}, {"white"}),
        (
            {"doReadMetadata": True},
            {"science", "template", "difference", "subtractionMetadata"},
            {"white"},
        ),
        ({"doWriteCellPsf": True}, {"science", "template", "difference"}, {"white", "psf"}),
    ],
)
def test_connections_follow_the_configuration(
    fields: dict[str, bool], inputs: set[str], outputs: set[str]
) -> None:
    config = WhitenDifferenceConfig()
    config.update(**fields)
    connections = WhitenDifferenceConnections(config=config)
    assert (set(connections.inputs), set(connections.outputs)) == (inputs, outputs)


def test_cores_of_the_quantum_are_threads() -> None:
    put: dict[str, Any] = {}
    context = SimpleNamespace(
        get=lambda refs: dict(zip(("science", "template", "difference"), visit(), strict=True)),
        put=lambda outputs, refs: put.update(vars(outputs)),
        resources=base.ExecutionResources(num_cores=3),
    )
    task = task_with(doWriteCellPsf=True)
    task.runQuantum(context, None, None)
    assert put["white"].metadata["WDTHREAD"] == 3
    assert put["psf"].bounds.bbox.contains(put["white"].bbox)


def test_configuration_and_task_can_be_sent() -> None:
    config = WhitenDifferenceConfig()
    config.decorrelate.decorrelateMapReduceConfig.mapper.completeVarPlanePropagation = True
    copy = WhitenDifferenceConfig()
    copy.loadFromString(config.saveToString())
    assert copy.compare(config)
    task = pickle.loads(pickle.dumps(WhitenDifferenceTask(config=copy)))
    assert task.config.compare(config)
    assert task.decorrelate.mapReduce.mapper.config.completeVarPlanePropagation
