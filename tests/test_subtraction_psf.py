"""Which PSF a difference has, and where that of the whitened image is."""

from types import SimpleNamespace

import numpy as np
import pytest

from exposures import assert_same_psf
from white_noise import gaussian
from whitediff import decorrelate
from whitediff.io import MatchingKernel, write_kernel
from whitediff.kernel import TabulatedKernel, fixed_kernel
from whitediff.options import WhitenOptions
from whitediff.psf import CellPsf, KernelPsf
from whitediff.subtraction import Job, JobError
from whitediff.subtraction.psf import input_psf, whitened_psf

SCIENCE, TEMPLATE, DIFFERENCE = (KernelPsf(gaussian(sigma, 6)) for sigma in (1.0, 1.5, 2.0))


def job(**changed):
    names = ("science", "template", "difference", "kernel", "output")
    return Job(**dict.fromkeys(names, "unused.fits"), **changed)


def subtraction(convolved="template", science=SCIENCE, template=TEMPLATE, difference=None):
    pair = SimpleNamespace(
        convolved=convolved,
        science=SimpleNamespace(psf=science),
        template=SimpleNamespace(psf=template),
    )
    return SimpleNamespace(pair=pair, difference=SimpleNamespace(psf=difference, xy0=(30, -7)))


@pytest.mark.parametrize(("convolved", "expected"), [("template", SCIENCE), ("science", TEMPLATE)])
def test_the_difference_has_the_psf_of_the_image_that_was_not_convolved(convolved, expected):
    assert input_psf(job(), subtraction(convolved)) is expected
    other = {"science" if convolved == "template" else "template": None}
    assert input_psf(job(), subtraction(convolved, **other)) is None


@pytest.mark.parametrize("convolved", ["template", "science"])
def test_its_own_psf_comes_first(convolved):
    assert input_psf(job(), subtraction(convolved, difference=DIFFERENCE)) is DIFFERENCE


def test_a_difference_alone_has_its_own():
    blind = Job(difference="unused.fits", output="unused.fits")
    alone = SimpleNamespace(pair=None, difference=SimpleNamespace(psf=DIFFERENCE))
    assert input_psf(blind, alone) is DIFFERENCE


def test_preconvolved_takes_that_of_the_science_image():
    score = job(options=WhitenOptions(mode="score"), preconvolved=True)
    assert input_psf(score, subtraction(difference=DIFFERENCE)) is SCIENCE
    with pytest.raises(JobError, match="needs the PSF of the science image: give psf FILE"):
        input_psf(score, subtraction(science=None, difference=DIFFERENCE))


def test_the_score_of_an_ordinary_difference_needs_its_psf():
    score = job(options=WhitenOptions(mode="score"))
    assert input_psf(score, subtraction(difference=DIFFERENCE)) is DIFFERENCE
    assert input_psf(score, subtraction("science")) is TEMPLATE
    with pytest.raises(JobError, match="needs the PSF of the difference: give psf FILE"):
        input_psf(score, subtraction(science=None))


def test_a_file_comes_before_all(tmp_path):
    write_kernel(fixed_kernel(gaussian(1.7, 5)), tmp_path / "psf.fits")
    psf = input_psf(job(psf=tmp_path / "psf.fits"), subtraction(difference=DIFFERENCE))
    (image,) = psf.evaluate(np.zeros(1), np.zeros(1))
    np.testing.assert_array_equal(image, gaussian(1.7, 5))


def test_a_file_may_count_from_the_first_pixel(tmp_path):
    images = np.stack([gaussian(sigma, 5) for sigma in (1.0, 2.0)])[np.newaxis]
    kernel = MatchingKernel(TabulatedKernel([0.0, 100.0], [0.0], images), origin="array")
    write_kernel(kernel, tmp_path / "psf.fits")
    psf = input_psf(job(psf=tmp_path / "psf.fits"), subtraction())
    np.testing.assert_array_equal(psf.evaluate(np.array([30.0, 130.0]), np.zeros(2)), images[0])


@pytest.fixture
def whitened(rng):
    def whiten(**options):
        noise = rng.normal(size=(310, 900)).astype(np.float32)
        return decorrelate(noise, 1.0, 2.0, gaussian(1.3, 6), xy0=(1000, -20), **options)

    return whiten


def test_cells_of_the_psf_are_where_the_frame_is(whitened):
    result = whitened(psf=gaussian(1.6, 6))
    assert len(result.cells) > 1
    psf = whitened_psf(result, (1000, -20))
    assert isinstance(psf, CellPsf)
    np.testing.assert_array_equal(psf.boxes, result.cells.boxes + np.array([1000, -20, 1000, -20]))
    np.testing.assert_array_equal(psf.positions, result.cells.centers)
    assert_same_psf(psf.images, result.psf)
    # All of the frame is in a cell, and nothing else.
    assert psf.boxes[:, :2].min(axis=0).tolist() == [1000, -20]
    assert psf.boxes[:, 2:].max(axis=0).tolist() == [1900, 290]


def test_one_filter_makes_one_psf(whitened):
    result = whitened(psf=gaussian(1.6, 6), spatially_varying=False)
    psf = whitened_psf(result, (1000, -20))
    assert isinstance(psf, KernelPsf)
    assert_same_psf(psf.image, result.psf[0])
    np.testing.assert_array_equal(psf.getAveragePosition(), result.cells.centers[0])


def test_no_psf_is_made_of_none(whitened):
    assert whitened_psf(whitened(), (0, 0)) is None
