"""What comes of kernels and PSFs of other packages: the rows of a table in docs/objects.md."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import foreign
import whitediff
from test_adapters_psfs import centroid, image_of, write_psfex, write_stpsf
from whitediff.adapters import as_kernel, as_psf, from_galsim
from whitediff.io import read_kernel, read_psf

models = pytest.importorskip("astropy.modeling.models")
photutils = pytest.importorskip("photutils.psf")
xarray = pytest.importorskip("xarray")
from astropy import units  # noqa: E402
from astropy.convolution import CustomKernel  # noqa: E402
from astropy.nddata import CCDData, NDData  # noqa: E402

PAGE = Path(__file__).resolve().parent.parent / "docs/objects.md"
IMAGE = np.random.default_rng(7).random((5, 7))
SCALED = IMAGE / IMAGE.sum()
# Wide enough to be sampled, and narrow enough to end within the stamp of a PSF model.
SIGMA = 1.5
PEAK = 2 * np.pi * SIGMA**2
NO_KERNEL = (TypeError, "kernel must be a Kernel, a 2-D array of numbers")
NO_PSF = (TypeError, "psf must be a Kernel, a 2-D array of numbers")


def bell(x: float = 0.0, y: float = 0.0, height: float = 1.0) -> Any:
    return models.Gaussian2D(height, x, y, SIGMA, SIGMA)


def oversampled() -> Any:
    """Two samples a pixel."""
    profile = np.exp(-((np.arange(-40, 41) / 2) ** 2) / (2 * SIGMA**2))
    return np.outer(profile, profile) / PEAK


def gridded() -> Any:
    places = [(0, 0), (90, 0), (0, 60), (90, 60)]
    data = NDData(np.stack([oversampled()] * 4), meta={"grid_xypos": places, "oversampling": 2})
    return photutils.GriddedPSFModel(data)


def galsim_gaussian() -> Any:
    return pytest.importorskip("galsim").Gaussian(sigma=SIGMA)


@dataclass(frozen=True)
class At:
    """An image of a flux about a point (x, y)."""

    x: float = 0.0
    y: float = 0.0
    flux: float = 1.0

    def check(self, image: Any) -> None:
        # Models are cut off at 1e-5 of their peak, and the widest of the PSFs in files, of sigma
        # 1.8 pixels, after 12: less than a thousandth of the flux lies beyond.
        np.testing.assert_allclose(centroid(image), (self.x, self.y), atol=1e-3)
        np.testing.assert_allclose(image.sum(), self.flux, rtol=1e-3)


PROFILE = (TypeError, r"must have pixels, got a profile of GalSim: .*from_galsim\(profile, scale\)")

# What it is, what comes of it as a matching kernel, and as a PSF: an image, or an error.
ROWS: dict[str, tuple[Any, Any, Any]] = {
    "an array": (lambda: IMAGE, IMAGE, SCALED),
    "an NDData": (lambda: NDData(IMAGE), IMAGE, SCALED),
    "a DataArray": (lambda: xarray.DataArray(IMAGE.T, dims=("x", "y")), IMAGE, SCALED),
    "a Quantity without a unit": (lambda: IMAGE << units.dimensionless_unscaled, IMAGE, SCALED),
    "an image with a unit": (
        lambda: CCDData(IMAGE, unit="adu"), (ValueError, "must have no unit, got adu"), SCALED,
    ),
    "masked pixels": (
        lambda: np.ma.array(IMAGE, mask=IMAGE > 0.8),
        (ValueError, "masked pixels|finite"), (ValueError, "masked pixels|finite"),
    ),
    "an image with an array": (lambda: SimpleNamespace(array=IMAGE), IMAGE, SCALED),
    "a Kernel2D of astropy": (lambda: CustomKernel(IMAGE), IMAGE, SCALED),
    "a model of astropy": (lambda: bell(0.4, -0.3), At(0.4, -0.3, PEAK), At()),
    "a sum of models": (
        lambda: bell(0.4, -0.3) + bell(0.4, -0.3, 0.1), At(0.4, -0.3, 1.1 * PEAK), At(),
    ),
    "a sum with two middles": (
        lambda: bell(0.4) + bell(-0.4), At(flux=2 * PEAK),
        (ValueError, r"one middle, got CompoundModel with 2: \(-0.4, 0\), \(0.4, 0\)"),
    ),
    "an ImagePSF of photutils": (
        lambda: photutils.ImagePSF(oversampled(), x_0=0.5, flux=0.75, oversampling=2),
        At(0.5, 0.0, 0.75), At(),
    ),
    "a PRF of photutils": (
        lambda: photutils.CircularGaussianPRF(flux=0.75, x_0=0.4, y_0=0.2, fwhm=SIGMA * 2.3548),
        At(0.4, 0.2, 0.75), At(),
    ),
    "a GriddedPSFModel": (
        gridded, (TypeError, "kernel must be one for the whole frame, got GriddedPSFModel"), At(),
    ),
    "a profile of GalSim": (galsim_gaussian, PROFILE, PROFILE),
    "a profile that was drawn": (lambda: from_galsim(galsim_gaussian(), 1.0), At(), At()),
    "a kernel of lsst.afw": (lambda: foreign.CorrelationKernel(IMAGE), IMAGE[::-1, ::-1], NO_PSF),
    "a PSF of lsst.afw": (lambda: foreign.GappyPsf(IMAGE, -1.0), NO_KERNEL, SCALED),
    "a kernel of lsst-images": (
        foreign.SampledKernel, np.arange(15.0)[::-1].reshape(3, 5),
        (TypeError, "psf must be a PSF, got a matching kernel, SampledKernel"),
    ),
    "a PSF of lsst-images": (
        foreign.SampledPsf, (TypeError, "must be a matching kernel, got a PSF, SampledPsf"),
        np.arange(15.0).reshape(3, 5) / np.arange(15.0).sum(),
    ),
    "what read_kernel gives": (
        lambda: whitediff.io.MatchingKernel(as_kernel(IMAGE), "template"), IMAGE, NO_PSF,
    ),
}  # fmt: skip


def check(take: Any, make: Any, expected: Any) -> None:
    if isinstance(expected, tuple):
        error, message = expected
        with pytest.raises(error, match=message):
            take(make())
        return
    image = image_of(take(make()))
    if isinstance(expected, At):
        expected.check(image)
    else:
        # Scaling rounds in the last bit.
        np.testing.assert_allclose(image, expected, rtol=1e-14)


@pytest.mark.parametrize("row", ROWS)
def test_objects(row):
    make, kernel, psf = ROWS[row]
    check(as_kernel, make, kernel)
    check(as_psf, make, psf)


def write_kernel(path):
    whitediff.write_kernel(as_kernel(IMAGE), path)


def write_subtraction(path):
    whitediff.write_kernel(whitediff.io.MatchingKernel(as_kernel(IMAGE), "template"), path)


def write_psfex_of_galsim(path):
    pytest.importorskip("galsim")
    write_psfex(path)


NO_MATCHING = (ValueError, "must hold a matching kernel, got a PSF")
FILES: dict[str, tuple[Any, Any, Any]] = {
    "a file of a kernel alone": (write_kernel, IMAGE, IMAGE),
    "a file of a subtraction": (
        write_subtraction,
        IMAGE,
        (ValueError, r"psf\.fits: must hold a PSF, got the matching kernel"),
    ),
    "a file of STPSF": (lambda path: write_stpsf(path, 21, 4, ("OVERSAMP",)), NO_MATCHING, At()),
    # At its zero point, (100, 50), the kernel is the Gaussian alone.
    "a file of PSFEx": (write_psfex_of_galsim, NO_MATCHING, At()),
}


@pytest.mark.parametrize("row", FILES)
def test_files(tmp_path, row):
    write, kernel, psf = FILES[row]
    write(tmp_path / "psf.fits")
    check(lambda path: read_kernel(path).kernel, lambda: tmp_path / "psf.fits", kernel)
    check(read_psf, lambda: tmp_path / "psf.fits", psf)


def test_the_page_has_these_rows():
    table = PAGE.read_text().partition("<!-- kernels -->")[2].partition("<!-- /kernels -->")[0]
    rows = re.findall(r"^\| ([^|]+?) \| [^|\n]+ \| [^|\n]+ \|$", table, flags=re.M)
    assert rows == [*dict.fromkeys(rows)]
    assert set(rows) == {*ROWS, *FILES}
