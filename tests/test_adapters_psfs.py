"""Kernels and PSFs of astropy, photutils and GalSim, and files of STPSF and PSFEx."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import whitediff
from psf_files import write_psfex, write_stpsf
from whitediff.adapters import as_kernel, as_psf, from_galsim
from whitediff.io import read_kernel, read_psf
from whitediff.kernel import Kernel, rebinned

models = pytest.importorskip("astropy.modeling.models")
photutils = pytest.importorskip("photutils.psf")
from astropy import units  # noqa: E402
from astropy.convolution import CustomKernel, Gaussian2DKernel  # noqa: E402
from astropy.io import fits  # noqa: E402
from astropy.nddata import CCDData, NDData  # noqa: E402

Floats = NDArray[np.float64]
ORIGIN = np.zeros(1)


def image_of(kernel: Kernel, x: float = 0.0, y: float = 0.0) -> Floats:
    return kernel.evaluate(np.array([x]), np.array([y]))[0]


def centroid(image: Floats) -> tuple[float, float]:
    """(x, y) from the pixel that stands for no shift."""
    y, x = (np.arange(size) - (size - 1) // 2 for size in image.shape)
    return float((image @ x).sum() / image.sum()), float((y @ image).sum() / image.sum())


def gaussian(radius: int, sigma: float, step: float = 1.0, x: float = 0.0) -> Floats:
    """What falls on squares of a side `step` under a Gaussian of flux one, in the middle."""
    from scipy.special import erf

    def share(middle: float) -> Floats:
        edges = (np.arange(-radius, radius + 2) - 0.5) * step - middle
        return np.diff(erf(edges / sigma / np.sqrt(2))) / 2

    return np.outer(share(0.0), share(x))


class TestModels:
    def test_a_kernel_of_astropy_is_as_it_is(self, rng):
        image = rng.random((5, 7))
        np.testing.assert_array_equal(image_of(as_kernel(CustomKernel(image))), image)
        np.testing.assert_array_equal(
            image_of(as_kernel(Gaussian2DKernel(1.5))), Gaussian2DKernel(1.5).array
        )

    @pytest.mark.parametrize(
        "model",
        [
            models.Gaussian2D(3.0, 107.3, -4.0, 2.0, 1.5, theta=0.4),
            models.Moffat2D(2.0, 5.2, 6.0, 3.0, 3.5),
            models.Gaussian2D(1, 0, 0, 1.5, 1.5) + models.Gaussian2D(0.1, 0, 0, 3, 3),
            photutils.CircularGaussianPRF(flux=7.0, x_0=4.4, y_0=3.1, fwhm=3.0),
            photutils.MoffatPSF(x_0=2.2, alpha=3.0, beta=3.0),
        ],
    )
    def test_a_psf_is_in_the_middle(self, model):
        image = image_of(as_psf(model))
        # All are symmetric about their middle: rounding.
        np.testing.assert_allclose(image, image[::-1, ::-1], atol=1e-12)
        np.testing.assert_allclose(image.sum(), 1.0, rtol=1e-12)
        assert np.unravel_index(image.argmax(), image.shape) == tuple(n // 2 for n in image.shape)

    def test_a_psf_has_its_shape(self):
        image = image_of(as_psf(models.Gaussian2D(3.0, 107.3, -4.0, 2.0, 1.2)))
        y, x = np.indices(image.shape) - (image.shape[0] - 1) / 2
        expected = np.exp(-((x / 2.0) ** 2 + (y / 1.2) ** 2) / 2)
        # Both are scaled to a sum of one: rounding.
        np.testing.assert_allclose(image, expected / expected.sum(), atol=1e-14)

    def test_a_model_of_a_kernel_may_shift(self):
        image = image_of(as_kernel(models.Gaussian2D(1.0, 0.4, -0.3, 1.5, 1.5)))
        # A Gaussian of sigma 1.5 is sampled with an error of exp(-2 pi^2 sigma^2) < 1e-19, and cut
        # off at 5.5 sigma.
        np.testing.assert_allclose(centroid(image), (0.4, -0.3), atol=1e-5)

    @pytest.mark.parametrize(
        ("model", "error", "message"),
        [
            (models.Const2D(1.0), ValueError, "psf must fall off within 64 pixels, got Const2D"),
            (models.Gaussian1D(), TypeError, "psf must be one model of x and y, got Gaussian1D"),
            (models.Moffat2D([1, 2], [0, 0], [0, 0], [1, 1], [1, 1], n_models=2), TypeError,
             "got Moffat2D of 2 inputs, 1 outputs, 2 models"),
        ],
    )  # fmt: skip
    def test_others_are_refused(self, model, error, message):
        with pytest.raises(error, match=message):
            as_psf(model)


class TestPhotutils:
    @staticmethod
    def sampled(sigma: float) -> Floats:
        """An ePSF of four samples a pixel: what falls on a pixel at every shift."""
        from scipy.special import erf

        x = np.arange(-40, 41) / 4
        share = (erf((x + 0.5) / sigma / np.sqrt(2)) - erf((x - 0.5) / sigma / np.sqrt(2))) / 2
        return np.outer(share, share)

    def test_an_oversampled_image(self):
        psf = as_psf(photutils.ImagePSF(self.sampled(1.3), x_0=88.0, oversampling=4))
        # Samples at whole pixels are those of the image: rounding, and the scale.
        np.testing.assert_allclose(image_of(psf), gaussian(10, 1.3), atol=1e-10)

    def test_a_grid_changes_with_the_position(self):
        grid = NDData(
            np.stack([self.sampled(sigma) for sigma in (1.2, 1.2, 1.8, 1.8)]),
            meta={"grid_xypos": [(0, 0), (90, 0), (0, 60), (90, 60)], "oversampling": 4},
        )
        psf = as_psf(photutils.GriddedPSFModel(grid, x_0=33.0, flux=5.0))
        for y, sigmas in ((0.0, (1.2, 1.2)), (60.0, (1.8, 1.8)), (30.0, (1.2, 1.8))):
            expected = np.mean([gaussian(10, sigma) for sigma in sigmas], axis=0)
            np.testing.assert_allclose(image_of(psf, 41.7, y), expected, atol=1e-10)

    def test_a_grid_makes_scores(self):
        """Each cell is filtered with the PSF of its place, on whichever thread it is."""
        grid = NDData(
            np.stack([self.sampled(sigma) for sigma in (1.2, 1.8, 1.2, 1.8)]),
            meta={"grid_xypos": [(0, 0), (399, 0), (0, 200), (399, 200)], "oversampling": 4},
        )
        model = photutils.GriddedPSFModel(grid)
        edges = np.linspace(0, 400, 5).astype(int)
        boxes = [(x0, 0, x1, 201) for x0, x1 in zip(edges[:-1], edges[1:], strict=True)]
        image = np.random.default_rng(7).normal(size=(201, 400))
        # Noise that is white: the score is the image correlated with the PSF, over its norm.
        result = whitediff.whiten(
            image, [whitediff.NoiseSource(1.0)], psf=model, mode="score",
            grid=whitediff.Grid(boxes, reduction="copy"), n_threads=2,
        )  # fmt: skip
        from scipy.signal import fftconvolve

        for x0, _, x1, _ in boxes:
            sigma = 1.2 + 0.6 * (x0 + x1 - 1) / 2 / 399
            share = (sigma - 1.2) / 0.6
            psf = (1 - share) * gaussian(10, 1.2) + share * gaussian(10, 1.8)
            expected = fftconvolve(image, psf[::-1, ::-1], mode="same")
            inside = (slice(20, -20), slice(max(x0, 20), min(x1, 380)))
            # Filters are faded out over the outer quarter of their reach, where PSFs have 1e-5.
            np.testing.assert_allclose(result.image[inside], expected[inside], atol=1e-4)


class TestImages:
    def test_of_any_package(self, rng):
        image = rng.random((5, 7))
        as_it_is = image_of(as_kernel(image))
        xarray = pytest.importorskip("xarray")
        for value in (
            NDData(image), CCDData(image, unit=""), image << units.dimensionless_unscaled,
            xarray.DataArray(image.T, dims=("x", "y")), whitediff.exposure.Image(image),
        ):  # fmt: skip
            np.testing.assert_array_equal(image_of(as_kernel(value)), as_it_is)
        for value in (CCDData(image, unit="adu"), image << units.adu):
            np.testing.assert_allclose(image_of(as_psf(value)), image / image.sum(), rtol=1e-15)
            with pytest.raises(ValueError, match="kernel must have no unit, got adu"):
                as_kernel(value)

    def test_with_masked_pixels_are_refused(self, rng):
        image, mask = rng.random((5, 7)), rng.random((5, 7)) < 0.2
        for value in (np.ma.array(image, mask=mask), NDData(image, mask=mask)):
            with pytest.raises(ValueError, match="masked pixels|finite"):
                as_psf(value)


class TestGalsim:
    @pytest.fixture
    def galsim(self) -> Any:
        return pytest.importorskip("galsim")

    def test_a_profile_is_integrated_over_pixels(self, galsim):
        psf = from_galsim(galsim.Gaussian(sigma=0.26), 0.2)
        image = image_of(psf)
        # The accuracy of GalSim's Fourier transforms, and the flux beyond the stamp.
        np.testing.assert_allclose(image, gaussian(len(image) // 2, 1.3), atol=1e-4)

    def test_a_profile_with_its_pixel_is_sampled(self, galsim):
        image = image_of(from_galsim(galsim.Gaussian(sigma=2.0), 1.0, method="no_pixel"))
        x = np.arange(len(image)) - len(image) // 2
        expected = np.exp(-np.add.outer(x**2, x**2) / 8) / (8 * np.pi)
        # In single precision, as GalSim draws Gaussians.
        np.testing.assert_allclose(image, expected, atol=1e-7)

    def test_a_profile_alone_has_no_pixels(self, galsim):
        with pytest.raises(TypeError, match=r"psf must have pixels, .*from_galsim\(profile"):
            as_psf(galsim.Gaussian(sigma=1.0))

    def test_only_profiles_are_drawn(self, galsim):
        with pytest.raises(TypeError, match=r"must be a galsim.GSObject, got ndarray"):
            from_galsim(np.ones((3, 3)), 1.0)

    def test_a_drawn_image_is_a_psf(self, galsim):
        image = galsim.Gaussian(sigma=2.0).drawImage(nx=21, ny=21, scale=1.0)
        np.testing.assert_allclose(
            image_of(as_psf(image)), image.array / np.sum(image.array, dtype=np.float64), rtol=1e-6
        )


class TestRebinned:
    @pytest.mark.parametrize(
        ("factor", "number"), [(1, 21), (2, 20), (2, 21), (3, 20), (3, 21), (4, 20), (5, 21)]
    )
    def test_keeps_flux_and_centroid_of_a_gaussian(self, factor, number):
        size = factor * number
        at = (np.arange(size + 1) - size / 2) / factor
        from scipy.special import erf

        shares = [np.diff(erf((at - x) / 1.4 / np.sqrt(2))) / 2 for x in (0.0, 0.31)]
        image = rebinned(np.outer(*shares), factor)
        assert image.shape == (2 * ((number - 1) // 2) + 1,) * 2
        # Beyond 9.5 pixels, 6.5 sigma, lie 1e-10 of the flux.
        np.testing.assert_allclose(image.sum(), 1.0, atol=1e-9)
        np.testing.assert_allclose(centroid(image), (0.31, 0.0), atol=1e-8)
        radius = len(image) // 2
        expected = np.outer(
            gaussian(radius, 1.4).sum(axis=1), gaussian(radius, 1.4, x=0.31).sum(axis=0)
        )
        # Whole fine pixels add up exactly. Half ones, where an odd number lies in an even one of
        # the detector, follow a cubic: 1/1000 of the peak at three fine pixels a pixel.
        exact = factor % 2 == 0 or number % 2 == 1
        np.testing.assert_allclose(image, expected, atol=1e-9 if exact else 1e-3 * expected.max())

    def test_of_an_airy_disk_is_the_sum_over_its_pixels(self):
        """An independent sum, over an odd number of pixels about the middle."""
        fine = models.AiryDisk2D(1.0, 0, 0, 2.4 * 4)(
            *np.meshgrid(np.arange(84) - 41.5, np.arange(76) - 37.5)
        )
        image = rebinned(fine, 4)
        expected = fine.reshape(19, 4, 21, 4).sum(axis=(1, 3))
        np.testing.assert_allclose(image, expected, rtol=1e-13)

    def test_of_too_few_pixels_is_refused(self):
        with pytest.raises(ValueError, match="an image of 3 pixels must fill a pixel of 4"):
            rebinned(np.ones((8, 3)), 4)


class TestStpsf:
    ALL = ("OVERSAMP", "DET_SAMP", "OVERDIST", "DET_DIST")

    @pytest.mark.parametrize(
        ("planes", "number", "factor", "sigma"),
        [
            (ALL, 21, 4, 1.6),
            (ALL, 20, 4, 1.6),
            (ALL[:2], 21, 4, 1.2),
            (ALL[:1], 20, 2, 1.2),
            (ALL[1:2], 21, 4, 1.2),
            (ALL[1::2], 21, 4, 1.6),
        ],
    )
    def test_is_on_pixels_of_the_detector(self, tmp_path, planes, number, factor, sigma):
        write_stpsf(tmp_path / "psf.fits", number, factor, planes)
        image = image_of(read_psf(tmp_path / "psf.fits"))
        # Both are sums over pixels: the flux beyond the image.
        np.testing.assert_allclose(image, gaussian(len(image) // 2, sigma), atol=1e-7)

    def test_with_its_middle_at_a_corner_is_refused(self, tmp_path):
        write_stpsf(tmp_path / "psf.fits", 20, 4, ("DET_SAMP",))
        with pytest.raises(ValueError, match=r"psf.fits: .* 20 x 20 pixels of the detector must"):
            read_psf(tmp_path / "psf.fits")

    def test_of_a_grid_is_refused(self, tmp_path):
        write_stpsf(tmp_path / "psf.fits", 21, 4, ("OVERSAMP",))
        with fits.open(tmp_path / "psf.fits") as hdus:
            hdus[0].data = np.stack([hdus[0].data] * 4)
            hdus.writeto(tmp_path / "grid.fits")
        with pytest.raises(ValueError, match="grid.fits: .*GriddedPSFModel.read"):
            read_psf(tmp_path / "grid.fits")

    def test_is_no_matching_kernel(self, tmp_path):
        write_stpsf(tmp_path / "psf.fits", 21, 4, self.ALL)
        with pytest.raises(ValueError, match="must hold a matching kernel, got a PSF"):
            read_kernel(tmp_path / "psf.fits")


class TestPsfex:
    @pytest.mark.parametrize("sample", [1.0, 0.6])
    def test_follows_its_polynomial(self, tmp_path, sample):
        pytest.importorskip("galsim")
        write_psfex(tmp_path / "image.psf", sample)
        psf = read_psf(tmp_path / "image.psf")
        side = psf.shape[0]
        assert side % 2 == 1
        assert psf.center == (side // 2, side // 2)
        # Pixels of PSFEx count from 1: pixel 100 of ours is its zero point.
        for x, widening in ((100.0, 0.0), (200.0, 0.1), (50.0, -0.05)):
            at = np.arange(side) - side // 2
            square = np.add.outer(at**2, at**2)
            expected = np.exp(-square / (2 * 1.8**2)) / (2 * np.pi * 1.8**2)
            expected *= 1 + widening * (square / 1.8**2 - 2)
            image = image_of(psf, x, 50.0)
            # A Lanczos interpolation of order 3 is good to some thousandths of the peak, and
            # Fourier transforms to a few ten thousandths.
            np.testing.assert_allclose(image, expected, atol=4e-3 * expected.max())
            np.testing.assert_allclose(centroid(image), (0, 0), atol=1e-3)
            moved = read_psf(tmp_path / "image.psf", xy0=(700, 300))
            np.testing.assert_array_equal(image_of(moved, x + 700, 350.0), image)

    def test_of_other_variables_is_refused(self, tmp_path):
        pytest.importorskip("galsim")
        write_psfex(tmp_path / "image.psf", POLNAME1="MAG_AUTO")
        with pytest.raises(OSError, match="image.psf"):
            read_psf(tmp_path / "image.psf")

    def test_of_no_scale_is_refused(self, tmp_path):
        pytest.importorskip("galsim")
        write_psfex(tmp_path / "image.psf", POLSCAL1=0.0)
        with pytest.raises(ValueError, match=r"image\.psf: .*division"):
            read_psf(tmp_path / "image.psf")

    def test_needs_galsim(self, tmp_path, monkeypatch):
        write_psfex(tmp_path / "image.psf")
        monkeypatch.setattr("whitediff.io.psfex.find_spec", lambda name: None)
        with pytest.raises(ValueError, match="image.psf: PSFEx files are read with GalSim"):
            read_psf(tmp_path / "image.psf")

    def test_is_no_matching_kernel(self, tmp_path):
        write_psfex(tmp_path / "image.psf")
        with pytest.raises(ValueError, match="must hold a matching kernel, got a PSF"):
            read_kernel(tmp_path / "image.psf")


def test_a_kernel_file_is_a_psf_as_well(tmp_path):
    whitediff.write_kernel(as_kernel(np.outer([1, 2, 1], [1, 4, 1])), tmp_path / "kernel.fits")
    np.testing.assert_array_equal(
        image_of(read_psf(tmp_path / "kernel.fits")), np.outer([1, 2, 1], [1, 4, 1])
    )
