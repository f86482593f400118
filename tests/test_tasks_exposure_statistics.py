"""Mean variances of exposures."""

from __future__ import annotations

import numpy as np
import pytest

import whitediff
from exposures import IGNORED_BITS
from one_filter import make_exposure, make_exposures, make_task
from white_noise import gaussian


def test_mean_variance_leaves_masked_pixels_out() -> None:
    exposure = make_exposure(1)
    assert exposure.variance is not None
    exposure.variance.array[5:15, 5:15] = 100.0
    exposure.mask.array[5:15, 5:15] = exposure.mask.getPlaneBitMask("SAT")
    expected = whitediff.clipped_mean(
        exposure.variance.array, mask=exposure.mask.array, ignore_mask=IGNORED_BITS
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


def test_mean_variances_of_large_frames_are_sampled() -> None:
    shape = (640, 33)
    exposures = make_exposures(shape=shape)
    task = make_task()
    task.run(*exposures, gaussian(1.2, 5))
    difference = exposures[2].variance
    assert difference is not None
    expected = whitediff.clipped_mean(
        difference.array[::10], mask=exposures[2].mask.array[::10], ignore_mask=IGNORED_BITS
    )
    assert task.metadata["differenceVariance"] == expected
