"""Score images, and what they say of point sources, from the decorrelation tasks."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from many_filters import CORE_MODES, KERNEL, MODES, SHAPE, core, make_exposures, spatial_task
from whitediff.tasks import (
    DecorrelateALKernelConfig,
    DecorrelateALKernelSpatialConfig,
    DecorrelateALKernelSpatialTask,
    DecorrelateALKernelTask,
)


def config_with_score(**fields: Any) -> DecorrelateALKernelSpatialConfig:
    config = DecorrelateALKernelSpatialConfig()
    for worker in (config.decorrelateConfig, config.decorrelateMapReduceConfig.mapper):
        worker.doScore = True
        for name, value in fields.items():
            setattr(worker, name, value)
    return config


@pytest.mark.parametrize("varying", [True, False])
@pytest.mark.parametrize("mode", MODES)
def test_a_score_comes_with_any_difference(mode: str, varying: bool) -> None:
    """That of the functions, with full variance, beside the image as it is without it."""
    exposures = make_exposures()
    task = DecorrelateALKernelSpatialTask(config=config_with_score())
    result = task.run(*exposures, KERNEL, varying, **MODES[mode])
    plain = DecorrelateALKernelSpatialTask().run(*exposures, KERNEL, varying, **MODES[mode])
    for plane in ("image", "variance"):
        np.testing.assert_array_equal(
            getattr(result.correctedExposure, plane).array,
            getattr(plain.correctedExposure, plane).array,
        )
    assert set(plain.getDict()) == {"correctedExposure"}
    expected = core(
        exposures,
        **{**CORE_MODES[mode], "mode": "score", "variance": "full"},
        spatially_varying=varying,
    )
    np.testing.assert_array_equal(result.scoreExposure.image.array, expected.image)
    np.testing.assert_array_equal(result.scoreExposure.variance.array, expected.variance)
    for ours, plane in zip(result.pointSources, expected.point_sources, strict=True):
        np.testing.assert_array_equal(ours, plane)
    kind = "a likelihood image" if mode == "score" else "an ordinary difference"
    step = "mapReduce:mapper" if varying else "decorrelate"
    assert task.getFullMetadata()[f"{task.getName()}:{step}.scoreOf"] == kind


def test_a_configured_grid_is_for_the_white_image() -> None:
    """The score has the cells that are best for it."""
    exposures = make_exposures()
    task = spatial_task(mapper={"doScore": True})
    result = task.run(*exposures, KERNEL)
    expected = core(exposures, mode="score", variance="full")
    np.testing.assert_array_equal(result.scoreExposure.image.array, expected.image)
    assert not np.array_equal(
        result.scoreExposure.image.array, result.correctedExposure.image.array
    )


def test_a_score_has_edges_a_psf_and_what_remains_of_the_colour() -> None:
    exposures = make_exposures(mask=np.zeros(SHAPE, np.int32))
    exposures[2].image.array[50:60, 60:70] = np.nan
    config = config_with_score(filterEdgePlane="FILTER_EDGE", covariance="measured")
    result = DecorrelateALKernelSpatialTask(config=config).run(*exposures, KERNEL)
    expected = core(exposures, mode="score", variance="full", covariance="measured")
    score = result.scoreExposure
    np.testing.assert_array_equal(score.image.array, expected.image)
    bit = score.mask.getPlaneBitMask("FILTER_EDGE")
    np.testing.assert_array_equal(score.mask.array & bit != 0, expected.filter_edge)
    np.testing.assert_allclose(
        score.psf.computeKernelImage((100, 250)).array,
        (at := expected.psf_at(100, 250)) / at.sum(),
        rtol=1e-12,
        atol=1e-12,
    )


def test_where_there_is_no_score() -> None:
    exposures = make_exposures(psf=None)
    with pytest.raises(ValueError, match="doScore must come with a PSF of the difference"):
        DecorrelateALKernelSpatialTask(config=config_with_score()).run(*exposures, KERNEL)
    config = DecorrelateALKernelConfig()
    config.doScore = True
    exposures = make_exposures()
    exposures[1].image.array[:] = np.nan
    result = DecorrelateALKernelTask(config=config).run(*exposures, KERNEL)
    assert result.scoreExposure is None and result.pointSources is None
