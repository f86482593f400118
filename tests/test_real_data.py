"""Real DECam images and the matching kernels of a real subtraction."""

import numpy as np
import pytest
from astropy.io import fits

import whitediff
from white_noise import inner
from whitediff import NoiseSource
from whitediff.kernel import fixed_kernel
from whitediff.simulate import convolve
from whitediff.whiteness import whiteness

# Images are matched without what lies beyond the frame: that many pixels are wrong at its edges.
MARGIN = 16


@pytest.fixture(scope="module")
def decam(data_path):
    """Reads a file of the DECam set."""

    def read(name):
        return fits.getdata(data_path(f"decam/{name}.fits")).astype(np.float64)

    return read


def science_image(decam, name):
    """A sky-subtracted image, and the variance of its noise between the stars."""
    pixels = decam(f"DEC-OBS{name}.mini")
    return pixels, whiteness(pixels).variance


def test_difference_of_a_pair(decam):
    science, v_science = science_image(decam, "18a")
    template, v_template = science_image(decam, "18d")
    kernel = decam("DEC-OBS18d.MatchKernel")
    difference = science - convolve(template, fixed_kernel(kernel))
    expected = v_science + v_template * kernel.sum() ** 2
    before = whiteness(inner(difference, MARGIN), expected)
    # What the kernel has smeared: a quarter of the variance is missing.
    assert before.variance == pytest.approx(0.74, abs=0.03)
    assert before.in_x[0] == pytest.approx(0.22, abs=0.01)
    assert before.in_y[0] == pytest.approx(0.24, abs=0.01)

    result = whitediff.decorrelate(difference, v_science, v_template, kernel)
    after = whiteness(inner(result.image, MARGIN), inner(result.variance, MARGIN))
    # The sampling error is 0.6 %, but resampled images are not white to begin with: theirs are
    # correlated by 0.02 to 0.05 at lag 1.
    np.testing.assert_allclose(result.variance, expected, rtol=1e-5)
    assert after.variance == pytest.approx(1, abs=0.03)
    assert max(abs(after.in_x[0]), abs(after.in_y[0])) < 0.06


def test_difference_of_two_stacks(decam):
    """Images b to e matched to image a and averaged; then one stack matched to the other."""
    final = fixed_kernel(decam("FinalMatchKernel"))
    stacks, sources, variance = [], [], 0.0
    for group, chain in (("04", ()), ("18", (final,))):
        members = []
        for letter in "abcde":
            pixels, v = science_image(decam, group + letter)
            kernels = chain
            if letter != "a":
                kernel = fixed_kernel(decam(f"DEC-OBS{group}{letter}.MatchKernel"))
                pixels = convolve(pixels, kernel)
                kernels = (kernel, *chain)
            members.append(pixels)
            sources.append(NoiseSource(v, kernels=kernels, weight=1 / 5))
            sums = [kernel.basis.sum() for kernel in kernels]
            variance += v * np.prod(sums) ** 2 / 25
        stacks.append(np.mean(members, axis=0))
    difference = stacks[0] - convolve(stacks[1], final)
    margin = 2 * MARGIN
    before = whiteness(inner(difference, margin), variance)
    assert before.variance < 0.2
    assert min(before.in_x[0], before.in_y[0]) > 0.4

    result = whitediff.whiten(difference, sources)
    after = whiteness(inner(result.image, margin), inner(result.variance, margin))
    # Some of these images are correlated by 0.24 at lag 1, from their resampling: their variances
    # are a little more than what single pixels show.
    np.testing.assert_allclose(result.variance, variance, rtol=1e-5)
    assert after.variance == pytest.approx(1, abs=0.06)
    assert max(abs(after.in_x).max(), abs(after.in_y).max()) < 0.06
