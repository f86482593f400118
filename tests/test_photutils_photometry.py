"""PSF photometry of photutils on a white image gives right fluxes and errors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.signal import fftconvolve

import whitediff

photutils = pytest.importorskip("photutils.psf")
from astropy import units  # noqa: E402
from astropy.nddata import CCDData  # noqa: E402
from astropy.table import QTable, Table  # noqa: E402

SIDE, SPACING = 900, 45
VARIANCE = 4.0, 9.0


def gaussian(x: Any, y: Any, sigma: float) -> Any:
    return np.exp(-(x**2 + y**2) / (2 * sigma**2)) / (2 * np.pi * sigma**2)


def stamp(sigma: float, radius: int = 12) -> Any:
    at = np.arange(-radius, radius + 1)
    return gaussian(at, at[:, np.newaxis], sigma)


@pytest.fixture(scope="module")
def scene() -> Any:
    """A difference whose kernel changes over the frame, with sources of known flux in it."""
    rng = np.random.default_rng(3)
    narrow, wide = stamp(1.0), stamp(2.4)
    across = np.linspace(0.0, 1.0, SIDE)
    kernel = whitediff.SpatialKernel(
        [narrow, wide],
        [
            whitediff.Polynomial2D([1.0, -1.0 / (SIDE - 1), 0.0]),
            whitediff.Polynomial2D([0.0, 1.0 / (SIDE - 1), 0.0]),
        ],
    )
    science, template = (rng.normal(scale=v**0.5, size=(SIDE, SIDE)) for v in VARIANCE)
    # A kernel that varies takes each pixel from the frame convolved with the kernel of its place.
    matched = sum(
        part * fftconvolve(template, image, mode="same")
        for part, image in ((1 - across, narrow), (across, wide))
    )
    difference = science - matched
    nodes = np.arange(SPACING / 2, SIDE, SPACING)
    x, y = (at.ravel() + rng.uniform(-0.5, 0.5, at.size) for at in np.meshgrid(nodes, nodes))
    flux = rng.uniform(500, 3000, x.size)
    pixels = np.arange(SIDE)
    for one_x, one_y, one_flux in zip(x, y, flux, strict=True):
        rows, columns = (slice(int(at) - 15, int(at) + 17) for at in (one_y, one_x))
        part = gaussian(pixels[columns] - one_x, pixels[rows, np.newaxis] - one_y, 1.8)
        difference[rows, columns] += one_flux * part
    return difference, kernel, Table({"x_0": x, "y_0": y, "flux": flux})


def check(measured: Any, scene: Any) -> None:
    true = scene[2]["flux"]
    flux, error = (np.asarray(measured[name]) for name in ("flux_fit", "flux_err"))
    pulls = (flux - true) / error
    # 400 sources: mean and standard deviation of the pulls to four sampling errors.
    assert abs(pulls.mean()) < 4 / np.sqrt(true.size)
    assert abs(pulls.std() - 1.0) < 4 / np.sqrt(2 * true.size)
    # The mean ratio: a model wrong by half a per cent would show.
    weights = true / error**2
    ratio = (flux * weights).sum() / (true * weights).sum()
    assert abs(ratio - 1.0) < 4 / np.sqrt((true**2 / error**2).sum()) < 2e-3


def test_on_the_result_of_arrays(scene):
    difference, kernel, sources = scene
    result = whitediff.decorrelate(difference, *VARIANCE, kernel, psf=stamp(1.8))
    model = result.to_gridded_psf_model()
    model.x_0.fixed = model.y_0.fixed = True
    photometry = photutils.PSFPhotometry(model, (15, 15), aperture_radius=4)
    check(photometry(result.image, error=np.sqrt(result.variance), init_params=sources), scene)


def test_on_the_result_of_ccd_data(scene):
    difference, kernel, sources = scene
    xy0 = (100.0, -50.0)
    moved = whitediff.SpatialKernel(
        kernel.basis,
        [
            whitediff.Polynomial2D([one.coefficients[0] - 100 * one.coefficients[1],
                                    *one.coefficients[1:]])
            for one in kernel.functions
        ],
    )  # fmt: skip
    white = whitediff.decorrelate(
        CCDData(difference, unit="electron", psf=stamp(1.8)), *VARIANCE, moved, xy0=xy0
    )
    model = white.whitening.to_gridded_psf_model()
    model.x_0.fixed = model.y_0.fixed = True
    sources = QTable(sources)
    sources["flux"] <<= units.electron
    measured = photutils.PSFPhotometry(model, (15, 15), aperture_radius=4)(
        white, init_params=sources
    )
    assert measured["flux_fit"].unit == "electron"
    check(measured, scene)


def test_a_model_is_what_the_result_says(scene):
    difference, kernel, _ = scene
    result = whitediff.decorrelate(difference, *VARIANCE, kernel, psf=stamp(1.8))
    model = result.to_gridded_psf_model()
    radius = result.psf.shape[-1] // 2
    y, x = np.mgrid[-radius : radius + 1, -radius : radius + 1].astype(float)
    for x0, y0 in ((0.0, 0.0), (899.0, 450.0), (317.0, 600.0), (731.0, 44.0)):
        drawn = model.evaluate(x + x0, y + y0, 1.0, x0, y0)
        expected = result.psf_at(x0, y0)
        # Between nodes it is linear: up to a tenth of what changes at a seam, here 4 per cent.
        assert abs((drawn * expected).sum() / (expected**2).sum() - 1) < 4e-3


def test_needs_a_psf(scene):
    result = whitediff.decorrelate(scene[0], *VARIANCE, scene[1])
    with pytest.raises(ValueError, match="psf"):
        result.to_gridded_psf_model()
