"""Score, significance and flux of a point source at every pixel."""

import numpy as np
import pytest

import reference
import whitediff
from white_noise import gaussian
from whitediff.simulate import convolve, simulate

PAD = (256, 256)


def test_the_significance_is_that_of_zackay_ofek_and_gal_yam(rng):
    """Their score of two images over its standard deviation, source noise and all."""
    sharp, kernel = gaussian(1.2, 8), gaussian(1.1, 8)
    wide = convolve(np.pad(sharp, 8), whitediff.kernel.fixed_kernel(kernel))
    shape, v_new, v_ref = (180, 200), 2.0, 3.0
    new = rng.normal(scale=np.sqrt(v_new), size=shape)
    new[80:113, 90:123] += 300.0 * wide
    ref = rng.normal(scale=np.sqrt(v_ref), size=shape)
    matched = convolve(ref, whitediff.kernel.fixed_kernel(kernel))
    planes = [v_new * np.ones(shape), v_ref * np.ones(shape)]
    planes[0][80:113, 90:123] += 300.0 * wide
    result = whitediff.decorrelate(
        new - matched, *planes, kernel, psf=wide, mode="score", mean_variances=(v_new, v_ref)
    )

    # Their Eqs. 17 and 25 to 29, with flux zero points of one, image by image.
    p_new, p_ref = reference.transfer(wide, PAD), reference.transfer(sharp, PAD)
    denominator = v_ref * abs(p_new) ** 2 + v_new * abs(p_ref) ** 2
    # Where nothing is left of the PSFs nothing is left of the score.
    floor = 1e-11 * denominator.max()
    k_new = p_new.conj() * abs(p_ref) ** 2 / np.maximum(denominator, floor)
    k_ref = p_ref.conj() * abs(p_new) ** 2 / np.maximum(denominator, floor)

    def through(image, spectrum):
        frame = np.zeros(PAD)
        frame[: shape[0], : shape[1]] = image
        return np.fft.irfft2(np.fft.rfft2(frame) * spectrum, s=PAD)[: shape[0], : shape[1]]

    score = through(new, k_new) - through(ref, k_ref)
    variance = sum(
        through(plane, np.fft.rfft2(np.fft.irfft2(spectrum, s=PAD) ** 2))
        for plane, spectrum in zip(planes, (k_new, k_ref), strict=True)
    )
    inner = np.s_[60:-60, 60:-60]
    found = result.point_sources.significance[inner]
    # Filters are cut off at 5e-5 of the noise, and the floors differ.
    np.testing.assert_allclose(found, (score / np.sqrt(variance))[inner], atol=1e-3)


@pytest.fixture(scope="module", params=["template", "science"])
def pair(request):
    """A kernel and a PSF that vary, and stars far enough from each other."""
    simulation = simulate((768, 768), seed=1, convolved=request.param)
    at = np.arange(40, 740, 45)
    x, y = (grid.ravel() for grid in np.meshgrid(at, at))
    return simulation, x, y


def whitened_stars(pair, flux, rng=None):
    """Stars of this flux in the difference, with the noise of their photons."""
    simulation, x, y = pair
    kernel, psf = simulation.kernel, simulation.science_psf
    radius = psf.shape[0] // 2
    scene = np.zeros((768, 768))
    for at_x, at_y, star in zip(x, y, psf.evaluate(x * 1.0, y * 1.0), strict=True):
        scene[at_y - radius : at_y + radius + 1, at_x - radius : at_x + radius + 1] += flux * star
    science, template = scene, np.zeros(scene.shape)
    variances = 100.0 + scene, np.full(scene.shape, 300.0)
    if rng is not None:
        science = science + np.sqrt(variances[0]) * rng.normal(size=scene.shape)
        template = np.sqrt(variances[1]) * rng.normal(size=scene.shape)
    if simulation.convolved == "template":
        difference = science - convolve(template, kernel)
    else:
        difference = convolve(science, kernel) - template
    return whitediff.decorrelate(
        difference,
        *variances,
        kernel,
        convolved=simulation.convolved,
        scale=1.0,
        psf=simulation.difference_psf,
        mode="score",
        # The stars' photons are no part of the background that filters are made for.
        mean_variances=(100.0, 300.0),
    )


def test_fluxes_without_noise_are_right(pair):
    _, x, y = pair
    flux = whitened_stars(pair, 1.0).point_sources.flux[y, x]
    # Kernel and PSF change within a PSF as well, where the science image is convolved; else a
    # parabola between nodes is exact.
    assert abs(flux - 1).max() < (1e-9 if pair[0].convolved == "template" else 5e-3)


@pytest.mark.parametrize("flux", [500.0, 2000.0, 10000.0, 40000.0])
def test_fluxes_have_their_errors_whatever_the_star(pair, flux):
    _, x, y = pair
    pulls = []
    for seed in range(3):
        sources = whitened_stars(pair, flux, np.random.default_rng(seed)).point_sources
        error = sources.flux_error[y, x]
        np.testing.assert_allclose(
            sources.significance[y, x], sources.flux[y, x] / error, rtol=1e-12
        )
        pulls.append((sources.flux[y, x] - flux) / error)
    pulls = np.concatenate(pulls)
    # 768 pulls: three of their sampling errors, and in the mean what the test above leaves.
    assert abs(pulls.std() - 1) < 3 / np.sqrt(2 * pulls.size)
    assert abs(pulls.mean()) < 3 / np.sqrt(pulls.size) + 1e-3 * np.sqrt(flux)


def test_a_white_difference_has_no_significance():
    noise = np.random.default_rng(1).normal(size=(80, 90))
    result = whitediff.decorrelate(noise, 1.0, 1.0, [[1.0]], psf=gaussian(1.5, 6))
    with pytest.raises(ValueError, match="mode must be score for point sources, got difference"):
        _ = result.point_sources
