"""Decorrelation as a part of pipelines of lsst.pipe.base."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
from lsst.pex.config import Config, ConfigurableField, makeRegistry

import whitediff.tasks as ours
from exposures import make_exposure
from white_noise import gaussian, linear_kernel
from whitediff.exposure import Exposure
from whitediff.psf import KernelPsf

real: Any = pytest.importorskip("lsst.pipe.base", reason="lsst.pipe.base is not installed")

SHAPE = (150, 171)
KERNEL = linear_kernel(SHAPE, 1.2, (1.2, 1.8))


class NothingConfig(Config):
    """Configuration of a task that does nothing."""


class NothingTask(real.Task):  # type: ignore[misc]
    """What stands in the pipeline until it is retargeted."""

    ConfigClass = NothingConfig
    _DefaultName = "nothing"


class SubtractConfig(Config):
    decorrelate = ConfigurableField[Any](doc="Make the noise white.", target=NothingTask)


class SubtractTask(real.Task):  # type: ignore[misc]
    """A task of lsst.pipe.base with a subtask to be retargeted."""

    ConfigClass = SubtractConfig
    _DefaultName = "subtract"

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.makeSubtask("decorrelate")

    @ours.timeMethod
    def run(self, exposures: Any, **kwargs: Any) -> Any:
        result = self.decorrelate.run(*exposures, KERNEL, **kwargs)
        return real.Struct(difference=result.correctedExposure)


def make_exposures() -> list[Exposure]:
    psf = KernelPsf(gaussian(1.5, 10))
    return [make_exposure(seed, SHAPE, psf=psf, xy0=(0, 0)) for seed in (1, 2, 3)]


def make_config(target: type[Any] = ours.DecorrelateALKernelSpatialTask) -> SubtractConfig:
    config = SubtractConfig()
    config.decorrelate.retarget(target)
    return config


@pytest.mark.parametrize("varying", [True, False])
def test_retargeted_subtask(varying: bool) -> None:
    exposures = make_exposures()
    task = SubtractTask(config=make_config())
    difference = task.run(exposures, spatiallyVarying=varying).difference
    alone = ours.DecorrelateALKernelSpatialTask()
    expected = alone.run(*exposures, KERNEL, spatiallyVarying=varying).correctedExposure
    np.testing.assert_array_equal(difference.image.array, expected.image.array)
    np.testing.assert_array_equal(difference.variance.array, expected.variance.array)
    metadata = task.getFullMetadata()
    assert type(metadata) is real.TaskMetadata
    step = "mapReduce:mapper" if varying else "decorrelate"
    assert metadata[f"subtract:decorrelate:{step}.nCells"] >= 1
    assert metadata["subtract:decorrelate.spatiallyVarying"] is varying
    # JSON of the real metadata is read by ours.
    copy = ours.TaskMetadata.model_validate_json(metadata.model_dump_json())
    assert copy.to_dict() == metadata.to_dict()
    assert task.decorrelate.mapReduce.mapper.getFullName() == (
        "subtract.decorrelate.mapReduce.mapper"
    )
    assert task.decorrelate.mapReduce.mapper.log.name.endswith(
        "subtract.decorrelate.mapReduce.mapper"
    )


def test_retargeted_subtask_with_a_configured_grid() -> None:
    config = make_config()
    grid = config.decorrelate.decorrelateMapReduceConfig
    grid.scaleByFwhm = False
    grid.mapper.completeVarPlanePropagation = True
    copy = SubtractConfig()
    copy.loadFromString(config.saveToString())
    assert copy.decorrelate.target is ours.DecorrelateALKernelSpatialTask
    task = SubtractTask(config=copy)
    exposures = make_exposures()
    difference = task.run(exposures).difference
    assert np.isfinite(difference.image.array).all()
    metadata = task.getFullMetadata()
    assert metadata["subtract:decorrelate:mapReduce.nCells"] == 4 * 5
    assert metadata["subtract:decorrelate.grid"] == "configured"


def test_retargeted_task_with_one_filter() -> None:
    exposures = make_exposures()
    task = SubtractTask(config=make_config(ours.DecorrelateALKernelTask))
    difference = task.run(exposures, svar=1.0, tvar=1.0, templateMatched=True).difference
    expected = ours.DecorrelateALKernelTask().run(*exposures, KERNEL, svar=1.0, tvar=1.0)
    np.testing.assert_array_equal(difference.image.array, expected.correctedExposure.image.array)


def test_from_a_registry() -> None:
    registry = makeRegistry("Ways to make noise white.", Config)
    registry.register("varying", ours.DecorrelateALKernelSpatialTask)
    registry.register("fixed", ours.DecorrelateALKernelTask)

    class ChoiceConfig(Config):
        decorrelate = registry.makeField("Which way.", default="varying")

    class ChoiceTask(SubtractTask):
        ConfigClass = ChoiceConfig

    exposures = make_exposures()
    for name in ("varying", "fixed"):
        config = ChoiceConfig()
        config.decorrelate.name = name
        task = ChoiceTask(config=config)
        assert type(task.decorrelate) is registry[name]
        assert np.isfinite(task.run(exposures).difference.image.array).all()


def test_pickling_with_the_parent() -> None:
    config = make_config()
    config.decorrelate.decorrelateConfig.nThreads = 1
    task = pickle.loads(pickle.dumps(SubtractTask(config=config)))
    assert task.decorrelate.decorrelate.config.nThreads == 1
    exposures = make_exposures()
    results = [
        each.run(exposures).difference.image.array for each in (task, SubtractTask(config=config))
    ]
    np.testing.assert_array_equal(*results)
    subtask = pickle.loads(pickle.dumps(task.decorrelate))
    assert subtask.getFullName() == "subtract.decorrelate"


def test_real_mapper_in_our_grid() -> None:
    class CountMapper(real.Task):  # type: ignore[misc]
        ConfigClass = NothingConfig
        _DefaultName = "count"

        def run(self, subExposure: Any, *args: Any, science: Any, **kwargs: Any) -> Any:
            subExposure.image.array[...] = science.getBBox().getWidth()
            return real.Struct(subExposure=subExposure)

    config = make_config()
    config.decorrelate.decorrelateMapReduceConfig.mapper.retarget(CountMapper)
    difference = SubtractTask(config=config).run(make_exposures()).difference
    np.testing.assert_array_equal(difference.image.array, float(SHAPE[1]))
