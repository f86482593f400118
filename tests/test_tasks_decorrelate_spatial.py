"""Decorrelation with a filter that varies over the frame, as a task."""

from __future__ import annotations

import logging
import pickle
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from lsst.pex.config import Config, FieldValidationError
from numpy.typing import NDArray

import foreign
import whitediff
from white_noise import RADIUS, difference, gaussian, inner, linear_kernel, matched, white
from whitediff.exposure import Exposure
from whitediff.geometry import Box2I, Extent2I, Point2D, Point2I
from whitediff.io import read_exposure, write_exposure
from whitediff.kernel import Kernel, Polynomial2D, SpatialKernel, fixed_kernel
from whitediff.psf import CellPsf, KernelPsf
from whitediff.tasks import (
    DecorrelateALKernelConfig,
    DecorrelateALKernelMapper,
    DecorrelateALKernelMapReduceConfig,
    DecorrelateALKernelSpatialConfig,
    DecorrelateALKernelSpatialTask,
    DecorrelateALKernelTask,
    ImageMapper,
    ImageMapReduceTask,
    ImageReducer,
    Struct,
)

NAME = "ip_diffim_decorrelateALKernelSpatial"
SHAPE = (211, 187)
XY0 = (-30, 205)
PSF = gaussian(1.5, 10)
IGNORED = [
    "INTRP", "EDGE", "DETECTED", "SAT", "CR", "BAD", "NO_DATA", "DETECTED_NEGATIVE",
]  # fmt: skip


def placed(kernel: SpatialKernel, xy0: tuple[int, int]) -> SpatialKernel:
    """A kernel whose functions are linear, in coordinates that count from `xy0`."""
    functions = []
    for function in kernel.functions:
        constant, slope_x, slope_y = function.coefficients  # type: ignore[attr-defined]
        constant -= slope_x * xy0[0] + slope_y * xy0[1]
        functions.append(Polynomial2D([constant, slope_x, slope_y]))
    return SpatialKernel(kernel.basis, functions, center=kernel.center)


KERNEL = placed(linear_kernel(SHAPE, 1.3, (1.2, 1.9)), XY0)


def ramp(shape: tuple[int, int], low: float, high: float) -> NDArray[np.float64]:
    """A variance that grows along y."""
    return np.repeat(np.linspace(low, high, shape[0])[:, np.newaxis], shape[1], axis=1)


def make_exposure(seed: int, shape: tuple[int, int] = SHAPE, **values: Any) -> Exposure:
    rng = np.random.default_rng(seed)
    options: dict[str, Any] = {
        "image": rng.normal(0.0, 1.0, shape),
        "mask": (rng.random(shape) < 0.03).astype(np.int32) << rng.integers(0, 9, shape),
        "variance": ramp(shape, 0.8, 1.2) * rng.uniform(0.9, 1.1, shape) * (1 + seed % 3),
        "psf": KernelPsf(PSF),
        "xy0": XY0,
    }
    return Exposure(**{**options, **values})


def make_exposures(**values: Any) -> tuple[Exposure, Exposure, Exposure]:
    """Science, template, difference."""
    return make_exposure(1, **values), make_exposure(2, **values), make_exposure(3, **values)


def snapshot(exposure: Any) -> list[Any]:
    planes = (exposure.image, exposure.mask, exposure.variance)
    return [plane.array.tobytes() for plane in planes] + [exposure.getPsf(), exposure.getBBox()]


def core(exposures: Any, kernel: Any = KERNEL, **options: Any) -> whitediff.Whitened:
    science, template, difference = exposures
    defaults = dict(
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


def spatial_task(**grid: Any) -> DecorrelateALKernelSpatialTask:
    """A task with cells of 61 pixels every 50, which overlap, and with these settings."""
    config = DecorrelateALKernelSpatialConfig()
    map_reduce = config.decorrelateMapReduceConfig
    configure(map_reduce, **grid)
    return DecorrelateALKernelSpatialTask(config=config)


def configure(config: DecorrelateALKernelMapReduceConfig, **values: Any) -> None:
    for name in ("mapper", "reducer"):
        getattr(config, name).update(**values.pop(name, {}))
    cells = dict.fromkeys(("cellSizeX", "cellSizeY"), 61)
    steps = dict.fromkeys(("gridStepX", "gridStepY"), 50)
    borders = dict.fromkeys(("borderSizeX", "borderSizeY"), 20)
    config.update(**{"scaleByFwhm": False, **cells, **steps, **borders, **values})


def map_reduce_task(**values: Any) -> ImageMapReduceTask:
    """The grid task that Rubin users configure by hand."""
    config = DecorrelateALKernelMapReduceConfig()
    configure(config, **values)
    return ImageMapReduceTask(config=config)


def arguments(exposures: Any, **options: Any) -> dict[str, Any]:
    science, template, _ = exposures
    return {"science": science, "template": template, "psfMatchingKernel": KERNEL, **options}


MODES: dict[str, dict[str, Any]] = {
    "template": {},
    "science": {"templateMatched": False},
    "score": {"preConvMode": True},
}
CORE_MODES: dict[str, dict[str, Any]] = {
    "template": {},
    "science": {"convolved": "science"},
    "score": {"mode": "score"},
}


# --- Configuration ------------------------------------------------------------------------


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


# --- Whiteness ----------------------------------------------------------------------------


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


# --- Runs ---------------------------------------------------------------------------------


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
    np.testing.assert_array_equal(psf.images, expected.psf)
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
    expected = core(exposures, mode="score", pre_kernel=p)
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
    assert snapshot(result) == snapshot(exposures[2])
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
    assert info[0] == "Running A&L decorrelation: spatiallyVarying=True"


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
    assert kernel.calls <= 6


# --- A grid configured by hand ------------------------------------------------------------


class CellByCell(DecorrelateALKernelMapper):
    """The mapper without its way to do all cells at once."""

    def runAll(self, *args: Any, **kwargs: Any) -> None:  # type: ignore[override]
        return None


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
        images = [r.getPsf().computeKernelImage(Point2D(x, y)).array for r in results]
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
    with pytest.raises(RuntimeError, match="alTaskResult or a psfMatchingKernel, got neither"):
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
    with pytest.raises(ValueError, match="finite, unmasked pixels"):
        ImageMapReduceTask(config=config).run(exposures[2], **arguments(exposures))


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


# --- Exposures and kernels of others ------------------------------------------------------


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
    # The matching PSF was not asked for in the run, but for the size of the cells.
    assert len(psf.positions) <= 2
    narrow, average = (
        result.getPsf().computeKernelImage(Point2D(x, 300)).array for x in (-20, 150)
    )
    n_cells = result.getPsf().getComponentCount()
    # Beyond x = 100 the PSF is not known, and its average stands in.
    assert len(psf.positions) < n_cells + 4
    assert narrow.max() > average.max()


def test_tasks_share_a_configuration_class_with_others() -> None:
    class PipelineConfig(Config):
        decorrelate = DecorrelateALKernelSpatialTask.makeField("White noise.")

    config = PipelineConfig()
    config.decorrelate.decorrelateMapReduceConfig.cellSizeX = 31.0
    assert config.decorrelate.value.hasDefaultGrid() is False
