"""``whitediff decorrelate``: what it reads, does and writes."""

import numpy as np
import pytest
from astropy.io import fits

import whitediff
from command_line import SHAPE, fail, options, run_command, succeed, write_plain
from white_noise import gaussian
from whitediff import Exposure, read_exposure, write_exposure
from whitediff.io import MatchingKernel, read_kernel, write_kernel
from whitediff.kernel import fixed_kernel
from whitediff.psf import CellPsf, sampled_psf
from whitediff.whiteness import whiteness


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    directory = tmp_path_factory.mktemp("inputs")
    assert run_command("simulate", directory, "--shape", *SHAPE, "--overwrite") == 0
    return directory


@pytest.fixture
def output(tmp_path):
    return tmp_path / "white.fits"


@pytest.fixture
def plain(inputs, tmp_path):
    """The same images without variance, mask and PSF, and a fixed kernel."""
    for name in ("science", "template", "difference"):
        write_plain(tmp_path / f"{name}.fits", read_exposure(inputs / f"{name}.fits").image.array)
    write_plain(tmp_path / "kernel.fits", gaussian(1.3, radius=6))
    return tmp_path


def ignored(exposure):
    planes = ["BAD", "SAT", "DETECTED"]
    return (exposure.mask.array & exposure.mask.getPlaneBitMask(planes)) != 0


def header_of(path):
    return fits.getheader(path, 0)


def history_of(path):
    return "".join(header_of(path)["HISTORY"])


@pytest.mark.parametrize(
    ("extra", "arguments"),
    [
        ([], {}),
        (["--constant"], {"spatially_varying": False}),
        (["--variance", "full", "--threads", "1"], {"variance": "full"}),
        (["--mode", "score"], {"mode": "score"}),
        (["--mode", "score", "--preconvolved"], {"mode": "score", "preconvolved": True}),
    ],
)
def test_result_is_that_of_the_function(inputs, output, capsys, extra, arguments):
    succeed(capsys, "decorrelate", *options(inputs), "-o", output, *extra)
    science, template, difference = (
        read_exposure(inputs / f"{name}.fits") for name in ("science", "template", "difference")
    )
    expected = whitediff.decorrelate(
        difference.image.array,
        science.variance.array,
        template.variance.array,
        read_kernel(inputs / "kernel.fits"),
        science_mask=ignored(science),
        template_mask=ignored(template),
        mask=ignored(difference),
        psf=science.psf if "preconvolved" in arguments else difference.psf,
        **arguments,
    )
    result = read_exposure(output)
    np.testing.assert_array_equal(result.image.array, expected.image)
    np.testing.assert_array_equal(result.variance.array, expected.variance)
    planes = result.mask.getMaskPlaneDict()
    edge = 1 << planes.pop("FILTER_EDGE")
    assert planes == difference.mask.getMaskPlaneDict()
    np.testing.assert_array_equal((result.mask.array & edge) != 0, expected.filter_edge)
    np.testing.assert_array_equal(result.mask.array & ~edge, difference.mask.array)
    # One filter makes several PSFs of one that varies.
    assert isinstance(result.psf, CellPsf)
    sampled = sampled_psf(expected, (0, 0))
    np.testing.assert_array_equal(result.psf.images, sampled.images)
    np.testing.assert_array_equal(result.psf.boxes, sampled.boxes)


def test_header_says_how_it_was_made(inputs, output, capsys):
    printed = succeed(capsys, "decorrelate", *options(inputs), "-o", output, "--threads", 2)
    header = header_of(output)
    assert header["WDVERSN"] == whitediff.__version__
    assert header["WDSCI"].endswith("science.fits") and header["WDKERN"].endswith("kernel.fits")
    expected = {
        "WDCONV": "template",
        "WDMODE": "difference",
        "WDVAR": "estimate",
        "WDVARY": True,
        "WDSCALE": 1.0,
        "WDSNOISE": "plane",
        "WDTNOISE": "plane",
        "WDTHREAD": 2,
        "WDCLIP": 0,
        "SEED": 0,
    }
    assert {keyword: header[keyword] for keyword in expected} == expected
    assert header["WDCELLS"] > 1 and header["WDBORDER"] > 0
    # The sky variances of the simulated images are 100 and 300; stars are clipped or masked.
    assert header["WDSVAR"] == pytest.approx(100, rel=0.01)
    assert header["WDTVAR"] == pytest.approx(300, rel=0.01)
    assert f"{output}: whitened in {header['WDCELLS']} cells" in printed
    assert "science variance 100: variance plane of" in printed


def test_sky_variance_is_measured_where_none_is_known(plain, output, capsys):
    printed = succeed(capsys, "decorrelate", *options(plain), "-o", output)
    header = header_of(output)
    assert (header["WDSNOISE"], header["WDTNOISE"]) == ("sky", "sky")
    assert f"Variance of the science image: measured in the sky of {plain}" in history_of(output)
    assert "measured in the sky" in printed
    # True values 100 and 300; 4 x the sampling error of 279 000 pixels, of a median (1.25 x that of
    # a mean), is 1.4 %; the rest is for stars too faint to be found.
    assert header["WDSVAR"] == pytest.approx(100, rel=0.03)
    assert header["WDTVAR"] == pytest.approx(300, rel=0.03)
    assert "template, by assumption" in history_of(output)
    assert read_exposure(output).psf is None


def test_variances_are_given_as_number_and_file(inputs, plain, output, tmp_path, capsys):
    plane = np.full(SHAPE, 30.0, np.float32)
    plane[:, :200] = 20.0
    given = ["--science-variance", write_plain(tmp_path / "plane.fits", plane)]
    given += ["--template-variance", "50.5", "--constant", "--covariance", "none"]
    succeed(capsys, "decorrelate", *options(plain), "-o", output, *given)
    header = header_of(output)
    assert (header["WDSNOISE"], header["WDTNOISE"]) == ("file", "number")
    expected = whitediff.decorrelate(
        fits.getdata(plain / "difference.fits").astype(np.float32),
        plane,
        50.5,
        gaussian(1.3, radius=6),
        spatially_varying=False,
    )
    np.testing.assert_array_equal(read_exposure(output).variance.array, expected.variance)
    # A file that has a variance plane gives that, not its image.
    given[1] = inputs / "science.fits"
    succeed(capsys, "decorrelate", *options(plain), "-o", output, *given, "--overwrite")
    assert header_of(output)["WDSVAR"] == pytest.approx(100, rel=0.01)  # as above


@pytest.mark.parametrize("option", [None, "science"])
def test_sffts_difference_says_which_image_was_convolved(plain, output, tmp_path, capsys, option):
    with fits.open(plain / "difference.fits") as hdus:
        hdus[0].header["CONVD"] = "SCI"
        hdus.writeto(tmp_path / "sfft.fits")
    arguments = options(plain, difference=tmp_path / "sfft.fits")
    if option is not None:
        arguments += ["--convolved", option]
    succeed(capsys, "decorrelate", *arguments, "-o", output)
    assert header_of(output)["WDCONV"] == "science"
    assert "which image was convolved" not in history_of(output)


def test_scale_of_the_difference(plain, output, capsys):
    arguments = [*options(plain), "-o", output, "--constant"]
    arguments += ["--science-variance", 100, "--template-variance", 60, "--covariance", "none"]
    succeed(capsys, "decorrelate", *arguments, "--scale", 2)
    # Four times (100 + 60), with a kernel of sum one; float32 rounding.
    np.testing.assert_allclose(read_exposure(output).variance.array, 640, rtol=1e-5)
    assert header_of(output)["WDSCALE"] == 2


def test_pixels_without_a_value_become_nan(plain, output, tmp_path, capsys):
    pixels = fits.getdata(plain / "difference.fits").astype(np.float32)
    pixels[:7] = pixels[100, 50] = 1e-30
    invalid = write_plain(tmp_path / "invalid.fits", pixels, MASKVAL=1e-30)
    succeed(capsys, "decorrelate", *options(plain, difference=invalid), "-o", output)
    result = read_exposure(output)
    missing = pixels == np.float32(1e-30)
    np.testing.assert_array_equal(np.isnan(result.image.array), missing | np.isnan(pixels))
    no_data = result.mask.getPlaneBitMask("NO_DATA")
    np.testing.assert_array_equal((result.mask.array & no_data) != 0, missing)
    assert "MASKVAL" not in header_of(output)


def test_origin_and_wcs_are_kept(inputs, output, tmp_path, capsys):
    whole = read_exposure(inputs / "difference.fits")
    header = fits.Header(
        {"CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CRVAL1": 12.0, "CRVAL2": -7.0}
        | {"CRPIX1": 200.0, "CRPIX2": 90.0, "CDELT1": -1e-4, "CDELT2": 1e-4}
    )
    from astropy.wcs import WCS

    moved = Exposure(image=whole.image.array, wcs=WCS(header), xy0=(1000, 300))
    write_exposure(moved, tmp_path / "moved.fits")
    succeed(
        capsys, "decorrelate", *options(inputs, difference=tmp_path / "moved.fits"), "-o", output
    )
    result = read_exposure(output)
    assert tuple(result.getXY0()) == (1000, 300)
    # The same pixel is at the same place on the sky, to the rounding of the header's numbers.
    np.testing.assert_allclose(
        result.wcs.pixel_to_world_values(1010, 350),
        moved.wcs.pixel_to_world_values(1010, 350),
        rtol=1e-12,
    )


@pytest.mark.parametrize("origin", ["array", "parent"])
def test_kernel_positions_count_from_where_the_file_says(
    inputs, output, tmp_path, capsys, monkeypatch, origin
):
    kernel = read_kernel(inputs / "kernel.fits").kernel
    xy0 = (130, 40)
    difference = read_exposure(inputs / "difference.fits")
    write_exposure(Exposure(image=difference.image.array, xy0=xy0), tmp_path / "moved.fits")
    monkeypatch.setattr(
        "whitediff.subtraction.files.read_kernel",
        lambda path, difference: MatchingKernel(kernel, "template", 1.0, origin=origin),
    )
    moved = options(inputs, difference=tmp_path / "moved.fits", covariance="none")
    succeed(capsys, "decorrelate", *moved, "-o", output)
    science, template = (read_exposure(inputs / f"{name}.fits") for name in ("science", "template"))
    expected = whitediff.decorrelate(
        difference.image.array,
        science.variance.array,
        template.variance.array,
        kernel,
        science_mask=ignored(science),
        template_mask=ignored(template),
        xy0=xy0 if origin == "parent" else (0, 0),
    )
    # Positions that were shifted to and fro are the same to their last digit or two.
    scale = np.nanmax(abs(expected.image))
    np.testing.assert_allclose(read_exposure(output).image.array, expected.image, atol=1e-6 * scale)


def test_float64_stays_float64(plain, output, tmp_path, capsys):
    pixels = fits.getdata(plain / "difference.fits").astype(np.float64)
    double = write_plain(tmp_path / "double.fits", pixels)
    succeed(capsys, "decorrelate", *options(plain, difference=double), "-o", output)
    assert read_exposure(output).image.array.dtype == np.float64


def test_psf_is_read_from_a_file(plain, output, tmp_path, capsys):
    psf = write_plain(tmp_path / "psf.fits", 3 * gaussian(1.8, radius=9))
    arguments = [*options(plain), "-o", output, "--psf", psf, "--constant"]
    succeed(capsys, "decorrelate", *arguments, "--mode", "score")
    assert header_of(output)["WDMODE"] == "score"
    # PSFs are normalised: a sum of one to float64 rounding.
    assert read_exposure(output).psf.image.sum() == pytest.approx(1, abs=1e-9)


def test_named_mask_planes_are_left_out(inputs, output, tmp_path, capsys):
    science = read_exposure(inputs / "science.fits")
    science.mask.addMaskPlane("SPIKE")
    left = np.s_[:, : SHAPE[1] // 2]
    science.mask.array[left] |= science.mask.getPlaneBitMask("SPIKE")
    # Garbage that would make the measured variance more than a million.
    science.image.array[left] = 1e3 * np.random.default_rng(5).normal(
        size=(SHAPE[0], SHAPE[1] // 2)
    )
    write_exposure(
        Exposure(image=science.image.array, mask=science.mask), tmp_path / "science.fits"
    )
    arguments = options(inputs, science=tmp_path / "science.fits")
    arguments += ["-o", output, "--ignore-plane", "SPIKE", "--ignore-plane", "SAT"]
    succeed(capsys, "decorrelate", *arguments)
    # As above, of half as many pixels.
    assert header_of(output)["WDSVAR"] == pytest.approx(100, rel=0.04)


def test_names_of_files_need_not_be_ascii(inputs, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    output = "weiß [1].fits"
    kernel = tmp_path / "核.fits"
    write_kernel(read_kernel(inputs / "kernel.fits"), kernel)
    succeed(capsys, "decorrelate", *options(inputs, kernel=kernel), "-o", output)
    assert header_of(output)["WDKERN"].endswith("\\u6838.fits")
    assert output in succeed(capsys, "check", output)


def test_plot(inputs, output, tmp_path, capsys):
    plot = tmp_path / "plot.png"
    succeed(capsys, "decorrelate", *options(inputs), "-o", output, "--plot", plot)
    assert plot.read_bytes().startswith(b"\x89PNG")


def test_fixed_kernel_and_kernel_file_agree(plain, output, tmp_path, capsys):
    write_kernel(fixed_kernel(gaussian(1.3, radius=6)), tmp_path / "own.fits")
    succeed(capsys, "decorrelate", *options(plain), "-o", output)
    other = tmp_path / "other.fits"
    succeed(capsys, "decorrelate", *options(plain, kernel=tmp_path / "own.fits"), "-o", other)
    np.testing.assert_array_equal(fits.getdata(output, 1), fits.getdata(other, 1))


def test_planes_of_no_value_are_named(inputs, output, capsys):
    arguments = [*options(inputs), "-o", output]
    printed = succeed(capsys, "decorrelate", *arguments, "--no-value-plane", "SAT")
    difference, result = read_exposure(inputs / "difference.fits"), read_exposure(output)
    marked = (difference.mask.array & difference.mask.getPlaneBitMask("SAT")) != 0
    assert marked.any()
    np.testing.assert_array_equal(np.isnan(result.image.array)[marked], True)
    header = header_of(output)
    others = np.count_nonzero(~np.isfinite(difference.image.array) & ~marked)
    assert (header["WDMARKED"], header["WDNOTFIN"]) == (marked.sum(), others)
    assert f"pixels without a value: {marked.sum()} marked by the mask" in printed
    message = fail(capsys, "decorrelate", *arguments, "--overwrite", "--no-value-plane", "HOLE")
    assert "unknown mask plane 'HOLE'" in message


@pytest.mark.parametrize("fraction", [0.02, 0.42])
def test_filled_pixels_of_the_difference_have_no_value(inputs, output, tmp_path, capsys, fraction):
    difference = read_exposure(inputs / "difference.fits")
    pixels = difference.image.array
    columns = int(fraction * SHAPE[1])
    pixels[:, -columns:] = 0
    path = write_plain(tmp_path / "difference.fits", pixels)
    given = ["--science-variance", 100, "--template-variance", 300]
    arguments = options(inputs, difference=path)
    printed = succeed(capsys, "decorrelate", *arguments, *given, "-o", output)
    assert "pixels of exactly 0 have no value" in printed
    result = read_exposure(output)
    without_value = ~np.isfinite(pixels) | (pixels == 0)
    np.testing.assert_array_equal(np.isnan(result.image.array), without_value)
    assert "Pixels of exactly 0 have no value" in history_of(output)
    noise = whiteness(result.image.array, result.variance.array)
    # Four sampling errors of the pixels that are left; the rest is for stars too faint to be found.
    assert noise.variance == pytest.approx(1, abs=4 * noise.variance_error + 0.02)
