"""Simulated images, against their own truth."""

import numpy as np
import pytest

import whitediff
from white_noise import gaussian
from whitediff import Chebyshev2D, Polynomial2D, SpatialKernel
from whitediff.simulate import MASK_PLANES, convolve, simulate
from whitediff.whiteness import whiteness

SHAPE = (241, 315)


@pytest.fixture(scope="module", params=["template", "science"])
def simulation(request):
    return simulate(SHAPE, seed=3, convolved=request.param, kernel_sum=1.3, variance_ratio=2.0)


class TestConvolve:
    @pytest.mark.parametrize("kernel_shape", [(5, 7), (4, 6), (1, 9), (1, 1)])
    def test_uses_the_kernel_of_every_output_pixel(self, rng, kernel_shape):
        image = rng.normal(size=(17, 23))
        height, width = kernel_shape
        kernel = SpatialKernel(
            rng.normal(size=(2, height, width)),
            [Polynomial2D([1.0, 0.1, -0.2]), Chebyshev2D([0.5, 1.0, 0.3], (90, 120, 40, 80))],
            center=(height - 1, width // 3),
        )
        result = convolve(image, kernel, xy0=(100, 50))
        cy, cx = kernel.center
        padded = np.pad(image, ((height, height), (width, width)))
        for y in range(17):
            for x in range(23):
                here = kernel.evaluate([100.0 + x], [50.0 + y])[0]
                # sum over v, u of K[v, u] T[y - (v - cy), x - (u - cx)]
                window = padded[
                    y + cy + height - np.arange(height)[:, np.newaxis],
                    x + cx + width - np.arange(width),
                ]
                # Rounding of Fourier transforms.
                assert result[y, x] == pytest.approx(np.sum(here * window), abs=1e-10)

    @pytest.mark.parametrize("size", [1, 2, 7, 64, 101, 257])
    def test_of_any_size(self, rng, size):
        image = rng.normal(size=(size, 5))
        kernel = SpatialKernel([[[0.0], [0.0], [1.0]]], [Polynomial2D([1.0])])
        expected = np.vstack([np.zeros((1, 5)), image[:-1]])
        # Rounding of Fourier transforms.
        np.testing.assert_allclose(convolve(image, kernel), expected, atol=1e-14)

    def test_expects_finite_pixels(self):
        kernel = SpatialKernel(np.ones((1, 1, 1)), [Polynomial2D([1.0])])
        with pytest.raises(ValueError, match="image must be finite"):
            convolve([[1.0, np.nan]], kernel)


def clean(simulation):
    """Pixels without defects or sources."""
    finite = np.isfinite(simulation.difference)
    return finite & (simulation.difference_mask == 0)


def test_difference_is_that_of_the_images(simulation):
    """Away from the frame's edges, where the convolved image was larger."""
    science, template = simulation.science, simulation.template
    if simulation.convolved == "template":
        expected = science - convolve(template, simulation.kernel)
    else:
        expected = (convolve(science, simulation.kernel) - template) / 1.3
    inside = np.s_[12:-12, 12:-12]
    # Images of up to 2e4 electrons are rounded to single precision.
    np.testing.assert_allclose(simulation.difference[inside], expected[inside], atol=0.01)


def test_kernel_varies_and_keeps_its_sum(simulation):
    height, width = SHAPE
    images = simulation.kernel.evaluate(
        np.array([0.0, width - 1.0, 0.0, width - 1.0]), np.array([0.0, 0.0, height - 1.0, height])
    )
    # Rounding only.
    np.testing.assert_allclose(images.sum(axis=(1, 2)), 1.3, rtol=1e-12)
    peaks = images.max(axis=(1, 2))
    assert peaks[0] > 1.5 * peaks[3]


def test_psfs_match(simulation):
    """The kernel makes the PSF of the wider image, and of the difference, from the sharper one."""
    x, y = np.array([10.0, 200.0]), np.array([200.0, 30.0])
    psfs = [simulation.template_psf, simulation.science_psf]
    if simulation.convolved == "science":
        psfs.reverse()
    sharp, wide = (psf.evaluate(x, y) for psf in psfs)
    kernels = simulation.kernel.evaluate(x, y)
    for n in range(2):
        part = SpatialKernel(kernels[n : n + 1] / 1.3, [Polynomial2D([1.0])])
        # Rounding of Fourier transforms.
        np.testing.assert_allclose(convolve(np.pad(sharp[n], 12), part), wide[n], atol=1e-14)
    np.testing.assert_allclose(wide.sum(axis=(1, 2)), 1, rtol=1e-12)
    np.testing.assert_array_equal(simulation.difference_psf.evaluate(x, y), wide)


def test_noise_has_the_variance_given(simulation):
    for name, sky in (("science", 100.0), ("template", 200.0)):
        image, variance = (getattr(simulation, f"{name}{part}") for part in ("", "_variance"))
        noise = whiteness(image, variance)
        # Wings of stars below 4.5 sigma remain.
        assert noise.variance == pytest.approx(1, abs=4.5 * noise.variance_error + 0.003)
        assert variance.min() == sky
        # Poisson noise of the brightest sources.
        assert variance.max() > 10 * sky


def test_whitened_it_is_white(simulation):
    names = ("difference", "science_variance", "template_variance", "kernel")
    result = whitediff.decorrelate(
        *(getattr(simulation, name) for name in names),
        convolved=simulation.convolved, mask=simulation.difference_mask,
        science_mask=simulation.science_mask, template_mask=simulation.template_mask,
        ignore_mask=sum(1 << bit for bit in MASK_PLANES.values()),
    )  # fmt: skip
    before = whiteness(simulation.difference)
    after = whiteness(result.image, result.variance)
    assert min(before.in_x[0], before.in_y[0]) > 4.5 * before.error_in_x[0]
    # 4.5 sampling errors, and the wings of sources below 4.5 sigma.
    assert after.variance == pytest.approx(1, abs=4.5 * after.variance_error + 0.003)
    assert abs(after.in_x).max() < 4.5 * after.error_in_x.max() + 0.003
    assert abs(after.in_y).max() < 4.5 * after.error_in_y.max() + 0.003


def measured_fluxes(image, variance, psf_at, sources):
    """Optimal flux of each source with its PSF, and the error of it, where it is well inside."""
    fluxes = []
    for source in sources:
        column, row = round(source["x"]), round(source["y"])
        psf = psf_at(source["x"], source["y"])
        radius = psf.shape[0] // 2
        window = np.s_[row - radius : row + radius + 1, column - radius : column + radius + 1]
        stamp, noise = image[window], variance[window]
        inside = min(row, column) >= radius and stamp.shape == psf.shape
        if not inside or not np.isfinite(stamp).all():
            continue
        # Shifted by the fraction of a pixel that the source is off the middle of its pixel.
        v, u = (np.fft.fftfreq(size)[:, np.newaxis] for size in psf.shape)
        shift = np.exp(-2j * np.pi * (v * (source["y"] - row) + (u * (source["x"] - column)).T))
        model = np.fft.ifft2(np.fft.fft2(psf) * shift).real
        weight = np.sum(model**2 / noise)
        fluxes.append((source["flux"], np.sum(model * stamp / noise) / weight, weight**-0.5))
    return np.array(fluxes).T


def test_transients_have_their_fluxes_before_and_after_whitening():
    """PSF photometry at the true positions, with the PSF of each image."""
    simulation = simulate((601, 703), seed=5, variance_ratio=3.0)
    transients = simulation.sources[simulation.sources["transient"]]
    assert len(transients) == 601 * 703 // 20000
    total = simulation.science_variance + simulation.template_variance
    result = whitediff.decorrelate(
        simulation.difference, simulation.science_variance, simulation.template_variance,
        simulation.kernel, psf=simulation.difference_psf, variance="full",
    )  # fmt: skip
    centers = result.cells.centers

    def whitened_psf(x, y):
        return result.psf[np.argmin(np.hypot(*(centers - (x, y)).T))]

    def psf(x, y):
        return simulation.difference_psf.evaluate([x], [y])[0]

    for image, variance, psf_at in (
        (simulation.difference, total, psf),
        (result.image, result.variance, whitened_psf),
    ):
        flux, measured, error = measured_fluxes(image, variance, psf_at, transients)
        assert len(flux) > 12
        pulls = (measured - flux) / error
        # Noise that is still correlated makes errors of PSF photometry twice as large as they seem.
        assert abs(pulls).max() < 9
        assert abs(np.mean((measured - flux) / flux)) < 0.1
    # Of white noise they are what they seem: the rms of some 15 pulls scatters by 0.18.
    assert np.sqrt(np.mean(pulls**2)) == pytest.approx(1, abs=4.5 * 0.18)


def test_static_stars_leave_nothing_in_the_difference(simulation):
    """But their noise, though some have more than 1e4 electrons."""
    masked = simulation.difference_mask & ((1 << MASK_PLANES["SAT"]) | (1 << MASK_PLANES["BAD"]))
    stars = simulation.sources[~simulation.sources["transient"]]
    transients = simulation.sources[simulation.sources["transient"]]
    variance = simulation.science_variance + 2 * simulation.template_variance
    assert stars["flux"].max() > 1e4
    for star in stars:
        row, column = round(star["y"]), round(star["x"])
        near = np.hypot(transients["x"] - star["x"], transients["y"] - star["y"]) < 20
        if near.any() or not (0 <= row < SHAPE[0] and 0 <= column < SHAPE[1]):
            continue
        if masked[row, column] == 0:
            assert abs(simulation.difference[row, column]) < 5 * np.sqrt(variance[row, column])


def test_defects_are_masked(simulation):
    bad, saturated, detected = (1 << MASK_PLANES[name] for name in ("BAD", "SAT", "DETECTED"))
    dead = np.isnan(simulation.difference)
    assert 10 < dead.sum() < 60
    np.testing.assert_array_equal(simulation.difference_mask & bad != 0, dead)
    wide = "science" if simulation.convolved == "template" else "template"
    np.testing.assert_array_equal(np.isnan(getattr(simulation, wide)), dead)
    for name in ("science", "template"):
        image, mask = getattr(simulation, name), getattr(simulation, f"{name}_mask")
        assert np.nanmax(image) <= 20000
        np.testing.assert_array_equal(mask & saturated != 0, image == 20000)
        assert 100 < np.sum(mask & detected != 0) < 0.1 * mask.size
    # The saturated star is not subtracted, and the mask says where; the rest are transients.
    assert (simulation.difference_mask & saturated != 0).sum() > 50
    transients = simulation.sources[simulation.sources["transient"]]
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    away = clean(simulation)
    for source in transients:
        away &= np.hypot(x - source["x"], y - source["y"]) > 12
    noise = np.sqrt(simulation.science_variance + 2 * simulation.template_variance)
    # The largest of 75000 normal numbers is at 4.4 sigma.
    assert abs(simulation.difference / noise)[away].max() < 5.5


def test_seed_decides_on_everything(simulation):
    def same(a, b):
        return np.array_equal(a.science, b.science, equal_nan=True)

    again, other = (
        simulate(
            SHAPE, seed=seed, convolved=simulation.convolved, kernel_sum=1.3, variance_ratio=2.0
        )
        for seed in (3, 4)
    )
    for name in ("science", "template", "difference", "science_variance", "template_variance",
                 "science_mask", "template_mask", "difference_mask"):  # fmt: skip
        np.testing.assert_array_equal(getattr(again, name), getattr(simulation, name))
        dtype = np.int32 if name.endswith("mask") else np.float32
        assert getattr(again, name).dtype == dtype
        assert getattr(again, name).shape == SHAPE
    np.testing.assert_array_equal(again.sources, simulation.sources)
    assert same(again, simulation)
    assert not same(other, simulation)
    assert again.seed == 3


def test_sources_are_inside_the_frame(simulation):
    x, y = simulation.sources["x"], simulation.sources["y"]
    assert x.min() >= -0.5
    assert x.max() <= SHAPE[1] - 0.5
    assert y.min() >= -0.5
    assert y.max() <= SHAPE[0] - 0.5
    # At random fractions of a pixel.
    assert np.std(x % 1) == pytest.approx(12**-0.5, abs=0.1)


def test_smallest_shape():
    simulation = simulate((64, 64))
    assert np.isfinite(simulation.difference).mean() > 0.99
    assert repr(simulation) == (
        "Simulation(64 x 64, 13 sources, 3 of them transients, convolved='template', seed=0)"
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"shape": (63, 100)}, r"at least 64 each, got \(63, 100\)"),
        ({"shape": (100,)}, r"shape must be \(height, width\), .*, got \(100,\)"),
        ({"convolved": "both"}, "convolved must be one of 'template', 'science', got 'both'"),
        ({"kernel_sum": 0.0}, "kernel_sum must be finite and > 0, got 0.0"),
        ({"variance_ratio": np.nan}, "variance_ratio must be finite and > 0, got nan"),
    ],
)
def test_says_what_it_expects(arguments, message):
    with pytest.raises(ValueError, match=message):
        simulate(**{"shape": (64, 64), **arguments})


def test_star_profile_is_the_psf():
    """A star in the middle of a pixel is its flux times the PSF, but for the noise."""
    simulation = simulate((64, 64))
    image = simulation.template_psf.evaluate([0.0], [0.0])[0]
    np.testing.assert_allclose(image, gaussian(1.3, radius=8), atol=1e-15)


class TestNoiseThatIsNotWhite:
    def test_images_stay_what_they_are_without_it(self):
        plain = simulate((80, 90), seed=5)
        same = simulate((80, 90), seed=5, coadd=1, ripple=0.0, pixels_a_star=2500)
        np.testing.assert_array_equal(plain.difference, same.difference)
        assert plain.shared_variance == 0

    @pytest.mark.parametrize("convolved", ["template", "science"])
    def test_warps(self, convolved):
        simulation = simulate(
            SHAPE, seed=6, convolved=convolved, science_warp="bilinear", template_warp="lanczos3"
        )
        for name, least in (("science", 0.25), ("template", 0.6)):
            sky = 100.0 if name == "science" else 300.0
            plane = getattr(simulation, f"{name}_variance")
            empty = getattr(simulation, f"{name}_mask") == 0
            # Interpolation takes from the variance, most where it is between pixels; stars that are
            # not masked, five sigma or fainter, add half of the sky's to it at most.
            assert least * sky < plane[empty].min() < plane[empty].max() < 1.5 * sky
            found = whiteness(getattr(simulation, name), plane, mask=~empty)
            assert found.variance == pytest.approx(1, abs=5 * found.variance_error * 2)
            assert found.in_x[0] > 0.03

    @pytest.mark.parametrize("convolved", ["template", "science"])
    def test_shared_noise(self, convolved):
        simulation = simulate(
            SHAPE, seed=7, convolved=convolved, variance_ratio=0.25, coadd=4, shared=True
        )
        # A mean of four, one of which it is: 1/4 of the science image's variance.
        assert simulation.shared_variance == pytest.approx(25, rel=1e-12)
        empty = (simulation.science_mask | simulation.template_mask) == 0
        science, template = (getattr(simulation, name)[empty] for name in ("science", "template"))
        found = np.mean((science - np.median(science)) * (template - np.median(template)))
        # Products scatter by sqrt(100 * 25 + 25^2) = 56; stars below the masks add to them.
        assert found == pytest.approx(25, abs=5 * 56 / np.sqrt(empty.sum()) + 2)

    def test_ripples(self):
        plain, waves = (simulate(SHAPE, seed=8, ripple=ripple) for ripple in (0.0, 0.5))
        added = waves.science - plain.science
        added = added[np.isfinite(added)]
        # Half of 10 electrons; saturated pixels too. Waves do not fill the frame: a tenth.
        assert added.std() == pytest.approx(5, rel=0.1)
        np.testing.assert_array_equal(waves.template, plain.template)

    def test_crowding(self):
        crowded = simulate(SHAPE, seed=8, pixels_a_star=100)
        n_stars = (~crowded.sources["transient"]).sum()
        assert n_stars == SHAPE[0] * SHAPE[1] // 100

    @pytest.mark.parametrize(
        ("changed", "message"),
        [
            ({"ripple": -1}, "ripple must be finite and >= 0, got -1"),
            ({"coadd": 0}, "coadd must be at least 1, got 0"),
            ({"pixels_a_star": 0}, "pixels_a_star must be at least 1, got 0"),
            (
                {"science_warp": "spline"},
                "science_warp must be one of .*, got 'spline'",
            ),
        ],
    )
    def test_what_cannot_be_is_refused(self, changed, message):
        with pytest.raises(ValueError, match=message):
            simulate((64, 64), **changed)
