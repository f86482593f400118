"""Point sources found in score images, and measured at given places."""

import numpy as np
import pytest

import whitediff
from white_noise import gaussian
from whitediff.detection import detect, measure
from whitediff.simulate import convolve, simulate
from whitediff.whitening import PointSources

SHAPE = (768, 768)


@pytest.fixture(scope="module")
def pair():
    return simulate(SHAPE, seed=1)


def moved(image, dx, dy):
    """An image moved by a fraction of a pixel, as its Fourier series has it."""
    ky, kx = (np.fft.fftfreq(size) for size in image.shape)
    phase = np.exp(-2j * np.pi * (ky[:, np.newaxis] * dy + kx * dx))
    return np.fft.ifft2(np.fft.fft2(image) * phase).real


def score_of(pair, flux, x, y, rng):
    """Point sources of a difference with stars of this flux, signs included."""
    flux = np.broadcast_to(flux, x.shape)
    scene = np.zeros(SHAPE)
    for at_x, at_y, star, f in zip(x, y, pair.difference_psf.evaluate(x, y), flux, strict=True):
        column, row = round(at_x), round(at_y)
        place = np.s_[row - 20 : row + 21, column - 20 : column + 21]
        scene[place] += f * moved(star, at_x - column, at_y - row)
    variances = 100.0 + np.abs(scene), np.full(SHAPE, 300.0)
    science, template = (np.sqrt(v) * rng.normal(size=SHAPE) for v in variances)
    return whitediff.decorrelate(
        scene + science - convolve(template, pair.kernel),
        *variances,
        pair.kernel,
        psf=pair.difference_psf,
        mode="score",
        mean_variances=(100.0, 300.0),
    ).point_sources


def stars(rng):
    at = np.arange(40, 740, 45)
    x, y = (grid.ravel().astype(float) for grid in np.meshgrid(at, at))
    return x + rng.uniform(-0.5, 0.5, x.size), y + rng.uniform(-0.5, 0.5, x.size)


def nearest(found, x, y):
    """The detection next to each star, and its distance."""
    distance = np.hypot(found["x"][:, np.newaxis] - x, found["y"][:, np.newaxis] - y)
    return distance.argmin(axis=0), distance.min(axis=0)


@pytest.mark.parametrize("flux", [1200.0, -2600.0, 21000.0])
def test_sources_have_their_fluxes_and_errors(pair, flux):
    """Detected ones at S/N of 11 and more, all of them found, and those measured in place."""
    pulls = {"detected": [], "forced": []}
    for seed in range(3):
        rng = np.random.default_rng(seed)
        x, y = stars(rng)
        sources = score_of(pair, flux, x, y, rng)
        forced = measure(sources, x, y)
        pulls["forced"].append((forced["flux"] - flux) / forced["flux_error"])
        found = detect(sources)
        index, distance = nearest(found, x, y)
        # Errors of position at S/N of 11 are 0.2 pixels in x and in y: five of them.
        assert distance.max() < 1.5
        pulls["detected"].append((found["flux"][index] - flux) / found["flux_error"][index])
    for values in pulls.values():
        values = np.concatenate(values)
        # 768 pulls: three sampling errors, and a thousandth of the flux for the interpolation, at
        # a significance that is the root of the flux at most.
        assert abs(values.std() - 1) < 3 / np.sqrt(2 * values.size)
        assert abs(values.mean()) < 3 / np.sqrt(values.size) + 1e-3 * np.sqrt(abs(flux))


def test_fluxes_between_pixels_are_those_in_pixels(pair):
    """Stars without noise, at any fraction of a pixel."""
    x, y = stars(np.random.default_rng(7))
    scene = np.zeros(SHAPE)
    for at_x, at_y, star in zip(x, y, pair.difference_psf.evaluate(x, y), strict=True):
        column, row = round(at_x), round(at_y)
        place = np.s_[row - 20 : row + 21, column - 20 : column + 21]
        scene[place] += moved(star, at_x - column, at_y - row)
    sources = whitediff.decorrelate(
        scene, 100.0, 300.0, pair.kernel, psf=pair.difference_psf, mode="score"
    ).point_sources
    # The polynomial errs by 2.5e-5 of the peak of so narrow a score, half a pixel from the nearest.
    np.testing.assert_allclose(measure(sources, x, y)["flux"], 1.0, atol=1e-4)


def test_noise_has_as_many_peaks_as_expected(pair):
    """Of a Gaussian random field of the score's own curvature, of either sign."""
    rng = np.random.default_rng(4)
    none = np.zeros(0)
    counts, expected = np.zeros(2), 0.0
    threshold = 3.7
    for _ in range(4):
        sources = score_of(pair, 0.0, none, none, rng)
        found = detect(sources, threshold)
        counts += [(found["flux"] > 0).sum(), (found["flux"] < 0).sum()]
        gy, gx = np.gradient(sources.significance)
        # Differences over two pixels see the sine of k: 7 % less of a field this smooth.
        moments = np.var(gx) * np.var(gy) - np.mean(gx * gy) ** 2
        density = np.sqrt(moments) * threshold * np.exp(-(threshold**2) / 2) / (2 * np.pi) ** 1.5
        expected += density * sources.significance.size
    # Poisson errors, three of them; whole pixels miss the tips of peaks, and the differences a
    # part of the curvature: 15 %.
    assert (abs(counts - expected) < 3 * np.sqrt(expected) + 0.15 * expected).all(), (
        counts,
        expected,
    )


def test_as_many_are_found_as_an_ideal_filter_would(pair):
    """Completeness is that of a normal deviate at the significance, peaks being a bit higher."""
    rng = np.random.default_rng(5)
    x, y = stars(rng)
    sources = score_of(pair, 560.0, x, y, rng)
    true = (560.0 / measure(sources, x, y)["flux_error"])[:, np.newaxis]
    draws = np.random.default_rng(6).normal(size=(1, 4000))
    ideal = (true + draws > 5.0).mean()
    index, distance = nearest(detect(sources), x, y)
    completeness = (distance < 3).mean()
    error = np.sqrt(ideal * (1 - ideal) / x.size)
    # The maximum over positions gains 1 / (2 S/N) and pixels lose as much: a tenth of sigma.
    assert abs(completeness - ideal) < 3 * error + 0.04
    assert 0.3 < ideal < 0.8


def plain(flux):
    error = np.ones(flux.shape)
    return PointSources(flux / error, flux, error)


def test_gaps_and_the_outside_give_nothing():
    flux = np.pad(gaussian(2.0, 10), 20) * 900
    flux[30, 41] = np.nan
    found = measure(plain(flux), [30.0, 41.0, 40.2, -3.0, 60.4, 99.0], [30.0, 30.0, 30.0, 5, 60, 5])
    assert found["flux"][0] == flux[30, 30]
    assert np.isnan(found["flux"][[1, 3, 5]]).all() and np.isfinite(found["flux"][4])
    assert found["flux"][2] == flux[30, 40]
    (peak,) = detect(plain(flux), 5.0)
    assert (peak["x"], peak["y"]) == pytest.approx((30, 30), abs=1e-6)


@pytest.mark.parametrize(
    ("distance", "error"), [(1, 0.03), (2, 5e-3), (3, 5e-4), (4, 1e-4), (5, 3e-5), (6, 1e-5)]
)
def test_gaps_near_a_source_leave_it_its_flux(distance, error):
    """Polynomials through 1, 9, 25 ... pixels of a Gaussian of 2.5 pixels err by half as much."""
    y, x = np.mgrid[:61, :67]
    for gap in ((30 + distance, 30), (30, 30 - distance), (30 - distance, 30 + distance)):
        flux = 900 * np.exp(-((x - 30.3) ** 2 + (y - 29.6) ** 2) / 12.5)
        flux[gap] = np.nan
        forced = measure(plain(flux), [30.3], [29.6])["flux"]
        np.testing.assert_allclose(forced, 900, rtol=error)
        (found,) = detect(plain(flux), 5.0)
        # A parabola is no Gaussian, and has no vertex without a neighbour.
        assert abs(found["x"] - 30.3) < 0.31 and abs(found["y"] - 29.6) < 0.41
        assert found["flux"] == pytest.approx(900, rel=0.03)


@pytest.mark.parametrize(
    "at", [(0.2, 30), (-0.3, 30.4), (66.4, 20), (30, 0.3), (40.2, 60), (0, 60)]
)
def test_sources_that_peak_at_the_edge_have_a_flux(at):
    y, x = np.mgrid[:61, :67]
    flux = 900 * np.exp(-((x - at[0]) ** 2 + (y - at[1]) ** 2) / 12.5)
    (found,) = detect(plain(flux), 5.0)
    # Half a pixel at most from it along each axis: the Gaussian falls by 4 per cent there.
    assert abs(found["x"] - at[0]) < 0.41 and abs(found["y"] - at[1]) < 0.41
    assert found["flux"] == pytest.approx(900, rel=0.04)


def test_nothing_is_found_where_nothing_is():
    assert detect(plain(np.zeros((50, 60)))).size == 0
    with pytest.raises(ValueError, match="threshold must be finite and > 0, got 0"):
        detect(plain(np.zeros((50, 60))), 0)
    with pytest.raises(ValueError, match="x and y must be of one length"):
        measure(plain(np.zeros((50, 60))), [1, 2], [1])
