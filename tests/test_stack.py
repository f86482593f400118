"""Stacks of stamps: every stamp must come out as `whiten` gives it, bit by bit."""

from __future__ import annotations

import numpy as np
import pytest

import whitediff
from whitediff import NoiseSource

COUNT, SHAPE = 5, (37, 52)


@pytest.fixture(scope="module")
def kernel():
    """One that goes from narrow to wide over the stamp."""
    y, x = np.mgrid[-4:5, -4:5]
    images = [np.exp(-0.5 * (x**2 + y**2) / sigma**2) for sigma in (0.9, 1.6)]
    slope = 1 / SHAPE[1]
    return whitediff.SpatialKernel(
        np.array([image / image.sum() for image in images]),
        [whitediff.Polynomial2D([1.0, -slope, 0.0]), whitediff.Polynomial2D([0.0, slope, 0.0])],
    )


@pytest.fixture(scope="module")
def stamps():
    """Noise on a sky that differs from stamp to stamp, some pixels of which are not known."""
    rng = np.random.default_rng(18)
    stamps = 10 * rng.standard_normal((COUNT, *SHAPE))
    stamps += np.arange(COUNT)[:, None, None] * 50
    stamps[1, 5:8, 11] = np.nan
    stamps[3, 20, 30] = 1e30
    return stamps.astype(np.float32)


def planes_of(rng, mean, shape):
    planes = mean * rng.uniform(0.8, 1.2, shape)
    planes[..., 3, 4] = np.nan
    return planes


def check_as_whiten(stamps, make_sources, *, mask=None, whitenings, **options):
    """Compare a stack with stamps alone; `make_sources` gives the sources of a stamp, or of all."""
    stack = whitediff.whiten_stack(stamps, make_sources(None), mask=mask, **options)
    assert len(stack) == COUNT
    assert len(stack.whitenings) == whitenings
    gaps = dict.fromkeys(stack.whitenings[0].gaps, 0)
    for n, stamp in enumerate(stamps):
        alone = whitediff.whiten(
            stamp, make_sources(n), mask=None if mask is None else mask[n], **options
        )
        assert stack.image.dtype == alone.image.dtype
        for name in ("image", "variance", "filter_edge"):
            np.testing.assert_array_equal(
                getattr(stack, name)[n], getattr(alone, name), err_msg=f"{name} of stamp {n}"
            )
        whitening = stack.whitenings[n if whitenings > 1 else 0]
        np.testing.assert_array_equal(whitening.cells.variances, alone.cells.variances)
        assert whitening.border == alone.border
        if whitenings > 1:
            assert whitening.gaps == alone.gaps
            assert whitening.unknown_variances == alone.unknown_variances
        for why, number in alone.gaps.items():
            gaps[why] += number
    if whitenings == 1:
        assert stack.whitenings[0].gaps == gaps
    return stack


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"n_threads": 1},
        {"spatially_varying": False, "n_threads": 2},
        {"variance": "full", "n_threads": 2},
        {"grid": whitediff.Grid([[0, 0, 30, 37], [26, 0, 52, 37]]), "n_threads": 2},
        {"xy0": (7.0, -3.0)},
    ],
    ids=lambda options: ", ".join(options) or "defaults",
)
def test_stamps_with_the_same_noise(kernel, stamps, options):
    plane = planes_of(np.random.default_rng(1), 40.0, SHAPE)

    def sources(_):
        return [NoiseSource(60.0), NoiseSource(plane, kernels=[kernel])]

    check_as_whiten(stamps, sources, whitenings=1, **options)


@pytest.mark.parametrize("n_threads", [1, 2])
def test_stamps_with_noise_of_their_own(kernel, stamps, n_threads):
    rng = np.random.default_rng(2)
    numbers = rng.uniform(20, 90, COUNT)
    planes = planes_of(rng, 40.0, stamps.shape)
    masks = (rng.random(stamps.shape) < 0.1).astype(np.int32) << 2

    def sources(n):
        of = slice(None) if n is None else n
        return [
            NoiseSource(numbers[of]),
            NoiseSource(planes[of], kernels=[kernel], mask=masks[of]),
        ]

    check_as_whiten(stamps, sources, whitenings=COUNT, ignore_mask=4, n_threads=n_threads)


@pytest.mark.parametrize("dtype", [np.bool_, np.int32, np.uint8])
def test_masks_of_stamps(kernel, stamps, dtype):
    mask = (np.random.default_rng(3).random(stamps.shape) < 0.02).astype(dtype)

    def sources(_):
        return [NoiseSource(60.0), NoiseSource(30.0, kernels=[kernel])]

    stack = check_as_whiten(stamps, sources, mask=mask, whitenings=1, no_value_mask=1)
    assert stack.whitenings[0].gaps["marked"] == np.count_nonzero(mask)


def test_scores_of_stamps_and_their_psf(kernel, stamps):
    y, x = np.mgrid[-4:5, -4:5]
    psf = np.exp(-0.5 * (x**2 + y**2) / 1.5**2)

    def sources(_):
        return [NoiseSource(60.0), NoiseSource(30.0, kernels=[kernel])]

    options = {"mode": "score", "psf": psf / psf.sum()}
    stack = check_as_whiten(stamps.astype(np.float64), sources, whitenings=1, **options)
    alone = whitediff.whiten(stamps[0].astype(np.float64), sources(0), **options)
    np.testing.assert_array_equal(stack.whitenings[0].psf, alone.psf)


def test_inputs_stay_and_other_types_are_taken(stamps):
    kept = stamps.copy()
    plain = whitediff.whiten_stack(stamps, [NoiseSource(60.0)])
    np.testing.assert_array_equal(stamps, kept)
    hidden = np.ma.masked_invalid(stamps[:, ::-1].astype(">f4"))
    turned = whitediff.whiten_stack(hidden, [NoiseSource(60.0)])
    assert turned.image.dtype == np.float32
    np.testing.assert_array_equal(np.isnan(turned.image), np.isnan(plain.image[:, ::-1]))


def test_progress_counts_stamps(stamps):
    calls = []
    whitediff.whiten_stack(
        stamps, [NoiseSource(60.0)], n_threads=1, progress=lambda *call: calls.append(call)
    )
    assert calls == [(n + 1, COUNT) for n in range(COUNT)]

    def stop(done, total):
        raise InterruptedError("enough")

    with pytest.raises(InterruptedError, match="enough"):
        whitediff.whiten_stack(stamps, [NoiseSource(60.0)], n_threads=1, progress=stop)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"stamps": np.zeros(SHAPE)}, "stamps must be a 3-D array"),
        ({"sources": []}, "sources must hold at least one"),
        ({"sources": [NoiseSource(np.ones(COUNT + 1))]}, f"must be of {COUNT} stamps"),
        ({"sources": [NoiseSource(np.ones((9, 9)))]}, "must have shape"),
        ({"sources": [NoiseSource(1.0, mask=np.ones((9, 9), bool))]}, "mask must have shape"),
        ({"mask": np.ones(SHAPE, bool)}, "mask must have shape"),
        ({"covariance": "auto"}, "covariance must be 'none'"),
    ],
)
def test_what_is_no_stack_is_refused(stamps, change, message):
    arguments = {"stamps": stamps, "sources": [NoiseSource(1.0)], **change}
    with pytest.raises(ValueError, match=message):
        whitediff.whiten_stack(arguments.pop("stamps"), arguments.pop("sources"), **arguments)
