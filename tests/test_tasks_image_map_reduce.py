"""Processing exposures cell by cell."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
from lsst.pex.config import FieldValidationError

import foreign
from cell_mappers import (
    FWHM,
    DoublingMapper,
    make_config,
    make_exposure,
    make_task,
)
from exposures import snapshot
from whitediff.geometry import Box2I, Extent2I, Point2I
from whitediff.psf import KernelPsf, Quadrupole
from whitediff.tasks import ImageMapper, ImageMapReduceConfig, ImageMapReduceTask, ImageReducer


@pytest.mark.parametrize("adjust", ["spacing", "size", "none"])
@pytest.mark.parametrize("even", [False, True])
@pytest.mark.parametrize("scale", [False, True])
def test_every_pixel_of_an_exposure_is_covered(adjust: str, even: bool, scale: bool) -> None:
    rng = np.random.default_rng(7)
    for _ in range(12):
        height, width = (int(n) for n in rng.integers(1, 50, 2))
        exposure = make_exposure((height, width), xy0=(int(rng.integers(-99, 99)), 3))
        sizes = rng.uniform(0.6, 40.0, 4) / (FWHM if scale else 1.0)
        config = make_config(adjustGridOption=adjust, scaleByFwhm=scale)
        config.cellSizeX, config.cellSizeY, config.gridStepX, config.gridStepY = sizes
        config.borderSizeX, config.borderSizeY = rng.uniform(0.1, 9.0, 2)
        task = ImageMapReduceTask(config=config)
        result = task.run(exposure, forceEvenSized=even).exposure
        # The mean of equal numbers can differ from them by rounding: n x / n.
        np.testing.assert_allclose(result.image.array, exposure.image.array, rtol=1e-6)
        assert not result.mask.array[np.isnan(result.image.array)].any()
        assert task.boxes0 is not None and task.boxes1 is not None
        for box0, box1 in zip(task.boxes0, task.boxes1, strict=True):
            assert box1.contains(box0) and exposure.getBBox().contains(box1)
            for box in (box0, box1) if even else ():
                assert box.getWidth() % 2 == 0 or width == 1
                assert box.getHeight() % 2 == 0 or height == 1


def test_boxes_of_a_grid() -> None:
    task = make_task(
        cellSizeX=8, cellSizeY=5, gridStepX=6, gridStepY=5, borderSizeX=2, borderSizeY=3,
        adjustGridOption="none",
    )  # fmt: skip
    task.run(make_exposure((10, 14), xy0=(100, -20)))
    boxes = [Box2I(Point2I(100 + x, -20 + y), Extent2I(8, 5)) for y in (0, 5) for x in (0, 6)]
    assert task.boxes0 == boxes
    assert task.boxes1 is not None
    assert task.boxes1[0] == Box2I(Point2I(100, -20), Extent2I(10, 8))
    assert task.boxes1[3] == Box2I(Point2I(104, -18), Extent2I(10, 8))


def test_sizes_in_units_of_the_fwhm() -> None:
    exposure = make_exposure((97, 91))
    task = make_task(scaleByFwhm=True, cellSizeX=5, cellSizeY=3, gridStepX=2, borderSizeX=1.2)
    task.run(exposure)
    # The adaptive moments of a sampled Gaussian of 1.7 pixels are those of the Gaussian.
    assert task.metadata["psfFwhm"] == pytest.approx(FWHM, rel=1e-6)
    assert task.boxes0 is not None
    assert {box.getDimensions() for box in task.boxes0} == {
        Extent2I(round(5 * FWHM), round(3 * FWHM))
    }
    names = ("cellSizeX", "cellSizeY", "gridStepX", "borderSizeX")
    assert [task.metadata[name] for name in names] == [20, 12, 8, 5]


class PointPsf(KernelPsf):
    """A PSF of no width."""

    def computeShape(self, position: Any = None) -> Quadrupole:
        return Quadrupole(0.0, 0.0, 0.0)


@pytest.mark.parametrize("psf", [None, KernelPsf(np.zeros((5, 5))), PointPsf(np.ones((1, 1)))])
def test_sizes_in_units_of_the_fwhm_need_one(psf: Any) -> None:
    exposure = make_exposure()
    exposure.setPsf(psf)
    with pytest.raises(ValueError, match="PSF"):
        make_task(scaleByFwhm=True).run(exposure)


def test_cells_around_centroids(caplog: pytest.LogCaptureFixture) -> None:
    exposure = make_exposure((30, 40), xy0=(100, 200))
    task = make_task(
        cellCentroidsX=[105.0, 120.5, 139.0, 500.0],
        cellCentroidsY=[207.0, 215.0, 229.0, 215.0],
        cellSizeX=5,
        cellSizeY=7,
        borderSizeX=1,
        borderSizeY=1,
    )
    result = task.run(exposure).exposure
    assert task.boxes0 == [
        Box2I(Point2I(103, 204), Extent2I(5, 7)),
        Box2I(Point2I(119, 212), Extent2I(5, 7)),
        Box2I(Point2I(137, 226), Extent2I(3, 4)),
    ]
    assert np.isfinite(result.image.array).sum() == 5 * 7 * 2 + 3 * 4
    assert np.isfinite(result.image[task.boxes0[1]].array).all()
    assert "1 of 4 cells lie outside" in caplog.text


def test_cells_around_centroids_inside(caplog: pytest.LogCaptureFixture) -> None:
    task = make_task(cellCentroidsX=[10.0], cellCentroidsY=[310.0], cellSizeX=3, cellSizeY=3)
    task.run(make_exposure())
    assert task.boxes0 == [Box2I(Point2I(9, 309), Extent2I(3, 3))]
    assert not caplog.records


def test_all_centroids_outside() -> None:
    task = make_task(cellCentroidsX=[1e4], cellCentroidsY=[1e4])
    with pytest.raises(ValueError, match="one box each"):
        task.run(make_exposure())


def test_default_values() -> None:
    config = ImageMapReduceConfig()
    values = config.toDict()
    assert {key: values[key] for key in values if key not in ("mapper", "reducer")} == {
        "cellCentroidsX": None,
        "cellCentroidsY": None,
        "cellSizeX": 10.0,
        "cellSizeY": 10.0,
        "gridStepX": 10.0,
        "gridStepY": 10.0,
        "borderSizeX": 5.0,
        "borderSizeY": 5.0,
        "adjustGridOption": "spacing",
        "scaleByFwhm": True,
        "returnSubImages": False,
        "ignoreMaskPlanes": [
            "BAD", "SAT", "INTRP", "CR", "EDGE", "DETECTED", "DETECTED_NEGATIVE", "NO_DATA",
        ],
    }  # fmt: skip
    assert config.mapper.target is ImageMapper
    assert config.reducer.target is ImageReducer
    assert config.reducer.reduceOperation == "average"
    assert list(config.reducer.badMaskPlanes) == ["INVALID_MAPREDUCE", "BAD", "NO_DATA"]


@pytest.mark.parametrize("axis", ["X", "Y"])
@pytest.mark.parametrize("name", ["cellSize", "gridStep", "borderSize"])
@pytest.mark.parametrize("value", [0.0, -1.0])
def test_sizes_must_be_positive(name: str, axis: str, value: float) -> None:
    config = ImageMapReduceConfig()
    with pytest.raises(FieldValidationError, match=name + axis):
        setattr(config, name + axis, value)


def test_choices_are_checked() -> None:
    config = ImageMapReduceConfig()
    with pytest.raises(FieldValidationError, match="adjustGridOption"):
        config.adjustGridOption = "stretch"
    with pytest.raises(FieldValidationError, match="reduceOperation"):
        config.reducer.reduceOperation = "median"
    for operation in ("none", "copy", "sum", "average", "coaddPsf"):
        config.reducer.reduceOperation = operation


def test_centroids_need_both_coordinates() -> None:
    with pytest.raises(ValueError, match="cellCentroidsY must have as many .* 2, got 1"):
        make_task(cellCentroidsX=[1.0, 2.0], cellCentroidsY=[1.0])


def test_config_is_saved_and_loaded(tmp_path: Any) -> None:
    config = make_config(cellSizeX=17.0, reduceOperation="sum")
    config.save(str(tmp_path / "config.py"))
    loaded = ImageMapReduceConfig()
    loaded.load(str(tmp_path / "config.py"))
    assert loaded.compare(config, shortcut=False)
    assert loaded.mapper.target.__name__ == "IdentityMapper"


@pytest.mark.parametrize("operation", ["none", "copy", "sum", "average", "coaddPsf"])
def test_the_exposure_is_never_modified(operation: str) -> None:
    exposure = make_exposure()
    before = snapshot(exposure)
    task = make_task(DoublingMapper, gridStepX=4, gridStepY=3, reduceOperation=operation)
    task.run(exposure)
    assert snapshot(exposure) == before


@pytest.mark.parametrize("operation", ["copy", "average"])
def test_overlaps_are_processed_once(operation: str) -> None:
    exposure = make_exposure()
    task = make_task(DoublingMapper, gridStepX=4, gridStepY=3, reduceOperation=operation)
    result = task.run(exposure).exposure
    assert task.metadata["nCells"] > 100
    assert exposure.variance is not None
    # The mean of equal numbers can differ from them by rounding: n x / n.
    np.testing.assert_allclose(result.image.array, 2 * exposure.image.array, rtol=1e-6)
    np.testing.assert_allclose(result.variance.array, 4 * exposure.variance.array, rtol=1e-6)


@pytest.mark.parametrize("operation", ["none", "average"])
def test_sub_images_are_returned(operation: str) -> None:
    exposure = make_exposure()
    task = make_task(DoublingMapper, returnSubImages=True, reduceOperation=operation)
    result = task.run(exposure)
    results = result.result if operation == "none" else result.mapperResults
    assert task.boxes0 is not None and task.boxes1 is not None
    for item, box0, box1 in zip(results, task.boxes0, task.boxes1, strict=True):
        for name, box in (("inputSubExposure", box0), ("inputExpandedSubExposure", box1)):
            np.testing.assert_array_equal(
                getattr(item, name).image.array, exposure[box].image.array
            )
        np.testing.assert_array_equal(item.subExposure.image.array, 2 * exposure[box0].image.array)
    assert not hasattr(make_task().run(exposure).mapperResults[0], "inputSubExposure")


def test_progress_counts_cells() -> None:
    calls: list[tuple[int, int]] = []
    task = make_task()
    task.run(make_exposure(), progress=lambda done, total: calls.append((done, total)))
    n = task.metadata["nCells"]
    assert calls == [(i + 1, n) for i in range(n)]


def test_progress_cancels() -> None:
    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    exposure = make_exposure()
    before = snapshot(exposure)
    with pytest.raises(KeyboardInterrupt):
        make_task(DoublingMapper).run(exposure, progress=stop)
    assert snapshot(exposure) == before


def test_boxes_set_by_hand_stay_and_grids_are_made_anew() -> None:
    first, second = make_exposure((20, 20)), make_exposure((31, 33))
    task = make_task()
    task.run(first)
    assert task.boxes0 is not None
    grid = task.boxes0
    task.run(second)
    assert task.boxes0 != grid and task.metadata["nCells"] == 16
    boxes = [first.getBBox()]
    task.boxes0 = task.boxes1 = boxes
    for _ in range(2):
        task.run(first)
        assert task.boxes0 is boxes and task.metadata["nCells"] == 1
    task.run(first, boxes0=grid, boxes1=grid)
    assert task.boxes0 is grid
    task.boxes0 = None
    task.run(second)
    assert task.metadata["nCells"] == 16


def test_boxes_set_by_hand_are_checked() -> None:
    exposure = make_exposure((20, 20), xy0=(0, 0))
    inner, whole = Box2I(Point2I(2, 2), Extent2I(5, 5)), exposure.getBBox()
    outside = Box2I(Point2I(18, 2), Extent2I(5, 5))
    task = make_task()
    with pytest.raises(ValueError, match=r"one box each for every cell, got \(1, 2\)"):
        task.run(exposure, boxes0=[inner], boxes1=[whole, whole])
    with pytest.raises(ValueError, match=r"got \(1, None\)"):
        task.run(exposure, boxes0=[inner])
    with pytest.raises(ValueError, match="must lie in"):
        task.run(exposure, boxes0=[whole], boxes1=[inner])
    with pytest.raises(ValueError, match="must lie in"):
        task.run(exposure, boxes0=[outside], boxes1=[outside])


def test_metadata_tells_the_story_of_a_run() -> None:
    task = make_task()
    task.run(make_exposure())
    metadata = task.getFullMetadata()
    top = "ip_diffim_imageMapReduce"
    assert metadata[f"{top}.wholeGrid"] is False
    for stage in ("run", "map", "reduce"):
        assert metadata[f"{top}.{stage}EndCpuTime"] >= metadata[f"{top}.{stage}StartCpuTime"]
    assert metadata[f"{top}:reducer.nInvalidPixels"] == 0


def test_task_is_pickled() -> None:
    task = pickle.loads(pickle.dumps(make_task(cellSizeX=17.0)))
    assert isinstance(task, ImageMapReduceTask)
    assert task.config.cellSizeX == 17.0
    assert np.isfinite(task.run(make_exposure()).exposure.image.array).all()


def test_foreign_exposures_are_cut_with_their_own_geometry() -> None:
    ours = make_exposure()
    before = snapshot(ours)
    task = make_task(scaleByFwhm=True, cellSizeX=3, cellSizeY=3, gridStepX=2, gridStepY=2)
    result = task.run(foreign.Exposure(ours), forceEvenSized=True).exposure
    assert type(result) is foreign.Exposure
    np.testing.assert_allclose(result.image.array, ours.image.array, rtol=1e-6)
    assert result.getPsf() is ours.getPsf()
    assert snapshot(ours) == before


def test_plot_of_boxes() -> None:
    matplotlib = pytest.importorskip("matplotlib", reason="matplotlib is not installed")
    matplotlib.use("Agg")
    from matplotlib import pyplot

    exposure = make_exposure((30, 30), xy0=(100, 0))
    task = make_task()
    with pytest.raises(RuntimeError, match="must be set, or made by a run, to be plotted"):
        task.plotBoxes(exposure.getBBox())
    task.run(exposure)
    try:
        axes = task.plotBoxes(exposure.getBBox(), skip=2)
        # Five of nine cells with their borders, and the frame.
        assert len(axes.patches) == 2 * 5 + 1
        assert axes.patches[0].get_bbox().bounds == (99.5, -0.5, 10, 10)
        assert axes.patches[0].get_linestyle() != axes.patches[1].get_linestyle()
        assert axes.get_xlim()[0] <= 99.5 and axes.get_xlim()[1] >= 129.5
    finally:
        pyplot.close("all")


def test_generated_boxes_are_given_back_and_count_when_edited() -> None:
    exposure = make_exposure()
    task = make_task()
    boxes0, boxes1 = task._generateGrid(exposure, forceEvenSized=False, unused=1)
    assert boxes0 is task.boxes0 and boxes1 is task.boxes1
    boxes0.pop()
    with pytest.raises(ValueError, match="boxes0 and boxes1 must have one box each"):
        task.run(exposure)
    boxes1.pop()
    task.run(exposure)
    assert task.metadata["nCells"] == len(boxes0)
    # So do those of a run.
    fresh = make_task()
    fresh.run(exposure)
    n_cells = fresh.metadata["nCells"]
    del fresh.boxes0[3:], fresh.boxes1[3:]  # type: ignore[union-attr]
    fresh.run(exposure)
    assert (fresh.metadata["nCells"], n_cells) == (3, len(boxes0) + 1)


def test_subclasses_may_reduce_in_their_way() -> None:
    class Reducing(ImageMapReduceTask):
        def _reduceImage(self, mapperResults: Any, exposure: Any, **kwargs: Any) -> Any:
            return len(mapperResults), kwargs

    task = Reducing(config=make_task().config)
    assert task.run(make_exposure(), more=1) == (task.metadata["nCells"], {"more": 1})
