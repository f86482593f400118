"""Decorrelation with a filter that varies over the frame, as a task."""

from __future__ import annotations

import logging
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from lsst.pex.config import Config, FieldValidationError
from numpy.typing import NDArray

import foreign
import whitediff
from exposures import XY0, assert_same_psf, snapshot
from many_filters import (
    CORE_MODES,
    KERNEL,
    MODES,
    NAME,
    PSF,
    CellByCell,
    configure,
    core,
    make_exposure,
    make_exposures,
    spatial_task,
)
from white_noise import gaussian
from whitediff.exposure import Exposure
from whitediff.geometry import Box2I, Extent2I, Point2D, Point2I
from whitediff.io import read_exposure, write_exposure
from whitediff.kernel import Kernel
from whitediff.psf import CellPsf
from whitediff.tasks import (
    DecorrelateALKernelConfig,
    DecorrelateALKernelMapper,
    DecorrelateALKernelSpatialConfig,
    DecorrelateALKernelSpatialTask,
    DecorrelateALKernelTask,
    ImageMapper,
    ImageReducer,
)

IGNORED = [
    "BAD", "SAT", "INTRP", "CR", "EDGE", "DETECTED", "DETECTED_NEGATIVE", "NO_DATA",
]  # fmt: skip


def test_default_configuration() -> None:
    config = DecorrelateALKernelSpatialConfig()
    grid = config.decorrelateMapReduceConfig
    assert (grid.cellSizeX, grid.cellSizeY) == (41, 41)
    assert (grid.gridStepX, grid.gridStepY) == (40, 40)
    assert (grid.borderSizeX, grid.borderSizeY) == (8, 8)
    assert grid.scaleByFwhm is True
    assert grid.reducer.reduceOperation == "average"
    assert grid.mapper.target is DecorrelateALKernelMapper
    assert list(config.ignoreMaskPlanes) == IGNORED
    assert list(grid.mapper.ignoreMaskPlanes) == IGNORED
    assert type(config.decorrelateConfig) is DecorrelateALKernelConfig
    assert config.automaticCells is True
    assert DecorrelateALKernelSpatialTask._DefaultName == NAME
    assert DecorrelateALKernelMapper._DefaultName == "ip_diffim_decorrelateALKernelMapper"


def test_mapper_is_configured_as_the_task() -> None:
    names = set(DecorrelateALKernelConfig().toDict())
    assert set(DecorrelateALKernelMapper.ConfigClass().toDict()) == names
    assert issubclass(DecorrelateALKernelMapper, DecorrelateALKernelTask)
    assert issubclass(DecorrelateALKernelMapper, ImageMapper)


CHANGES = [
    "cellSizeX = 30.0",
    "gridStepY = 20.0",
    "borderSizeX = 9.0",
    "scaleByFwhm = False",
    "adjustGridOption = 'size'",
    "cellCentroidsX = [1.0]\nconfig.decorrelateMapReduceConfig.cellCentroidsY = [2.0]",
    "returnSubImages = True",
    "reducer.reduceOperation = 'copy'",
]


NO_CHANGES = [
    "cellSizeX = 41.0",
    "ignoreMaskPlanes = ['BAD']",
    "mapper.ignoreMaskPlanes = ['BAD']",
    "mapper.completeVarPlanePropagation = True",
    "mapper.nThreads = 2",
    "reducer.badMaskPlanes = ['BAD']",
]


@pytest.mark.parametrize(
    ("change", "default"), [(c, False) for c in CHANGES] + [(c, True) for c in NO_CHANGES]
)
def test_what_makes_another_grid(change: str, default: bool) -> None:
    config = DecorrelateALKernelSpatialConfig()
    config.loadFromString(f"config.decorrelateMapReduceConfig.{change}")
    assert config.hasDefaultGrid() is default


def test_another_mapper_or_reducer_is_another_grid() -> None:
    class Mapper(DecorrelateALKernelMapper):
        pass

    class Reducer(ImageReducer):
        pass

    for name, target in (("mapper", Mapper), ("reducer", Reducer)):
        config = DecorrelateALKernelSpatialConfig()
        getattr(config.decorrelateMapReduceConfig, name).retarget(target)
        assert config.hasDefaultGrid() is False


def test_the_grid_of_a_subclass_is_another_grid() -> None:
    class Coarse(DecorrelateALKernelSpatialConfig):
        def setDefaults(self) -> None:
            super().setDefaults()
            self.decorrelateMapReduceConfig.cellSizeX = 80.0

    assert Coarse().hasDefaultGrid() is False


def test_boxes_set_by_hand_are_used() -> None:
    exposures = make_exposures()
    task = DecorrelateALKernelSpatialTask()
    box = Box2I(Point2I(-10, 220), Extent2I(50, 60))
    task.mapReduce.boxes0 = task.mapReduce.boxes1 = [box]
    result = task.run(*exposures, KERNEL).correctedExposure
    assert np.isfinite(result.image.array).sum() == 50 * 60
    assert np.isfinite(result.image[box].array).all()


def test_the_grid_that_is_used() -> None:
    exposures = make_exposures()
    config = DecorrelateALKernelSpatialConfig()
    task = DecorrelateALKernelSpatialTask(config=config)
    task.run(*exposures, KERNEL)
    assert task.metadata["grid"] == "automatic"
    config.automaticCells = False
    task = DecorrelateALKernelSpatialTask(config=config)
    task.run(*exposures, KERNEL)
    assert task.metadata["grid"] == "configured"
    metadata = task.getFullMetadata()
    # The FWHM of a Gaussian of 1.5 pixels is 3.53.
    assert metadata[f"{NAME}:mapReduce.cellSizeX"] == round(41 * 3.532)
    task = spatial_task()
    task.run(*exposures, KERNEL)
    assert task.metadata["grid"] == "configured"
    task.run(*exposures, KERNEL, spatiallyVarying=False)
    assert task.metadata["grid"] == "one filter"


def test_configuration_from_a_file_of_overrides(tmp_path: Path) -> None:
    path = tmp_path / "overrides.py"
    path.write_text(
        "config.decorrelateMapReduceConfig.scaleByFwhm = False\n"
        "config.decorrelateMapReduceConfig.mapper.completeVarPlanePropagation = True\n"
        "config.decorrelateConfig.nThreads = 1\n"
    )
    config = DecorrelateALKernelSpatialConfig()
    config.load(path)
    task = DecorrelateALKernelSpatialTask(config=config)
    assert task.decorrelate.config.nThreads == 1
    assert task.mapReduce.mapper.config.completeVarPlanePropagation is True
    copy = DecorrelateALKernelSpatialConfig()
    copy.loadFromString(config.saveToString())
    assert copy.toDict() == config.toDict()
    with pytest.raises(FieldValidationError):
        config.loadFromString("config.decorrelateMapReduceConfig.cellSizeX = -1.0")


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("full", [False, True])
def test_run_is_what_the_core_does(mode: str, full: bool) -> None:
    exposures = make_exposures()
    before = [snapshot(exposure) for exposure in exposures]
    config = DecorrelateALKernelSpatialConfig()
    config.decorrelateMapReduceConfig.mapper.completeVarPlanePropagation = full
    task = DecorrelateALKernelSpatialTask(config=config)
    result = task.run(*exposures, KERNEL, **MODES[mode])
    assert list(result.getDict()) == ["correctedExposure"]
    corrected = result.correctedExposure
    expected = core(exposures, **CORE_MODES[mode], variance="full" if full else "estimate")
    np.testing.assert_array_equal(corrected.image.array, expected.image)
    np.testing.assert_array_equal(corrected.variance.array, expected.variance)
    np.testing.assert_array_equal(corrected.mask.array, exposures[2].mask.array)
    assert corrected.mask.getMaskPlaneDict() == exposures[2].mask.getMaskPlaneDict()
    psf = corrected.getPsf()
    assert isinstance(psf, CellPsf)
    assert_same_psf(psf.images, expected.psf)
    np.testing.assert_array_equal(psf.boxes, expected.cells.boxes + np.array(XY0 + XY0))
    np.testing.assert_array_equal(psf.positions, expected.cells.centers)
    assert [snapshot(exposure) for exposure in exposures] == before


@pytest.mark.parametrize("mode", MODES)
def test_one_filter_is_that_of_the_other_task(mode: str) -> None:
    exposures = make_exposures()
    result = DecorrelateALKernelSpatialTask().run(
        *exposures, KERNEL, spatiallyVarying=False, **MODES[mode]
    )
    expected = DecorrelateALKernelTask().run(*exposures, KERNEL, **MODES[mode])
    for ours, theirs in ((result.correctedExposure, expected.correctedExposure),):
        np.testing.assert_array_equal(ours.image.array, theirs.image.array)
        np.testing.assert_array_equal(ours.variance.array, theirs.variance.array)
        np.testing.assert_array_equal(ours.getPsf().images, theirs.getPsf().images)


def test_given_pre_kernel() -> None:
    exposures = make_exposures()
    p = gaussian(1.3, 10)
    task = DecorrelateALKernelSpatialTask()
    result = task.run(*exposures, KERNEL, preConvKernel=p, preConvMode=True).correctedExposure
    expected = core(exposures, mode="score", preconvolved=True, pre_kernel=p, variance="estimate")
    np.testing.assert_array_equal(result.image.array, expected.image)


@pytest.mark.parametrize("varying", [False, True])
@pytest.mark.parametrize("task", [DecorrelateALKernelSpatialTask, spatial_task])
def test_pre_kernels_are_for_likelihood_images(task: Any, varying: bool) -> None:
    with pytest.raises(ValueError, match="preConvKernel must come with preConvMode"):
        task().run(*make_exposures(), KERNEL, varying, preConvKernel=PSF)
    with pytest.raises(ValueError, match="preConvMode must come with templateMatched"):
        task().run(*make_exposures(), KERNEL, varying, preConvMode=True, templateMatched=False)


def test_mean_variance() -> None:
    exposure = make_exposure(1)
    expected = DecorrelateALKernelTask().computeVarianceMean(exposure)
    assert DecorrelateALKernelSpatialTask().computeVarianceMean(exposure) == expected
    config = DecorrelateALKernelSpatialConfig()
    config.ignoreMaskPlanes = []
    task = DecorrelateALKernelSpatialTask(config=config)
    assert exposure.variance is not None
    assert task.computeVarianceMean(exposure) == whitediff.clipped_mean(exposure.variance.array)


@pytest.mark.parametrize("task", [DecorrelateALKernelSpatialTask, spatial_task])
@pytest.mark.parametrize("varying", [False, True])
def test_nan_inputs_are_passed_through(
    task: Any, varying: bool, caplog: pytest.LogCaptureFixture
) -> None:
    exposures = make_exposures()
    exposures[1].image.array[...] = np.nan
    result = task().run(*exposures, KERNEL, spatiallyVarying=varying).correctedExposure
    expected = exposures[2].clone()
    # A grid adds the planes that it may set.
    for name in result.mask.getMaskPlaneDict():
        expected.mask.addMaskPlane(name)
    assert snapshot(result) == snapshot(expected)
    assert "entirely NaNs: skipping decorrelation" in caplog.text


def test_log(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        DecorrelateALKernelSpatialTask().run(*make_exposures(), KERNEL)
    info = [record.message for record in caplog.records if record.levelno == logging.INFO]
    assert [message.partition(":")[0] for message in info] == [
        "Running A&L decorrelation",
        "Decorrelation after template image convolution",
        "Variance (science, template)",
        "Variance (uncorrected diffim)",
        "Variance (corrected diffim)",
    ]
    assert info[0] == "Running A&L decorrelation: spatiallyVarying=True, from the argument"


@pytest.mark.parametrize("configured", [False, True])
def test_metadata_tell_the_story_of_a_run(configured: bool) -> None:
    exposures = make_exposures()
    task = spatial_task() if configured else DecorrelateALKernelSpatialTask()
    result = task.run(*exposures, KERNEL).correctedExposure
    metadata = task.getFullMetadata()
    mapper = metadata[f"{NAME}:mapReduce:mapper"]
    assert metadata[f"{NAME}.spatiallyVarying"] is True
    # Some 64 rows are looked at, and means over cells are not quite those over the frame.
    for name, exposure in zip(
        ("science", "template", "difference", "corrected"), (*exposures, result), strict=True
    ):
        mean = task.computeVarianceMean(exposure)
        assert mapper[f"{name}Variance"] == pytest.approx(mean, rel=0.01)
    assert mapper["nCells"] == mapper["nFilters"] == result.getPsf().getComponentCount()
    assert mapper["border"] > 5 and mapper["clippedModes"] == 0 and mapper["nThreads"] >= 1
    if configured:
        assert metadata[f"{NAME}:mapReduce.nCells"] == mapper["nCells"] == 4 * 4
        assert (mapper["cellSizeX"], mapper["cellSizeY"]) == (62, 62)
        assert metadata[f"{NAME}:mapReduce.wholeGrid"] is True
    for stage in ("whiten", "makeExposure", "statistics"):
        assert mapper[f"{stage}EndCpuTime"] >= mapper[f"{stage}StartCpuTime"]
    assert metadata[f"{NAME}.runEndCpuTime"] >= metadata[f"{NAME}.runStartCpuTime"]
    assert type(metadata).model_validate_json(metadata.model_dump_json()) == metadata


@pytest.mark.parametrize("configured", [False, True])
def test_progress(configured: bool) -> None:
    calls: list[tuple[int, int]] = []
    task = spatial_task() if configured else DecorrelateALKernelSpatialTask()
    task.run(*make_exposures(), KERNEL, progress=lambda *call: calls.append(call))
    n_cells = task.getFullMetadata()[f"{NAME}:mapReduce:mapper.nCells"]
    assert calls[-1] == (n_cells, n_cells)

    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        task.run(*make_exposures(), KERNEL, progress=stop)


def test_pickling() -> None:
    task = spatial_task(mapper={"nThreads": 1})
    copy = pickle.loads(pickle.dumps(task))
    assert copy.config.toDict() == task.config.toDict()
    assert copy.mapReduce.mapper.config.nThreads == 1
    assert copy.mapReduce.mapper.getFullName() == f"{NAME}.mapReduce.mapper"
    exposures = make_exposures()
    results = [t.run(*exposures, KERNEL).correctedExposure for t in (task, copy)]
    np.testing.assert_array_equal(results[0].image.array, results[1].image.array)


def test_the_result_can_be_written(tmp_path: Path) -> None:
    result = DecorrelateALKernelSpatialTask().run(*make_exposures(), KERNEL).correctedExposure
    write_exposure(result, tmp_path / "corrected.fits")
    copy = read_exposure(tmp_path / "corrected.fits")
    np.testing.assert_array_equal(copy.image.array, result.image.array)
    np.testing.assert_array_equal(copy.getPsf().images, result.getPsf().images)
    np.testing.assert_array_equal(copy.getPsf().boxes, result.getPsf().boxes)


class PythonKernel(Kernel):
    """A kernel that is made in Python and records where."""

    def __init__(self) -> None:
        super().__init__(shape=KERNEL.shape, center=KERNEL.center)
        self.calls = 0

    def evaluate(self, x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
        self.calls += 1
        return KERNEL.evaluate(x, y)


def test_kernels_are_evaluated_for_many_cells_at_once() -> None:
    exposures = make_exposures()
    kernel = PythonKernel()
    task = spatial_task()
    result = task.run(*exposures, kernel).correctedExposure
    expected = task.run(*exposures, KERNEL).correctedExposure
    np.testing.assert_array_equal(result.image.array, expected.image.array)
    # Six for the filters; the verdict looks at the white image, and twice at the difference.
    assert kernel.calls <= 10


@pytest.mark.parametrize("mapper", [None, DecorrelateALKernelMapper, CellByCell])
@pytest.mark.parametrize("mode", MODES)
def test_foreign_exposures(mapper: type[Any] | None, mode: str) -> None:
    exposures = make_exposures()
    strangers = [foreign.Exposure(exposure) for exposure in exposures]
    before = [snapshot(exposure) for exposure in strangers]
    config = DecorrelateALKernelSpatialConfig()
    # The planes that a foreign mask knows.
    config.decorrelateMapReduceConfig.mapper.ignoreMaskPlanes = ["BAD", "SAT", "DETECTED"]
    if mapper is not None:
        config.decorrelateMapReduceConfig.mapper.retarget(mapper)
        configure(config.decorrelateMapReduceConfig)
    task = DecorrelateALKernelSpatialTask(config=config)
    result = task.run(*strangers, KERNEL, **MODES[mode]).correctedExposure
    assert type(result) is foreign.Exposure
    same_bits = [
        Exposure(
            image=e.image, variance=e.variance, psf=e.psf, xy0=XY0,
            mask=np.where(e.mask.array & 0b111, 1, 0),
        )
        for e in exposures
    ]  # fmt: skip
    expected = task.run(*same_bits, KERNEL, **MODES[mode]).correctedExposure
    np.testing.assert_array_equal(result.image.array, expected.image.array)
    np.testing.assert_array_equal(result.variance.array, expected.variance.array)
    assert [snapshot(exposure) for exposure in strangers] == before


def test_foreign_kernel_and_psf() -> None:
    exposures = make_exposures()
    image = 1.3 * gaussian(1.6)
    image[3:8, 4:20] += 0.01
    psf = foreign.PatchyPsf((PSF, gaussian(2.2, 10)), x_max=100.0)
    exposures[2].setPsf(psf)
    task = spatial_task()
    result = task.run(*exposures, foreign.CorrelationKernel(image)).correctedExposure
    expected = task.run(*make_exposures(), image[::-1, ::-1]).correctedExposure
    np.testing.assert_array_equal(result.image.array, expected.image.array)
    # The matching PSF was not asked for in the run, but for the size of the cells and the verdict.
    assert len(psf.positions) <= 3
    narrow, average = (
        result.getPsf().computeKernelImage(Point2D(x, 300)).array for x in (-20, 150)
    )
    n_cells = result.getPsf().getComponentCount()
    # Beyond x = 100 the PSF is not known, and its average stands in.
    # Five places in nine cells, and four, tell how many are needed.
    assert len(psf.positions) < n_cells + 9 * (5 + 4) + 5
    assert narrow.max() > average.max()


def test_tasks_share_a_configuration_class_with_others() -> None:
    class PipelineConfig(Config):
        decorrelate = DecorrelateALKernelSpatialTask.makeField("White noise.")

    config = PipelineConfig()
    config.decorrelate.decorrelateMapReduceConfig.cellSizeX = 31.0
    assert config.decorrelate.value.hasDefaultGrid() is False


@pytest.mark.parametrize("argument", [True, False])
@pytest.mark.parametrize("field", [True, False, None])
def test_the_configuration_overrides_the_argument(
    argument: bool, field: bool | None, caplog: pytest.LogCaptureFixture
) -> None:
    """Rubin's subtraction tasks always ask for one filter."""
    exposures = make_exposures()
    config = DecorrelateALKernelSpatialConfig()
    config.spatiallyVarying = field
    task = DecorrelateALKernelSpatialTask(config=config)
    varying = argument if field is None else field
    with caplog.at_level(logging.INFO):
        result = task.run(*exposures, KERNEL, spatiallyVarying=argument).correctedExposure
    expected = DecorrelateALKernelSpatialTask().run(*exposures, KERNEL, spatiallyVarying=varying)
    np.testing.assert_array_equal(result.image.array, expected.correctedExposure.image.array)
    assert task.metadata["spatiallyVarying"] is varying
    source = "argument" if field is None else "configuration"
    assert f"spatiallyVarying={varying}, from the {source}" in caplog.text


@pytest.mark.parametrize("varying", [True, False])
def test_threads_of_the_argument_come_before_those_of_the_configuration(varying: bool) -> None:
    exposures = make_exposures()
    config = DecorrelateALKernelSpatialConfig()
    config.decorrelateConfig.nThreads = 2
    config.decorrelateMapReduceConfig.mapper.nThreads = 2
    task = DecorrelateALKernelSpatialTask(config=config)
    used = task.mapReduce.mapper if varying else task.decorrelate
    for argument, expected in ((None, 2), (1, 1), (3, 3)):
        task.run(*exposures, KERNEL, spatiallyVarying=varying, nThreads=argument)
        assert used.metadata["nThreads"] == expected
