"""Python objects that the core holds, and calls from several threads at once."""

import gc
import sys
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import whitediff
from white_noise import gaussian
from whitediff.adapters import as_kernel

SHAPE = (60, 70)
N_THREADS = 3


class Calls:
    """A function that is counted as an object of its own."""

    def __call__(self, *arguments):
        pass


class Constant(whitediff.Kernel):
    """A kernel whose images Python makes."""

    def __init__(self):
        super().__init__(shape=(7, 7))

    def evaluate(self, x, y):
        return np.repeat(gaussian(1.2, radius=3)[np.newaxis], len(x), axis=0)


class OnDisk:
    """Rows that are read one slice after the other."""

    def __init__(self, array):
        self._array = array
        self.shape, self.dtype = array.shape, array.dtype

    def __getitem__(self, rows):
        return self._array[rows]


@pytest.fixture
def many_switches():
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(interval)


@pytest.mark.usefixtures("many_switches")
def test_threads_may_share_what_python_gives(rng):
    """Every object is let go of as often as it was taken, and nobody gets another's result."""
    image, variance = rng.normal(size=SHAPE), rng.uniform(1, 2, SHAPE)
    mask = rng.integers(0, 8, SHAPE, dtype=np.int32)
    kernel, progress, write = Constant(), Calls(), Calls()
    planes = [OnDisk(array) for array in (image, variance, mask)]
    shared = [image, variance, mask, kernel, progress, write, *planes]

    def in_memory():
        return whitediff.decorrelate(
            image, variance, 2.0, kernel,
            mask=mask, ignore_mask=4, psf=kernel, mode="score", progress=progress, n_threads=1,
        )  # fmt: skip

    def in_bands():
        whitediff.decorrelate_bands(
            *planes[:2], 2.0, kernel, write, template_mask=planes[2], progress=progress, n_threads=2
        )
        sources = [
            whitediff.NoiseSource(planes[1], mask=planes[2]),
            whitediff.NoiseSource(1.0, kernels=[kernel]),
        ]
        whitediff.whiten_bands(planes[0], sources, write, psf=kernel, progress=progress)

    expected = in_memory()

    def work():
        for _ in range(60):
            result = in_memory()
            in_bands()
        return result

    gc.collect()
    before = [sys.getrefcount(one) for one in shared]
    with ThreadPoolExecutor(N_THREADS) as threads:
        results = list(threads.map(lambda _: work(), range(N_THREADS)))
    for result in results:
        np.testing.assert_array_equal(result.image, expected.image)
        np.testing.assert_array_equal(result.psf, expected.psf)
    del result, results
    gc.collect()
    assert [sys.getrefcount(one) for one in shared] == before


def test_threads_may_share_a_foreign_kernel():
    both = threading.Barrier(2)

    class Foreign:
        """Fills an image, as kernels of lsst.afw do, while another thread fills its own."""

        def getDimensions(self):  # noqa: N802
            return 3, 3

        def computeImage(self, image, normalize, x, y):  # noqa: N802
            image.array[:] = x
            both.wait(10)

    kernel = as_kernel(Foreign())
    with ThreadPoolExecutor(2) as threads:
        images = list(threads.map(lambda x: kernel.evaluate([x], [0.0]), (1.0, 2.0)))
    np.testing.assert_array_equal(images[0], 1.0)
    np.testing.assert_array_equal(images[1], 2.0)


def test_a_call_that_fails_lets_go_of_everything(rng):
    image, kernel = rng.normal(size=SHAPE), Constant()

    class Stop(Calls):
        def __call__(self, *arguments):
            raise LookupError("enough")

    stop = Stop()
    held = (image, kernel, stop)
    before = [sys.getrefcount(one) for one in held]
    with pytest.raises(LookupError):
        whitediff.decorrelate(image, 1.0, 2.0, kernel, progress=stop)
    with pytest.raises(ValueError, match="kernel must be no larger"):
        whitediff.decorrelate(image, 1.0, 2.0, np.ones((80, 80)), psf=kernel, progress=stop)
    with pytest.raises(LookupError):
        whitediff.decorrelate_bands(image, 1.0, 2.0, kernel, stop)
    gc.collect()
    assert [sys.getrefcount(one) for one in held] == before


def test_who_keeps_the_bank_keeps_no_pixels(rng):
    result = whitediff.decorrelate(
        rng.normal(size=SHAPE), 1.0, 2.0, Constant(), psf=gaussian(1.2, radius=4)
    )
    psf, bank = result.psf, result.bank
    pixels = [weakref.ref(result.image), weakref.ref(result.variance)]
    del result
    gc.collect()
    assert [reference() for reference in pixels] == [None, None]
    np.testing.assert_array_equal(bank.psfs(), psf)


def test_arrays_outlive_the_result(rng):
    image = whitediff.decorrelate(rng.normal(size=SHAPE), 1.0, 2.0, Constant()).image
    copy = image.copy()
    gc.collect()
    np.testing.assert_array_equal(image, copy)
    assert image.flags.writeable
