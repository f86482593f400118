"""The PSF of a result at any position, held against what becomes of stars there."""

import numpy as np
import pytest

import whitediff
from whitediff.psf import CellPsf, sampled_psf
from whitediff.simulate import simulate

RADIUS = 20


@pytest.fixture(scope="module", params=["difference", "score"])
def stars(request):
    """Stars of flux one where kernel and PSF vary, without noise, far from each other."""
    simulation = simulate((1024, 1024), seed=1)
    x, y = (grid.ravel() for grid in np.meshgrid(np.arange(35, 1000, 61), np.arange(35, 1000, 61)))
    image = np.zeros((1024, 1024))
    psf = simulation.difference_psf
    for at_x, at_y, star in zip(x, y, psf.evaluate(x * 1.0, y * 1.0), strict=True):
        image[stamp(at_x, at_y)] += star
    result = whitediff.decorrelate(
        image, 100.0, 300.0, simulation.kernel, psf=psf, mode=request.param
    )
    return result, x, y


def stamp(x, y):
    return np.s_[y - RADIUS : y + RADIUS + 1, x - RADIUS : x + RADIUS + 1]


def flux_errors(stars, psf_at):
    """Of unweighted fits of PSFs."""
    result, x, y = stars
    return np.array(
        [
            (psf * result.image[stamp(*at)]).sum() / (psf**2).sum() - 1
            for at in zip(x, y, strict=True)
            for psf in [psf_at(*at)]
        ]
    )


def test_fluxes_fitted_with_it_are_right(stars):
    result, *_ = stars
    errors = flux_errors(stars, result.psf_at)
    # Cutting filters off at 5e-6 of the noise leaves 1e-9; that of scores at 5e-5, and light of
    # neighbours, whose responses reach 128 pixels.
    assert abs(errors).max() < (1e-8 if result.border < 40 else 1e-3)


def test_those_of_the_centres_of_cells_are_not(stars):
    result, *_ = stars
    cells = CellPsf(result.psf, result.cells.boxes, result.cells.centers)
    errors = flux_errors(stars, lambda x, y: cells.computeKernelImage((x, y)).array)
    assert errors.std() > 5e-3 and abs(errors).max() > 0.01


def test_a_sampled_psf_is_right_to_a_thousandth(stars):
    result, *_ = stars
    sampled = sampled_psf(result, (0, 0))
    assert sampled.getComponentCount() == 4 * len(result.cells)
    errors = flux_errors(stars, lambda x, y: sampled.computeKernelImage((x, y)).array)
    assert errors.std() < 1e-3 and abs(errors).max() < 5e-3


def test_one_position_and_many(stars):
    result, x, y = stars
    many = result.psf_at(x[:5], y[:5])
    assert many.shape == (5, 41, 41)
    np.testing.assert_array_equal(result.psf_at(x[3], y[3]), many[3])
    assert result.psf_at([], []).size == 0
    with pytest.raises(ValueError, match="x and y must be numbers or of one length, got shapes"):
        result.psf_at(1.0, [1.0])
    with pytest.raises(ValueError, match="positions must be finite, got"):
        result.psf_at(np.nan, 1.0)


def test_without_a_psf_there_is_none():
    noise = np.random.default_rng(1).normal(size=(80, 90))
    with pytest.raises(ValueError, match="psf must be that of the image, got none"):
        whitediff.decorrelate(noise, 1.0, 1.0, [[1.0]]).psf_at(3.0, 4.0)
