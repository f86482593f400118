"""Figures of before and after."""

import io

import numpy as np
import pytest

import whitediff
from white_noise import difference, linear_kernel
from whitediff.report import Picture, whiteness_figure
from whitediff.whiteness import whiteness

SHAPE = (290, 430)


@pytest.fixture(scope="module")
def kernel():
    return linear_kernel(SHAPE)


@pytest.fixture(scope="module")
def before(kernel):
    pixels = difference(SHAPE, kernel, (30.0, 90.0), np.random.default_rng(8))
    pixels[:5] = np.nan
    return pixels


def whitened(before, kernel, **options):
    return whitediff.decorrelate(before, 30.0, 90.0, kernel, **options)


def all_axes(figure):
    return [axes for axes in figure.get_axes() if axes.get_label() != "<colorbar>"]


def drawn(figure):
    """Draws the figure, which is when most of what can go wrong does."""
    figure.savefig(io.BytesIO(), format="svg")
    return figure


def test_before_and_after_with_nine_filters(before, kernel):
    result = whitened(before, kernel)
    pictures = [Picture("before", before), Picture("after", result.image, result.variance)]
    figure = drawn(whiteness_figure(pictures, unit="electron", whitened=result))
    axes = all_axes(figure)
    # A cut-out and an autocorrelation each, one power spectrum, nine filters.
    assert len(axes) == 2 * 2 + 1 + 9
    sigmas = [np.sqrt(whiteness(image).variance) for image in (before, result.image)]
    assert [a.get_title() for a in axes[:4:2]] == [
        f"before\nσ = {sigmas[0]:.4g} electron",
        f"after\nσ = {sigmas[1]:.4g} electron",
    ]
    power = axes[4]
    assert power.get_xlabel() == (
        "spatial frequency (cycles/pixel), seen with a resolution of 0.031"
    )
    assert power.get_ylabel() == "power per mode (electron²)"
    noise_before, noise_after, level, predicted = (line.get_ydata() for line in power.get_lines())
    # A band of one sampling error around each spectrum, which the prediction leaves seldom.
    assert len(power.collections) == 2
    error = whiteness(before, max_lag=16).radial_power_spectrum()[2]
    assert (abs(predicted / noise_before - 1) < 4.5 * error + 0.04).all()
    # The power of K falls from 1 to 0, and 30 of 120 are left at high frequencies; each of the
    # values is known to 2 % or better, those of the innermost rings to 10 %.
    assert noise_before[0] == pytest.approx(120, rel=0.3)
    np.testing.assert_allclose(noise_before[-5:], 30, rtol=0.1)
    np.testing.assert_allclose(noise_after[4:], 120, rtol=0.08)
    np.testing.assert_allclose(level, 120, rtol=1e-3)  # of a variance plane that is constant


def test_filters_are_those_nearest_to_a_grid_of_nine(before, kernel):
    edges = [np.linspace(0, size, 6).astype(int) for size in SHAPE]
    boxes = [
        (x0, y0, x1, y1)
        for y0, y1 in zip(edges[0], edges[0][1:], strict=False)
        for x0, x1 in zip(edges[1], edges[1][1:], strict=False)
    ]
    result = whitened(before, kernel, grid=whitediff.Grid(boxes))
    figure = whiteness_figure([Picture("after", result.image)], whitened=result)
    filters = all_axes(figure)[-9:]
    positions = [tuple(map(float, axes.get_title().strip("()").split(","))) for axes in filters]
    centers = {tuple(center.round()) for center in result.cells.centers}
    assert set(positions) <= centers
    x, y = np.array(positions).reshape(3, 3, 2).transpose(2, 0, 1)
    # From left to right, and from the top of the frame (drawn with its first row at the bottom).
    assert (np.diff(x, axis=1) > 0).all() and (np.diff(y, axis=0) < 0).all()
    (shown,) = filters[0].get_images()
    nearest = np.argmin(np.hypot(*(result.cells.centers - positions[0]).T))
    kernel_image = result.filters[nearest]
    middle = len(kernel_image) // 2
    part = np.s_[middle - 10 : middle + 11, middle - 10 : middle + 11]
    np.testing.assert_array_equal(
        shown.get_array(), kernel_image[part] / kernel_image[middle, middle]
    )


def test_one_filter(before, kernel):
    result = whitened(before, kernel, spatially_varying=False)
    figure = drawn(whiteness_figure([Picture("after", result.image)], whitened=result))
    assert len(all_axes(figure)) == 2 + 1 + 1


def test_autocorrelations_share_their_colours(before, kernel):
    result = whitened(before, kernel)
    figure = whiteness_figure([Picture("before", before), Picture("after", result.image)])
    axes = all_axes(figure)
    first, second = (axes[n].get_images()[0] for n in (1, 3))
    assert first.get_clim() == second.get_clim()
    assert first.get_clim()[1] == np.nanmax(abs(first.get_array()))
    # The middle is left out; the scale is at least 0.05 for white images.
    assert np.ma.getmaskarray(first.get_array())[8, 8]
    (white, _) = whiteness_figure([Picture("white", result.image)]).get_axes()[1].get_images() * 2
    assert white.get_clim() == (-0.05, 0.05)


def test_ignored_pixels_do_not_count(before):
    def sigma(image, ignored=None):
        figure = whiteness_figure([Picture("image", image, ignored=ignored)])
        return float(all_axes(figure)[0].get_title().split()[-2])

    spoilt = before.copy()
    # A slope, most of it too faint to be found as a source.
    spoilt[:, :200] += np.linspace(0, 15, 200)
    ignored = np.zeros(SHAPE, bool)
    ignored[:, :200] = True
    # A few pixels next to the mask are left out where the slope is found.
    assert sigma(spoilt, ignored) == pytest.approx(sigma(before, ignored), rel=0.005)
    assert sigma(spoilt) > 1.02 * sigma(before)


def test_small_image():
    image = np.random.default_rng(2).normal(size=(11, 14))
    drawn(whiteness_figure([Picture("small", image)]))


def test_bad_pictures():
    with pytest.raises(ValueError, match="pictures must be one or more, got none"):
        whiteness_figure([])
    with pytest.raises(ValueError, match="pixels"):
        whiteness_figure([Picture("blank", np.full((40, 50), np.nan))])
