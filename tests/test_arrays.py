"""Arrays of any layout, type and byte order are the same arguments."""

from __future__ import annotations

import numpy as np
import pytest

import whitediff

SHAPE = (24, 31)


def transposed(array):
    return np.ascontiguousarray(array.T).T


def fortran(array):
    return np.asfortranarray(array)


def sliced(array):
    wide = np.zeros((2 * array.shape[0], 3 * array.shape[1]), array.dtype)
    wide[::2, 1::3] = array
    return wide[::2, 1::3]


def padded(array):
    wide = np.zeros((array.shape[0], array.shape[1] + 5), array.dtype)
    wide[:, 2:-3] = array
    return wide[:, 2:-3]


def reversed_rows(array):
    return np.ascontiguousarray(array[::-1])[::-1]


def reversed_columns(array):
    return np.ascontiguousarray(array[:, ::-1])[:, ::-1]


def unaligned(array):
    data = bytearray(array.nbytes + 1)
    shifted = np.frombuffer(data, array.dtype, offset=1, count=array.size)
    shifted = shifted.reshape(array.shape)
    shifted[:] = array
    return shifted


def read_only(array):
    copy = array.copy()
    copy.flags.writeable = False
    return copy


LAYOUTS = [
    transposed, fortran, sliced, padded, reversed_rows, reversed_columns, unaligned, read_only,
]  # fmt: skip
FLOATS = ["f4", "f8", "f2", "i2", "u4"]
MASKS = ["i4", "i2", "u1", "u2", "i8", "u8", "?"]


@pytest.fixture
def planes():
    rng = np.random.default_rng(11)
    image = np.round(rng.normal(scale=30, size=SHAPE) + 100)
    variance = np.round(rng.uniform(1, 9, SHAPE))
    mask = (rng.uniform(size=SHAPE) < 0.1).astype(np.int64)
    return image, variance, mask


def run(image, variance, mask):
    kernel = np.outer([1, 2, 1], [1, 2, 1]) / 16
    return whitediff.decorrelate(
        image, variance, variance, kernel, mask=mask, science_mask=mask, template_mask=mask,
        ignore_mask=1, no_value_mask=1,
    )  # fmt: skip


def check_same(result, expected):
    for name in ("image", "variance", "filter_edge"):
        np.testing.assert_array_equal(getattr(result, name), getattr(expected, name))


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", FLOATS)
def test_pixels(planes, layout, dtype, order):
    image, variance, mask = planes
    kind = np.dtype(dtype).newbyteorder(order)
    image, variance = np.abs(image).astype(kind), variance.astype(kind)
    native = np.float32 if np.dtype(dtype) == np.float32 else np.float64
    expected = run(image.astype(native), variance.astype(native), mask)
    check_same(run(layout(image), layout(variance), mask), expected)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", MASKS)
def test_masks(planes, layout, dtype, order):
    image, variance, mask = planes
    expected = run(image, variance, mask.astype(np.int32))
    bits = mask.astype(np.dtype(dtype).newbyteorder(order))
    check_same(run(image, variance, layout(bits)), expected)


@pytest.mark.parametrize("dtype", ["<f4", ">f4", "<f8", ">f8", "<i2", ">i4"])
def test_rows_and_pixels_that_are_broadcast(planes, dtype):
    image, _, _ = planes
    row = np.arange(1, SHAPE[1] + 1).astype(dtype)
    marked = (np.arange(SHAPE[1]) % 7 == 0).astype(np.int32)
    repeated = (np.tile(values, (SHAPE[0], 1)) for values in (row.astype(np.float64), marked))
    whole = run(image, *repeated)
    check_same(run(image, np.broadcast_to(row, SHAPE), np.broadcast_to(marked, SHAPE)), whole)
    flat = run(image, np.full(SHAPE, 3.0), np.zeros(SHAPE, np.int32))
    three, none = np.array(3).astype(dtype), np.int32(0)
    check_same(run(image, np.broadcast_to(three, SHAPE), np.broadcast_to(none, SHAPE)), flat)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_statistics_and_noise_sources(planes, layout):
    image, variance, mask = planes
    assert whitediff.clipped_mean(
        layout(image), mask=layout(mask), ignore_mask=1
    ) == whitediff.clipped_mean(image, mask=mask.astype(np.int32), ignore_mask=1)
    kernel = np.outer([1, 2, 1], [1, 2, 1]) / 16

    def whitened(arrange):
        source = whitediff.NoiseSource(
            arrange(variance), kernels=[arrange(kernel)], mask=arrange(mask)
        )
        sources = [source, whitediff.NoiseSource(1.0)]
        return whitediff.whiten(arrange(image), sources, mask=arrange(mask), ignore_mask=1)

    check_same(whitened(layout), whitened(np.array))


@pytest.mark.parametrize("layout", LAYOUTS)
def test_masked_arrays(planes, layout):
    image, variance, mask = planes
    hidden = mask.astype(bool)
    expected = run(np.where(hidden, np.nan, image), variance, mask)
    check_same(run(np.ma.array(layout(image), mask=layout(hidden)), variance, mask), expected)
