"""Decorrelation in a grid of cells that is configured by hand."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import whitediff
from exposures import XY0, snapshot
from many_filters import (
    KERNEL,
    MODES,
    CellByCell,
    arguments,
    configure,
    core,
    make_exposure,
    make_exposures,
    map_reduce_task,
    spatial_task,
)
from whitediff.geometry import Point2D
from whitediff.psf import CellPsf
from whitediff.tasks import (
    DecorrelateALKernelMapper,
    DecorrelateALKernelMapReduceConfig,
    DecorrelateALKernelSpatialConfig,
    DecorrelateALKernelSpatialTask,
    ImageMapper,
    ImageMapReduceTask,
    Struct,
)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("operation", ["average", "copy"])
def test_all_cells_at_once_are_the_cells_one_by_one(mode: str, full: bool, operation: str) -> None:
    exposures = make_exposures()
    exposures[2].image.array[20:23, 30:35] = np.nan
    exposures[2].image.array[100, 100] = np.inf
    before = [snapshot(exposure) for exposure in exposures]
    results = []
    for mapper in (DecorrelateALKernelMapper, CellByCell):
        config = DecorrelateALKernelMapReduceConfig()
        config.mapper.retarget(mapper)
        # The filters of likelihood images reach some 60 pixels.
        border = 70 if mode == "score" else 30
        configure(
            config,
            mapper={"completeVarPlanePropagation": full},
            reducer={"reduceOperation": operation},
            borderSizeX=border,
            borderSizeY=border,
        )
        task = ImageMapReduceTask(config=config)
        results.append(task.run(exposures[2], **arguments(exposures, **MODES[mode])).exposure)
        assert task.metadata["wholeGrid"] is (mapper is DecorrelateALKernelMapper)
    whole, cells = results
    # Each is right to the tolerance at which filters are cut off: 1e-5 of the noise; score 5e-5.
    tolerance = 1e-3 if mode == "score" else 1e-4
    scale = np.nanstd(np.where(np.isfinite(whole.image.array), whole.image.array, np.nan))
    np.testing.assert_allclose(whole.image.array, cells.image.array, rtol=0, atol=tolerance * scale)
    np.testing.assert_allclose(whole.variance.array, cells.variance.array, rtol=tolerance)
    np.testing.assert_array_equal(whole.mask.array, cells.mask.array)
    for x, y in ((-20, 210), (60, 300), (150, 400), (7, 233)):
        # The whole knows how cells blend, pixel by pixel: sampled, both have means of them.
        psfs = (
            CellPsf(psf.images, psf.boxes, psf.positions) for psf in (r.getPsf() for r in results)
        )
        images = [psf.computeKernelImage(Point2D(x, y)).array for psf in psfs]
        np.testing.assert_allclose(images[0], images[1], rtol=0, atol=tolerance * images[1].max())
    assert [snapshot(exposure) for exposure in exposures] == before


def test_the_whole_grid_is_what_the_core_does() -> None:
    exposures = make_exposures()
    task = map_reduce_task()
    result = task.run(exposures[2], **arguments(exposures)).exposure
    assert task.boxes0 is not None and task.boxes1 is not None

    def limits(boxes: Sequence[Any]) -> NDArray[np.int_]:
        corners = [(b.getMinX(), b.getMinY(), b.getMaxX() + 1, b.getMaxY() + 1) for b in boxes]
        return np.array(corners) - np.array(XY0 + XY0)

    grid = whitediff.Grid(limits(task.boxes0), expanded=limits(task.boxes1), reduction="average")
    expected = core(exposures, grid=grid)
    np.testing.assert_array_equal(result.image.array, expected.image)
    np.testing.assert_array_equal(result.variance.array, expected.variance)
    np.testing.assert_array_equal(result.getPsf().boxes, limits(task.boxes0) + np.array(XY0 + XY0))


def test_spatial_task_uses_even_boxes() -> None:
    exposures = make_exposures()
    task = spatial_task()
    result = task.run(*exposures, KERNEL).correctedExposure
    by_hand = map_reduce_task()
    expected = by_hand.run(exposures[2], forceEvenSized=True, **arguments(exposures)).exposure
    assert by_hand.boxes0 == task.mapReduce.boxes0
    np.testing.assert_array_equal(result.image.array, expected.image.array)
    # All pixels have a value: the mask is that of the difference.
    np.testing.assert_array_equal(result.mask.array, exposures[2].mask.array)


@pytest.mark.parametrize("mapper", [DecorrelateALKernelMapper, CellByCell])
def test_pixels_in_no_cell(mapper: type[Any]) -> None:
    exposures = make_exposures()
    config = DecorrelateALKernelMapReduceConfig()
    config.mapper.retarget(mapper)
    configure(
        config, cellCentroidsX=[20.0, 60.0], cellCentroidsY=[260.0, 270.0],
        cellSizeX=33, cellSizeY=41,
    )  # fmt: skip
    task = ImageMapReduceTask(config=config)
    result = task.run(exposures[2], **arguments(exposures)).exposure
    assert task.metadata["wholeGrid"] is (mapper is DecorrelateALKernelMapper)
    finite = np.isfinite(result.image.array)
    assert finite.sum() == 2 * 33 * 41
    np.testing.assert_array_equal(finite, np.isfinite(result.variance.array))
    flags = result.mask.getPlaneBitMask(["INVALID_MAPREDUCE", "BAD", "NO_DATA"])
    np.testing.assert_array_equal((result.mask.array & flags)[~finite], flags)
    added = result.mask.array & ~exposures[2].mask.array
    assert not added[finite].any()


def test_mask_of_the_difference_is_carried_over_in_a_grid_with_gaps() -> None:
    exposures = make_exposures()
    task = spatial_task(cellCentroidsX=[20.0], cellCentroidsY=[260.0])
    result = task.run(*exposures, KERNEL).correctedExposure
    kept = result.mask.array & exposures[2].mask.array
    np.testing.assert_array_equal(kept, exposures[2].mask.array)


@pytest.mark.parametrize(
    "settings",
    [{"reducer": {"reduceOperation": "sum"}}, {"returnSubImages": True}],
    ids=["sum", "sub-images"],
)
def test_what_takes_cells_one_by_one(settings: dict[str, Any]) -> None:
    exposures = make_exposures()
    settings = {**settings, "adjustGridOption": "size"}
    task = map_reduce_task(**settings)
    result = task.run(exposures[2], **arguments(exposures)).exposure
    assert task.metadata["wholeGrid"] is False
    whole = map_reduce_task(adjustGridOption="size").run(exposures[2], **arguments(exposures))
    # Without overlap all operations are the same, to the tolerance of the filters.
    np.testing.assert_allclose(result.image.array, whole.exposure.image.array, rtol=0, atol=1e-4)


def test_whole_grid_is_for_average_and_copy() -> None:
    exposures = make_exposures()
    mapper = DecorrelateALKernelMapper()
    box = [exposures[2].getBBox()]
    for operation, done in (("average", True), ("copy", True), ("sum", False), ("none", False)):
        result = mapper.runAll(
            exposures[2], box, box, reduceOperation=operation, **arguments(exposures)
        )
        assert (result is not None) is done


@pytest.mark.parametrize("mapper", [DecorrelateALKernelMapper, CellByCell])
def test_kernel_from_a_result(mapper: type[Any]) -> None:
    exposures = make_exposures()
    config = DecorrelateALKernelMapReduceConfig()
    config.mapper.retarget(mapper)
    configure(config)
    task = ImageMapReduceTask(config=config)
    options = arguments(exposures, psfMatchingKernel=None)
    result = task.run(
        exposures[2], **options, alTaskResult=SimpleNamespace(psfMatchingKernel=KERNEL)
    ).exposure
    expected = task.run(exposures[2], **arguments(exposures)).exposure
    np.testing.assert_array_equal(result.image.array, expected.image.array)
    with pytest.raises(
        RuntimeError, match="alTaskResult or psfMatchingKernel must be given, got neither"
    ):
        task.run(exposures[2], **options)


@pytest.mark.parametrize("mapper", [DecorrelateALKernelMapper, CellByCell])
def test_cells_with_no_usable_pixel(mapper: type[Any]) -> None:
    science, template, difference = make_exposures()
    # Nearly a whole cell and its border, a whole cell, and pixels with no value.
    template.mask.array[:80, :80] |= template.mask.getPlaneBitMask("NO_DATA")
    science.mask.array[100:150, 50:112] |= science.mask.getPlaneBitMask("BAD")
    difference.image.array[150:, 100:] = np.nan
    config = DecorrelateALKernelMapReduceConfig()
    config.mapper.retarget(mapper)
    configure(config, adjustGridOption="size")
    result = ImageMapReduceTask(config=config).run(
        difference, **arguments((science, template, difference))
    )
    exposure = result.exposure
    np.testing.assert_array_equal(
        np.isfinite(exposure.image.array), np.isfinite(difference.image.array)
    )
    # In the masked cells filters are those of the mean variances elsewhere: not white, but sane.
    assert science.variance is not None and template.variance is not None
    expected = science.variance.array + 1.3**2 * template.variance.array
    ratio = exposure.variance.array / expected
    assert 0.7 < ratio.min() and ratio.max() < 1.4
    # Cells with usable pixels are as they would be without the masks.
    clean = ImageMapReduceTask(config=config).run(difference, **arguments(make_exposures()))
    np.testing.assert_array_equal(
        exposure.image.array[:80, 120:], clean.exposure.image.array[:80, 120:]
    )
    assert abs(exposure.image.array - clean.exposure.image.array)[:20, :20].max() > 1e-3


@pytest.mark.parametrize("mapper", [DecorrelateALKernelMapper, CellByCell])
def test_no_usable_pixel_at_all(mapper: type[Any]) -> None:
    exposures = make_exposures()
    exposures[1].mask.array[...] |= exposures[1].mask.getPlaneBitMask("BAD")
    config = DecorrelateALKernelMapReduceConfig()
    config.mapper.retarget(mapper)
    configure(config)
    result = ImageMapReduceTask(config=config).run(exposures[2], **arguments(exposures)).exposure
    # Means of masked pixels serve for want of others.
    assert np.isfinite(result.image.array).all() and (result.variance.array > 0).all()


def test_cell_by_cell_the_difference_needs_a_variance() -> None:
    exposures = list(make_exposures())
    exposures[2] = make_exposure(3, variance=None)
    task = map_reduce_task()
    result = task.run(exposures[2], **arguments(exposures)).exposure
    assert np.isfinite(result.variance.array).all()
    task = map_reduce_task(reducer={"reduceOperation": "sum"})
    with pytest.raises(ValueError, match="must have a variance plane"):
        task.run(exposures[2], **arguments(exposures))


def test_another_mapper() -> None:
    class Counter(ImageMapper):
        def run(self, subExposure: Any, *args: Any, **kwargs: Any) -> Struct:
            self.metadata.add("cells", 1)
            return Struct(subExposure=subExposure)

    config = DecorrelateALKernelSpatialConfig()
    config.decorrelateMapReduceConfig.mapper.retarget(Counter)
    task = DecorrelateALKernelSpatialTask(config=config)
    exposures = make_exposures()
    result = task.run(*exposures, KERNEL).correctedExposure
    np.testing.assert_allclose(result.image.array, exposures[2].image.array, rtol=1e-12)
    assert len(task.mapReduce.mapper.metadata.getArray("cells")) == 4
