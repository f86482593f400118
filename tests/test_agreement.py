"""Whether a difference is what its images and its kernel make: right sets, and every mistake."""

from dataclasses import replace

import numpy as np
import pytest

import whitediff
from white_noise import gaussian
from whitediff.agreement import Subtracted, agreement
from whitediff.kernel import fixed_kernel
from whitediff.simulate import simulate

SHAPE = (512, 560)


@pytest.fixture(scope="module")
def right():
    return simulate(SHAPE, seed=3)


def agreement_of(simulation, **changed):
    """Agreement of the images of a simulation, with some of them changed."""
    names = ("difference", "science", "template", "kernel", "convolved")
    return agreement(
        Subtracted.of_pair(**{**{n: getattr(simulation, n) for n in names}, **changed})
    )


@pytest.mark.parametrize("convolved", ["template", "science"])
@pytest.mark.parametrize("seed", range(4))
def test_right_sets_agree(convolved, seed):
    """With stars, transients, dead pixels, a slope, and a kernel of any sum."""
    simulation = simulate(
        SHAPE, seed=seed, convolved=convolved, kernel_sum=(1.0, 0.4, 2.5, 1.0)[seed]
    )
    slope = np.linspace(0, 200, SHAPE[0], dtype=np.float32)[:, np.newaxis]
    found = agreement_of(simulation, difference=simulation.difference + slope)
    # Kernels between the corners of a mesh are means of theirs; single precision.
    assert found.scatter < 1e-3
    assert found.cause == "" and not found.is_white_already


@pytest.mark.parametrize(
    ("change", "cause"),
    [
        (
            lambda s: {"difference": 2.5 * s.difference},
            "by 2.5, not 1: give --scale 2.5",
        ),
        (lambda s: {"difference": 10 * s.difference}, "multiplied by 10, not 1"),
        (lambda s: {"difference": -s.difference}, "template minus science"),
        (lambda s: {"scale": 3.0}, "multiplied by 1, not 3"),
        (lambda s: {"science": s.template, "template": s.science}, "are exchanged"),
        (lambda s: {"convolved": "science"}, "give --convolved template"),
        (lambda s: {"difference": np.roll(s.difference, 40, axis=0)}, "not what images and kernel"),
        (lambda s: {"template": np.zeros_like(s.template)}, "not what images and kernel make"),
        (lambda s: {"difference": np.zeros_like(s.difference)}, "have one value"),
    ],
)
def test_mistakes_are_named(right, change, cause):
    found = agreement_of(right, **change(right))
    assert cause in found.cause
    assert not found.is_white_already


@pytest.mark.parametrize(
    ("turned", "cause"),
    [
        (lambda k: k.T, "transposed"),
        (lambda k: k[::-1, ::-1], "turned by 180 degrees"),
        (lambda k: k[:, ::-1], "mirrored in x"),
        (lambda k: k[::-1], "mirrored in y"),
    ],
)
def test_kernels_that_are_turned(right, turned, cause):
    """Small as the harm is: an oblong kernel that is off centre, and oblique."""
    kernel = gaussian(1.2, radius=7)
    kernel = kernel + 0.4 * np.roll(kernel, (2, 1), (0, 1)) + 0.2 * np.roll(kernel, (-1, 3), (0, 1))
    kernel /= kernel.sum()
    template = np.nan_to_num(right.template)
    difference = right.science - whitediff.simulate.convolve(template, fixed_kernel(kernel))
    assert agreement_of(right, difference=difference, kernel=fixed_kernel(kernel)).cause == ""
    given = fixed_kernel(np.ascontiguousarray(turned(kernel)))
    assert cause in agreement_of(right, difference=difference, kernel=given).cause


def test_a_difference_that_is_white_already(right):
    result = whitediff.decorrelate(
        right.difference, right.science_variance, right.template_variance, right.kernel
    )
    found = agreement_of(right, difference=result.image)
    assert found.is_white_already and found.cause == "the difference is white already"
    smooth = whitediff.simulate.convolve(
        np.nan_to_num(right.difference), fixed_kernel(gaussian(1.0, radius=5))
    )
    found = agreement_of(right, difference=smooth)
    assert not found.is_white_already and "filtered after the subtraction" in found.cause


def test_nothing_is_said_of_images_without_noise(right):
    planes = {name: np.zeros_like(right.science) for name in ("science", "template", "difference")}
    assert agreement_of(replace(right, **planes)) is None


def test_little_is_said_of_too_few_pixels(right):
    empty = np.full_like(right.difference, np.nan)
    empty[:10] = right.difference[:10]
    assert agreement_of(right, difference=empty) is None
    small = {name: getattr(right, name)[:30, :30] for name in ("science", "template", "difference")}
    assert agreement_of(replace(right, **small)) is None
