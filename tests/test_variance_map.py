"""The variance of an image of which nothing else is known, from place to place."""

import numpy as np
import pytest

import whitediff
from coloured_noise import bilinear, warped_noise
from white_noise import RADIUS, inner, linear_kernel, matched
from whitediff.arrays import planes_in_memory
from whitediff.variance_map import VarianceMap, measured_variance
from whitediff.whiteness import whiteness

SHAPE = (1024, 1100)


def measured(image, mask=None, ignore_mask=0):
    return measured_variance(planes_in_memory(image, "image", {}, {"mask": mask}, ignore_mask, 0))


def test_it_is_linear_between_nodes_and_constant_beyond():
    nodes = np.array([[1.0, 3.0], [5.0, 7.0], [2.0, 2.0]])
    variance = VarianceMap(nodes, (30, 40))
    whole = variance.rows(0, 30)
    assert whole.shape == (30, 40)
    # Middles of meshes of 10 by 20 pixels are at 4.5 and 9.5, half between pixels.
    assert whole[4:6, 9:11].mean() == pytest.approx(1.0, abs=0.3)
    np.testing.assert_allclose(whole[:5, :10], 1.0)
    np.testing.assert_allclose(whole[25:], 2.0)
    assert whole[9:11, :10].mean() == pytest.approx(3.0)
    assert whole[14, 20] == pytest.approx(5.0 + 2 * (20.5 / 20 - 0.5) - 0.1 * 0, abs=0.3)
    np.testing.assert_array_equal(variance.rows(3, 30, 7), whole[3:30:7])


def test_it_follows_the_noise(rng):
    sigma = np.linspace(1, 3, SHAPE[1])
    image = sigma * rng.normal(size=SHAPE)
    image[100:140, 300:330] += 500
    nodes = measured(image).nodes
    assert nodes.shape == (4, 4)
    # Patches are 128 pixels wide, in the middle of each fourth; medians take the outermost ones
    # half way to their neighbours.
    middles = sigma[(2 * np.arange(4) + 1) * SHAPE[1] // 8] ** 2
    assert (np.diff(nodes.mean(axis=0)) > 0).all()
    np.testing.assert_allclose(nodes[:, 1:3], np.tile(middles[1:3], (4, 1)), rtol=0.05)


def test_what_is_masked_or_filled_does_not_count(rng):
    image = 2 * rng.normal(size=SHAPE)
    image[:, :600] *= 30
    mask = np.zeros(SHAPE, np.int32)
    mask[:, :600] = 4
    found = measured(image, mask, ignore_mask=4).nodes
    # Of 16 000 pixels each: one per cent, five times.
    np.testing.assert_allclose(found, 4.0, rtol=0.05)
    image[:, :600] = 0
    np.testing.assert_allclose(measured(image).nodes, 4.0, rtol=0.05)
    with pytest.raises(ValueError, match="image must have noise in finite, unmasked pixels, got"):
        measured(np.full(SHAPE, np.nan))


@pytest.mark.parametrize("ratio", [1.0, 10.0])
def test_ninths_of_a_blind_frame_are_right(ratio):
    """The kernel varies strongly, the template is a bilinear warp, and nothing is told."""
    rng = np.random.default_rng(11)
    big = tuple(size + 2 * RADIUS for size in SHAPE)
    template = warped_noise(big, ratio, rng, bilinear, 1, rotation=0.01)
    difference = inner(rng.normal(size=big)) - matched(template, linear_kernel(SHAPE))
    result = whitediff.whiten(difference)
    for rows in np.array_split(np.arange(SHAPE[0]), 3):
        for columns in np.array_split(np.arange(SHAPE[1]), 3):
            part = np.s_[rows[0] : rows[-1], columns[0] : columns[-1]]
            found = whiteness(
                result.image[part], result.variance[part], mask=result.filter_edge[part]
            )
            # The noise differs in shape, too, over the frame; 125 000 pixels tell it to 0.4 %.
            assert found.variance == pytest.approx(1, abs=0.02 + 3 * found.variance_error)


def test_bands_give_the_same(rng):
    image = (np.linspace(1, 2, 700)[:, np.newaxis] * rng.normal(size=(700, 650))).astype(np.float32)
    expected = whitediff.whiten(image)
    rows = []
    whitediff.whiten_bands(image, None, lambda y0, *planes: rows.append(planes))
    for n, name in enumerate(("image", "variance")):
        np.testing.assert_array_equal(
            np.concatenate([row[n] for row in rows]), getattr(expected, name)
        )
