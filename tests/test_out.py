"""Results that are written to arrays of the caller's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import whitediff

SHAPE = (73, 101)


def _kernel() -> Any:
    profile = np.exp(-0.5 * (np.arange(-4, 5) / 1.3) ** 2)
    kernel = np.outer(profile, profile)
    return kernel / kernel.sum()


def _inputs(dtype: Any) -> tuple[Any, Any]:
    rng = np.random.default_rng(1)
    image = rng.normal(5, 12, SHAPE).astype(dtype)
    image[20:24, 30:35] = np.nan
    return image, rng.uniform(90, 110, SHAPE).astype(dtype)


def _full_of(value: float, dtype: Any) -> tuple[Any, Any]:
    return np.full(SHAPE, value, dtype), np.full(SHAPE, value, dtype)


def _decorrelated(image: Any, plane: Any, **options: Any) -> Any:
    return whitediff.decorrelate(image, plane, 80.0, _kernel(), **options)


def _whitened(image: Any, plane: Any, **options: Any) -> Any:
    sources = [
        whitediff.NoiseSource(plane),
        whitediff.NoiseSource(80.0, kernels=[_kernel()]),
    ]
    return whitediff.whiten(image, sources, **options)


@pytest.mark.parametrize("variance", ["estimate", "full"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("run", [_decorrelated, _whitened])
def test_what_was_in_the_arrays_leaves_no_trace(
    run: Callable[..., Any], dtype: Any, variance: Any
) -> None:
    inputs = _inputs(dtype)
    # Two columns of cells, and pixels that none covers.
    grid = whitediff.Grid([[0, 0, 60, 73], [52, 0, 98, 73]])
    for options in ({}, {"grid": grid}):
        expected = run(*inputs, variance=variance, **options)
        for before in (7.0, np.nan):
            for threads in (1, 2):
                out = _full_of(before, dtype)
                result = run(*inputs, variance=variance, out=out, n_threads=threads, **options)
                assert result.image is out[0]
                assert result.variance is out[1]
                np.testing.assert_array_equal(out[0], expected.image)
                np.testing.assert_array_equal(out[1], expected.variance)
                np.testing.assert_array_equal(result.filter_edge, expected.filter_edge)


def test_rows_that_are_read_when_needed_are_written_there_too() -> None:
    array = pytest.importorskip("dask.array")
    image, variance = _inputs(np.float32)
    out = _full_of(np.nan, np.float32)
    result = _decorrelated(array.from_array(image), variance, out=out)
    assert result.planes[0] is out[0]
    np.testing.assert_array_equal(out[0], _decorrelated(image, variance).image)


def test_an_array_may_be_that_of_a_file(tmp_path: Any) -> None:
    image, variance = _inputs(np.float32)
    written = np.memmap(tmp_path / "image", np.float32, "w+", shape=SHAPE)
    _decorrelated(image, variance, out=(written, np.empty(SHAPE, np.float32)))
    np.testing.assert_array_equal(written, _decorrelated(image, variance).image)


def test_arrays_that_do_not_fit_are_refused() -> None:
    image, variance = _inputs(np.float32)
    good, wide = np.zeros(SHAPE, np.float32), np.zeros((73, 202), np.float32)
    fixed = np.zeros(SHAPE, np.float32)
    fixed.flags.writeable = False
    swapped = np.zeros(SHAPE, np.dtype(np.float32).newbyteorder())
    for out, error, message in (
        (good, TypeError, "out must be a pair"),
        ((good,), TypeError, "out must be a pair"),
        ((good, good.tolist()), TypeError, "variance of out must be an array, got list"),
        ((np.ma.array(good), good), TypeError, "image of out must be an array, got MaskedArray"),
        ((good, good.astype(float)), TypeError, "variance of out must have dtype float32"),
        ((swapped, good), TypeError, "image of out must have dtype float32"),
        ((good[:-1], good), ValueError, r"image of out must have shape \(73, 101\)"),
        ((wide[:, ::2], good), ValueError, "image of out must be contiguous"),
        ((good, fixed), ValueError, "variance of out must be contiguous and writeable"),
        ((good, good), ValueError, "out must not overlap"),
        ((image, good), ValueError, "out must not overlap"),
        ((good, variance), ValueError, "out must not overlap"),
    ):
        with pytest.raises(error, match=message):
            _decorrelated(image, variance, out=out)


def test_masks_and_images_are_inputs() -> None:
    image, variance = _inputs(np.float32)
    out = _full_of(0.0, np.float32)
    with pytest.raises(ValueError, match="out must not overlap"):
        _decorrelated(image, variance, out=out, mask=out[1].view(np.int32), ignore_mask=1)
    with pytest.raises(ValueError, match="out must not overlap"):
        _decorrelated(image, variance, out=out, images=(image, out[0]))
