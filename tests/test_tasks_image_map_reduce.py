"""Processing exposures cell by cell."""

from __future__ import annotations

import itertools
import pickle
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from lsst.pex.config import FieldValidationError
from numpy.typing import NDArray

from whitediff.exposure import Exposure
from whitediff.geometry import Box2I, Extent2I, Point2D, Point2I
from whitediff.psf import CellPsf, KernelPsf, Quadrupole
from whitediff.tasks import (
    ImageMapper,
    ImageMapReduceConfig,
    ImageMapReduceTask,
    ImageReducer,
    Struct,
    Task,
)
from whitediff.tasks.cell_grid import (
    centered_interval,
    covering_intervals,
    even_intervals,
    expanded,
)
from whitediff.tasks.coadd_psf import coadd_psf

SIGMA = 1.7
FWHM = SIGMA * 2.3548200450309493


def gaussian(sigma: float, shape: tuple[int, int] = (25, 25)) -> NDArray[np.float64]:
    y, x = np.indices(shape, dtype=float)
    y, x = y - (shape[0] - 1) // 2, x - (shape[1] - 1) // 2
    image = np.exp(-(x**2 + y**2) / (2 * sigma**2))
    return np.asarray(image / image.sum())


def make_exposure(
    shape: tuple[int, int] = (43, 57), xy0: tuple[int, int] = (-5, 300), seed: int = 1
) -> Exposure:
    rng = np.random.default_rng(seed)
    return Exposure(
        image=rng.normal(10.0, 2.0, shape).astype(np.float32),
        mask=rng.integers(0, 2**9, shape, dtype=np.int32),
        variance=rng.uniform(3.0, 5.0, shape).astype(np.float32),
        psf=KernelPsf(gaussian(SIGMA)),
        xy0=xy0,
        metadata=fits.Header({"EXPTIME": 30.0}),
    )


def snapshot(exposure: Exposure) -> tuple[Any, ...]:
    assert exposure.variance is not None
    return (
        exposure.image.array.tobytes(),
        exposure.mask.array.tobytes(),
        exposure.variance.array.tobytes(),
        exposure.mask.getMaskPlaneDict(),
        repr(exposure.metadata),
        exposure.getPsf(),
        exposure.getPsf().image.tobytes(),
        exposure.getBBox(),
    )


class IdentityMapper(ImageMapper):
    """Return the cell as it is."""

    def run(
        self, subExposure: Any, expandedSubExposure: Any, fullBBox: Any, **kwargs: Any
    ) -> Struct:
        return Struct(subExposure=subExposure)


class DoublingMapper(ImageMapper):
    """Change in place all that can be changed."""

    def run(
        self, subExposure: Any, expandedSubExposure: Any, fullBBox: Any, **kwargs: Any
    ) -> Struct:
        for exposure in (subExposure, expandedSubExposure):
            exposure.image.array *= 2
            exposure.variance.array *= 4
            exposure.mask.array |= 1 << exposure.mask.addMaskPlane("DOUBLED")
            exposure.metadata["DOUBLED"] = True
            exposure.setPsf(KernelPsf(gaussian(2 * SIGMA)))
        return Struct(subExposure=subExposure)


class ConstantMapper(ImageMapper):
    """Fill cells with numbers counted up, and `nan_at` of each with NaN."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.n = 0

    def run(
        self,
        subExposure: Any,
        expandedSubExposure: Any,
        fullBBox: Any,
        values: Sequence[float] = (),
        nan_at: tuple[slice, slice] | None = None,
        **kwargs: Any,
    ) -> Struct:
        subExposure.image.array[...] = values[self.n]
        subExposure.variance.array[...] = 10 * values[self.n]
        subExposure.mask.array[...] = 1 << self.n
        if nan_at is not None:
            subExposure.image.array[nan_at] = np.nan
        self.n += 1
        return Struct(subExposure=subExposure)


class MeanMapper(ImageMapper):
    """Return numbers, no exposure."""

    def run(
        self, subExposure: Any, expandedSubExposure: Any, fullBBox: Any, **kwargs: Any
    ) -> Struct:
        return Struct(mean=subExposure.image.array.mean())


def make_config(mapper: type[Any] = IdentityMapper, **values: Any) -> ImageMapReduceConfig:
    config = ImageMapReduceConfig()
    config.mapper.retarget(mapper)
    config.scaleByFwhm = False
    if "reduceOperation" in values:
        config.reducer.reduceOperation = values.pop("reduceOperation")
    config.update(**values)
    return config


def make_task(mapper: type[Any] = IdentityMapper, **values: Any) -> ImageMapReduceTask:
    return ImageMapReduceTask(config=make_config(mapper, **values))


def two_boxes(exposure: Exposure) -> list[Box2I]:
    """Two boxes of a frame (10, 20) [y, x] that share columns 8 to 11 and leave out row 9."""
    corner = exposure.getBBox().getMin()
    return [
        Box2I(corner, Extent2I(12, 9)),
        Box2I(corner + Extent2I(8, 0), Extent2I(12, 9)),
    ]


# --- Grid ---------------------------------------------------------------------------------


@pytest.mark.parametrize("adjust", ["spacing", "size", "none"])
def test_every_pixel_of_an_axis_is_covered(adjust: str) -> None:
    lengths, sizes, steps = (*range(1, 30), 57, 64), (1, 2, 3, 7, 10, 31, 64), (1, 2, 3, 5, 10, 80)
    for length, size, step in itertools.product(lengths, sizes, steps):
        intervals = covering_intervals(length, size, step, adjust)
        assert intervals[0][0] == 0 and intervals[-1][1] == length
        assert all(0 <= start < stop <= length for start, stop in intervals)
        assert all(a[0] < b[0] <= a[1] for a, b in itertools.pairwise(intervals))


def test_spacing_keeps_the_size() -> None:
    for length, size, step in itertools.product(range(5, 40), (5, 6), (1, 3, 5, 9)):
        intervals = covering_intervals(length, size, step, "spacing")
        starts = [start for start, _ in intervals]
        assert {stop - start for start, stop in intervals} == {min(size, length)}
        assert max(np.diff(starts), default=0) <= min(step, size)
        # Spread evenly over whole pixels.
        assert np.ptp(np.diff(starts)) <= 1 if len(starts) > 1 else True


def test_size_has_no_overlap() -> None:
    for length, step in itertools.product(range(1, 40), (1, 3, 5, 9)):
        intervals = covering_intervals(length, 7, step, "size")
        assert all(a[1] == b[0] for a, b in itertools.pairwise(intervals))
        sizes = [stop - start for start, stop in intervals]
        assert max(sizes) <= step and max(sizes) - min(sizes) <= 1


def test_none_keeps_size_and_step() -> None:
    assert covering_intervals(20, 7, 5, "none") == [(0, 7), (5, 12), (10, 17), (15, 20)]


def test_a_step_beyond_the_size_leaves_no_gaps() -> None:
    assert covering_intervals(20, 5, 8, "none") == [(0, 5), (5, 10), (10, 15), (15, 20)]


@pytest.mark.parametrize(
    ("center", "interval"),
    [(10.0, (8, 13)), (10.4, (8, 13)), (10.6, (9, 14)), (0.0, (0, 3)), (19.0, (17, 20))],
)
def test_cell_around_a_position(center: float, interval: tuple[int, int]) -> None:
    assert centered_interval(20, 5, center) == interval


@pytest.mark.parametrize("center", [-4.0, 23.0])
def test_cell_around_a_position_outside(center: float) -> None:
    start, stop = centered_interval(20, 5, center)
    assert start >= stop


def test_even_sized_cells_and_borders() -> None:
    for length in range(2, 25):
        for interval in itertools.combinations(range(length + 1), 2):
            parts = even_intervals(interval, length)
            assert all((stop - start) % 2 == 0 for start, stop in parts)
            assert all(0 <= start < stop <= length for start, stop in parts)
            covered = set().union(*(range(*part) for part in parts))
            assert set(range(*interval)) <= covered
            for part, border in itertools.product(parts, (0, 1, 2, 5)):
                outer = expanded(part, border, length, even=True)
                assert (outer[1] - outer[0]) % 2 == 0
                assert 0 <= outer[0] <= part[0] < part[1] <= outer[1] <= length
    assert even_intervals((0, 1), 1) == [(0, 1)]
    assert expanded((0, 1), 3, 1, even=True) == (0, 1)


def test_borders_end_at_the_edge() -> None:
    assert expanded((5, 9), 3, 20) == (2, 12)
    assert expanded((0, 9), 3, 11) == (0, 11)


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


# --- Configuration ------------------------------------------------------------------------


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


def test_mapper_is_abstract() -> None:
    with pytest.raises(TypeError, match="abstract"):
        ImageMapReduceTask(config=ImageMapReduceConfig())


# --- Mapping ------------------------------------------------------------------------------


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


def test_mapper_gets_cell_border_box_and_arguments() -> None:
    exposure = make_exposure()
    seen = []

    class Spy(IdentityMapper):
        def run(self, subExposure: Any, expandedSubExposure: Any, fullBBox: Any, **kw: Any) -> Any:
            seen.append((subExposure, expandedSubExposure, fullBBox, kw))
            return super().run(subExposure, expandedSubExposure, fullBBox)

    task = make_task(Spy, cellSizeX=20, gridStepX=20)
    task.run(exposure, answer=42)
    assert task.boxes0 is not None and task.boxes1 is not None
    assert len(seen) == len(task.boxes0) == task.metadata["nCells"]
    for box0, box1, (sub, border, full, kwargs) in zip(task.boxes0, task.boxes1, seen, strict=True):
        assert (sub.getBBox(), border.getBBox(), full) == (box0, box1, exposure.getBBox())
        assert kwargs == {"answer": 42}
        np.testing.assert_array_equal(sub.image.array, exposure[box0].image.array)
        np.testing.assert_array_equal(border.mask.array, exposure[box1].mask.array)
        assert sub.metadata["EXPTIME"] == 30.0
        assert sub.getPsf() is exposure.getPsf()


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


# --- Reducing -----------------------------------------------------------------------------


@pytest.mark.parametrize(("operation", "shared"), [("copy", 5.0), ("sum", 6.0), ("average", 3.0)])
def test_overlaps_and_gaps(operation: str, shared: float) -> None:
    exposure = make_exposure((10, 20))
    exposure.mask.array[...] = 1 << 4
    boxes = two_boxes(exposure)
    task = make_task(ConstantMapper, reduceOperation=operation)
    result = task.run(exposure, boxes0=boxes, boxes1=boxes, values=[1.0, 5.0]).exposure
    expected = np.full((10, 20), np.nan)
    expected[:9, :8], expected[:9, 8:12], expected[:9, 12:] = 1.0, shared, 5.0
    # These numbers are exact in float32.
    np.testing.assert_array_equal(result.image.array, expected)
    np.testing.assert_array_equal(result.variance.array, 10 * expected)
    invalid = result.mask.getPlaneBitMask(["INVALID_MAPREDUCE", "BAD", "NO_DATA"])
    bits = np.full((10, 20), 1 << 4)
    bits[:9, :12] |= 1
    bits[:9, 8:] |= 2
    bits[9] |= invalid
    np.testing.assert_array_equal(result.mask.array, bits)
    assert result.image.array.dtype == np.float32
    assert result.getBBox() == exposure.getBBox()
    assert task.getFullMetadata()["ip_diffim_imageMapReduce:reducer.nInvalidPixels"] == 20


@pytest.mark.parametrize(("operation", "shared"), [("copy", 1.0), ("sum", 1.0), ("average", 1.0)])
def test_nan_counts_as_no_value(operation: str, shared: float) -> None:
    exposure = make_exposure((9, 20))
    boxes = two_boxes(exposure)
    task = make_task(ConstantMapper, reduceOperation=operation)
    # Column 0 of each cell: 0 of the frame, of no other cell, and 8, of both.
    result = task.run(
        exposure, boxes0=boxes, boxes1=boxes, values=[1.0, 5.0], nan_at=np.s_[:, :1]
    ).exposure
    assert np.isnan(result.image.array[:, 0]).all()
    assert (result.image.array[:, 8] == shared).all()
    # The variance has no NaN, so it is the mean of both.
    assert np.isfinite(result.variance.array).all()
    invalid = result.mask.getPlaneBitMask("INVALID_MAPREDUCE")
    assert ((result.mask.array & invalid != 0) == (np.arange(20) == 0)).all()


def test_bad_mask_planes_are_those_configured() -> None:
    exposure = make_exposure((10, 20))
    exposure.mask.array[...] = 0
    config = make_config()
    config.reducer.badMaskPlanes = ["SUSPECT", "HOLE"]
    boxes = two_boxes(exposure)
    result = ImageMapReduceTask(config=config).run(exposure, boxes0=boxes, boxes1=boxes).exposure
    assert (result.mask.array[9] == result.mask.getPlaneBitMask(["SUSPECT", "HOLE"])).all()
    assert not result.mask.array[:9].any()
    assert "INVALID_MAPREDUCE" not in result.mask.getMaskPlaneDict()


def test_mask_planes_of_mappers_are_kept_by_name() -> None:
    class Marker(ImageMapper):
        def run(self, subExposure: Any, expandedSubExposure: Any, fullBBox: Any, **kw: Any) -> Any:
            left = subExposure.getBBox().getMinX() == fullBBox.getMinX()
            bit = subExposure.mask.addMaskPlane("LEFT" if left else "RIGHT")
            subExposure.mask.array[...] = 1 << bit | 1 << 3
            return Struct(subExposure=subExposure)

    exposure = make_exposure((10, 20))
    exposure.mask.array[...] = 0
    boxes = two_boxes(exposure)
    mask = make_task(Marker).run(exposure, boxes0=boxes, boxes1=boxes).exposure.mask
    assert len({mask.getMaskPlane(name) for name in ("LEFT", "RIGHT", "INVALID_MAPREDUCE")}) == 3
    left, right = (mask.array & mask.getPlaneBitMask(name) != 0 for name in ("LEFT", "RIGHT"))
    columns = np.arange(20)
    assert (left[:9] == (columns < 12)).all() and (right[:9] == (columns >= 8)).all()
    assert (mask.array[:9] & 1 << 3 != 0).all()
    assert not left[9].any() and not right[9].any()


def test_operation_none_returns_the_results() -> None:
    exposure = make_exposure()
    task = make_task(MeanMapper, reduceOperation="none")
    result = task.run(exposure)
    assert task.boxes0 is not None
    assert [item.mean for item in result.result] == [
        exposure[box].image.array.mean() for box in task.boxes0
    ]


@pytest.mark.parametrize("operation", ["copy", "sum", "average"])
def test_operations_on_pixels_need_exposures(operation: str) -> None:
    task = make_task(MeanMapper, reduceOperation=operation)
    with pytest.raises(TypeError, match="got NoneType; reduceOperation 'none' takes anything"):
        task.run(make_exposure())

    class ArrayMapper(ImageMapper):
        def run(self, subExposure: Any, expandedSubExposure: Any, fullBBox: Any, **kw: Any) -> Any:
            return Struct(subExposure=subExposure.image.array)

    with pytest.raises(TypeError, match="got ndarray"):
        make_task(ArrayMapper, reduceOperation=operation).run(make_exposure())


def test_cells_must_stay_in_the_exposure() -> None:
    class Shifter(ImageMapper):
        def run(self, subExposure: Any, expandedSubExposure: Any, fullBBox: Any, **kw: Any) -> Any:
            return Struct(subExposure=make_exposure((3, 3), xy0=(10_000, 0)))

    with pytest.raises(ValueError, match="a cell must lie in the exposure"):
        make_task(Shifter).run(make_exposure())


@pytest.mark.parametrize("operation", ["copy", "sum", "average"])
def test_exposures_without_variance(operation: str) -> None:
    exposure = Exposure(image=np.ones((21, 33), np.float32))
    exposure.image.array[4, 7] = np.nan
    result = make_task(adjustGridOption="size", reduceOperation=operation).run(exposure).exposure
    np.testing.assert_array_equal(result.image.array, exposure.image.array)
    assert result.variance is None and result.getPsf() is None
    assert np.flatnonzero(result.mask.array).tolist() == [4 * 33 + 7]


def test_float64_stays() -> None:
    exposure = Exposure(image=np.full((9, 9), 1 / 3), variance=np.full((9, 9), 1 / 7))
    result = make_task(adjustGridOption="size").run(exposure).exposure
    np.testing.assert_array_equal(result.image.array, exposure.image.array)
    assert exposure.variance is not None
    np.testing.assert_array_equal(result.variance.array, exposure.variance.array)


# --- PSF ----------------------------------------------------------------------------------


class WideningMapper(ImageMapper):
    """Give each cell a PSF that is the wider the larger its x."""

    def run(
        self, subExposure: Any, expandedSubExposure: Any, fullBBox: Any, **kwargs: Any
    ) -> Struct:
        box = subExposure.getBBox()
        psf = KernelPsf(gaussian(1.0 + 0.05 * (box.getCenterX() - fullBBox.getMinX())))
        subExposure.setPsf(psf)
        return Struct(subExposure=subExposure, psf=psf, bbox=box)


class PsfMapper(WideningMapper):
    """Return the PSF and box alone."""

    def run(self, *args: Any, **kwargs: Any) -> Struct:
        result = super().run(*args, **kwargs)
        return Struct(psf=result.psf, bbox=result.bbox)


def check_widening(psf: Any, exposure: Exposure, n_cells: int) -> None:
    assert isinstance(psf, CellPsf)
    assert psf.getComponentCount() == n_cells
    x0, y0 = exposure.getBBox().getMin()
    center = exposure.getBBox().getCenter()
    average = psf.getAveragePosition()
    # The cells cover the frame evenly.
    assert average.getX() == pytest.approx(center.getX(), abs=1e-9)
    assert average.getY() == pytest.approx(center.getY(), abs=1e-9)
    for column in (4.5, 14.5, 24.5):
        point = Point2D(x0 + column, y0 + 11)
        sigma = 1.0 + 0.05 * column
        # Both have a sum of one to rounding.
        np.testing.assert_allclose(psf.computeKernelImage(point).array, gaussian(sigma), rtol=1e-14)
        # Sampling and the edge of the image change the moments of the widest by less than this.
        assert psf.computeShape(point).getDeterminantRadius() == pytest.approx(sigma, rel=1e-4)
        assert psf.computeImage(point).getBBox().contains(Point2I(x0 + int(column), y0 + 11))


@pytest.mark.parametrize("mapper", [WideningMapper, PsfMapper])
def test_operation_coadd_psf(mapper: type[Any]) -> None:
    exposure = make_exposure((20, 30))
    task = make_task(mapper, reduceOperation="coaddPsf")
    check_widening(task.run(exposure).result, exposure, 6)


@pytest.mark.parametrize("operation", ["copy", "sum", "average"])
def test_result_has_the_psfs_of_the_cells(operation: str) -> None:
    exposure = make_exposure((20, 30))
    task = make_task(WideningMapper, reduceOperation=operation)
    check_widening(task.run(exposure).exposure.getPsf(), exposure, 6)


def test_psf_that_no_mapper_changed_stays() -> None:
    exposure = make_exposure()
    assert make_task().run(exposure).exposure.getPsf() is exposure.getPsf()


def test_psf_that_a_mapper_took_away_is_gone(caplog: pytest.LogCaptureFixture) -> None:
    class Remover(ImageMapper):
        def run(self, subExposure: Any, expandedSubExposure: Any, fullBBox: Any, **kw: Any) -> Any:
            if subExposure.getBBox().getMinX() == fullBBox.getMinX():
                subExposure.setPsf(None)
            return Struct(subExposure=subExposure)

    assert make_task(Remover).run(make_exposure()).exposure.getPsf() is None
    assert "Some cells have no PSF" in caplog.text


def test_coadd_psf_needs_psfs() -> None:
    with pytest.raises(TypeError, match="must return psf and bbox"):
        make_task(MeanMapper, reduceOperation="coaddPsf").run(make_exposure())


def test_psfs_of_different_sizes_are_centred() -> None:
    boxes = [Box2I(Point2I(10 * i, 0), Extent2I(10, 8)) for i in range(3)]
    shapes = [(5, 9), (11, 7), (6, 6)]
    psf = coadd_psf([KernelPsf(gaussian(1.0, shape)) for shape in shapes], boxes)
    assert psf.images.shape[1:] == (11, 9)
    for i in range(3):
        image = psf.computeKernelImage(Point2D(10 * i + 5, 4)).array
        assert image.argmax() == 5 * 9 + 4
        assert image.sum() == pytest.approx(1.0)
        assert psf.getBBox(i) == boxes[i]


def test_psf_that_fails_at_a_position_is_taken_at_its_average() -> None:
    class PatchyPsf(KernelPsf):
        def computeKernelImage(self, position: Any = None) -> Any:
            if position != self.getAveragePosition():
                raise RuntimeError("no input here")
            return super().computeKernelImage(position)

    psf = PatchyPsf(gaussian(SIGMA), Point2D(3.0, 4.0))
    cell = Box2I(Point2I(50, 60), Extent2I(5, 5))
    # The sum of one is that of the Gaussian to rounding.
    np.testing.assert_allclose(coadd_psf([psf], [cell]).images[0], gaussian(SIGMA), rtol=1e-14)


# --- Whole grid at once -------------------------------------------------------------------


class WholeGridMapper(IdentityMapper):
    """Negate all cells at once, but single ones not."""

    def runAll(
        self,
        exposure: Any,
        boxes0: Sequence[Any],
        boxes1: Sequence[Any],
        *,
        reduceOperation: str,
        progress: Callable[[int, int], None] | None = None,
        willing: bool = True,
        **kwargs: Any,
    ) -> Struct | None:
        if not willing:
            return None
        self.asked_for = (list(boxes0), list(boxes1), reduceOperation, kwargs)
        result = exposure.clone()
        result.image.array[...] = np.nan
        for box in boxes0:
            result[box].image.array[...] = -exposure[box].image.array
        if progress is not None:
            progress(len(boxes0), len(boxes0))
        return Struct(exposure=result, extra=1)


@pytest.mark.parametrize("operation", ["copy", "sum", "average"])
def test_mapper_does_all_cells_at_once(operation: str) -> None:
    exposure = make_exposure((10, 20))
    before = snapshot(exposure)
    boxes = two_boxes(exposure)
    calls: list[tuple[int, int]] = []
    task = make_task(WholeGridMapper, reduceOperation=operation)
    result = task.run(
        exposure,
        boxes0=boxes,
        boxes1=boxes,
        progress=lambda done, total: calls.append((done, total)),
        answer=42,
    )
    assert task.mapper.asked_for == (boxes, boxes, operation, {"answer": 42})
    assert calls == [(2, 2)]
    assert task.metadata["wholeGrid"] is True and "runAllEndCpuTime" in task.metadata
    assert result.extra == 1
    np.testing.assert_array_equal(result.exposure.image.array[:9], -exposure.image.array[:9])
    invalid = result.exposure.mask.getPlaneBitMask("INVALID_MAPREDUCE")
    assert ((result.exposure.mask.array & invalid != 0).T == (np.arange(10) == 9)).all()
    assert snapshot(exposure) == before


def test_mapper_that_declines_gets_single_cells() -> None:
    exposure = make_exposure()
    task = make_task(WholeGridMapper)
    result = task.run(exposure, willing=False).exposure
    np.testing.assert_allclose(result.image.array, exposure.image.array, rtol=1e-6)
    assert task.metadata["wholeGrid"] is False


@pytest.mark.parametrize(
    "values",
    [
        {"returnSubImages": True},
        {"reduceOperation": "none"},
        {"reduceOperation": "coaddPsf"},
    ],
)
def test_mapper_gets_single_cells_where_their_results_matter(values: dict[str, Any]) -> None:
    task = make_task(WholeGridMapper, **values)
    task.run(make_exposure())
    assert task.metadata["wholeGrid"] is False


def test_reducer_of_another_kind_gets_single_cells() -> None:
    class CountingReducer(ImageReducer):
        def run(self, mapperResults: Sequence[Struct], exposure: Any, **kwargs: Any) -> Struct:
            return Struct(count=len(mapperResults))

    config = make_config(WholeGridMapper)
    config.reducer.retarget(CountingReducer)
    task = ImageMapReduceTask(config=config)
    assert task.run(make_exposure()).count == task.metadata["nCells"]


# --- Exposures and tasks of others --------------------------------------------------------


class ForeignPoint(Point2I):
    """A point of another library."""


class ForeignExtent(Extent2I):
    """An extent of another library."""


class ForeignBox(Box2I):
    """A box of another library."""

    _point, _extent = ForeignPoint, ForeignExtent


class ForeignExposure:
    """The least that an exposure must have; it takes boxes and PSFs of its own kind only."""

    def __init__(self, source: Any, box: ForeignBox | None = None) -> None:
        self._exposure = source
        self._box = box or ForeignBox(
            ForeignPoint(*source.getBBox().getMin()),
            ForeignExtent(*source.getBBox().getDimensions()),
        )
        self.image, self.mask, self.variance = source.image, source.mask, source.variance

    def Factory(self, source: ForeignExposure, box: ForeignBox) -> ForeignExposure:
        if type(box) is not ForeignBox:
            raise TypeError(f"expected a ForeignBox, got {type(box).__name__}")
        return ForeignExposure(source._exposure[box], box)

    def getBBox(self) -> ForeignBox:
        return self._box

    def getPsf(self) -> Any:
        return self._exposure.getPsf()

    def setPsf(self, psf: Any) -> None:
        if not isinstance(psf, KernelPsf | None):
            raise TypeError(f"expected a KernelPsf, got {type(psf).__name__}")
        self._exposure.setPsf(psf)

    def clone(self) -> ForeignExposure:
        return ForeignExposure(self._exposure.clone(), self._box)


def test_foreign_exposures_are_cut_with_their_own_geometry() -> None:
    ours = make_exposure()
    before = snapshot(ours)
    task = make_task(scaleByFwhm=True, cellSizeX=3, cellSizeY=3, gridStepX=2, gridStepY=2)
    result = task.run(ForeignExposure(ours), forceEvenSized=True).exposure
    assert type(result) is ForeignExposure
    np.testing.assert_allclose(result.image.array, ours.image.array, rtol=1e-6)
    assert result.getPsf() is ours.getPsf()
    assert snapshot(ours) == before


def test_foreign_exposure_that_cannot_hold_the_psf(caplog: pytest.LogCaptureFixture) -> None:
    result = make_task(WideningMapper).run(ForeignExposure(make_exposure())).exposure
    assert result.getPsf() is None
    assert "A ForeignExposure cannot hold a CellPsf" in caplog.text


def test_foreign_exposure_of_integers() -> None:
    class Counts(ForeignExposure):
        def clone(self) -> ForeignExposure:
            clone = super().clone()
            clone.image = SimpleNamespace(array=self.image.array.astype(np.int32))
            return clone

    with pytest.raises(TypeError, match="floating-point type to be NaN, got int32"):
        make_task().run(Counts(make_exposure()))


def test_mapper_need_not_be_an_image_mapper() -> None:
    class Plain(Task):
        ConfigClass = ImageMapper.ConfigClass
        _DefaultName = "plain"

        def run(self, subExposure: Any, expandedSubExposure: Any, fullBBox: Any) -> Struct:
            subExposure.image.array += 1
            return Struct(subExposure=subExposure)

    exposure = make_exposure()
    result = make_task(Plain, adjustGridOption="size").run(exposure).exposure
    np.testing.assert_array_equal(result.image.array, exposure.image.array + 1)


# --- Plot ---------------------------------------------------------------------------------


def test_plot_of_boxes() -> None:
    matplotlib = pytest.importorskip("matplotlib", reason="matplotlib is not installed")
    matplotlib.use("Agg")
    from matplotlib import pyplot

    exposure = make_exposure((30, 30), xy0=(100, 0))
    task = make_task()
    with pytest.raises(RuntimeError, match="must be boxes to plot"):
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
