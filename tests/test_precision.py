"""Single against double precision, and any number of threads against one."""

import numpy as np
import pytest

import whitediff
from white_noise import difference, gaussian, linear_kernel

SHAPE = (403, 517)
PSF = gaussian(2.5, radius=10)


def images(rng, ratio=1.0):
    """A difference image with gaps, its two variance planes, and a mask."""
    image = difference(SHAPE, linear_kernel(SHAPE), (1.0, ratio), rng)
    image[40:42, 100:130] = np.nan
    planes = [variance * rng.uniform(0.9, 1.1, SHAPE) for variance in (1.0, ratio)]
    planes[0][300, 200:220] = np.nan
    mask = (rng.random(SHAPE) < 0.05).astype(np.int32)
    return image, *planes, mask


def decorrelated(arrays, **options):
    image, science, template, mask = arrays
    return whitediff.decorrelate(
        image, science, template, linear_kernel(SHAPE),
        mask=mask, science_mask=mask, ignore_mask=1, psf=PSF, **options,
    )  # fmt: skip


MODES = [
    {"mode": mode, "variance": variance, "spatially_varying": varying}
    for mode in ("difference", "score")
    for variance in ("estimate", "full")
    for varying in (True, False)
]


@pytest.mark.parametrize("ratio", [0.01, 1.0, 100.0])
@pytest.mark.parametrize("options", MODES, ids=lambda o: "-".join(map(str, o.values())))
def test_single_precision_is_precise(rng, options, ratio):
    arrays = images(rng, ratio)
    # The double-precision result is that of the same, rounded numbers.
    single = [array.astype(np.float32) for array in arrays[:3]] + [arrays[3]]
    double = [array.astype(np.float64) for array in single[:3]] + [arrays[3]]
    a, b = decorrelated(single, **options), decorrelated(double, **options)
    assert (a.image.dtype, a.variance.dtype) == (np.float32, np.float32)
    for plane, wanted in ((a.image, b.image), (a.variance, b.variance)):
        finite = np.isfinite(wanted)
        np.testing.assert_array_equal(np.isfinite(plane), finite)
        # Rounding errors of 6e-8, in units of the largest value, add up over the levels of the
        # transforms.
        error = abs(plane[finite] - wanted[finite]).max()
        assert error < 2e-6 * abs(wanted[finite]).max()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("options", MODES, ids=lambda o: "-".join(map(str, o.values())))
def test_threads_do_not_change_a_bit(rng, options, dtype):
    image, science, template, mask = images(rng)
    arrays = [plane.astype(dtype) for plane in (image, science, template)] + [mask]
    one = decorrelated(arrays, n_threads=1, **options)
    assert len(one.cells) > 1
    for n_threads in (2, 3, 5):
        many = decorrelated(arrays, n_threads=n_threads, **options)
        assert many.n_threads == n_threads
        for name in ("image", "variance", "filters", "psf"):
            np.testing.assert_array_equal(getattr(many, name), getattr(one, name))
        np.testing.assert_array_equal(many.cells.variances, one.cells.variances)
        assert many.clipped_modes == one.clipped_modes


def test_a_second_run_gives_the_same_bits(rng):
    arrays = images(rng)
    a, b = decorrelated(arrays), decorrelated(arrays)
    np.testing.assert_array_equal(a.image, b.image)
    np.testing.assert_array_equal(a.variance, b.variance)
