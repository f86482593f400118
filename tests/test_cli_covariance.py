"""``whitediff decorrelate`` where noise is not white to begin with, or nothing is known of it."""

import re

import numpy as np
import pytest
from astropy.io import fits

import whitediff
from coloured_noise import bilinear, psf_profile, pull, warped_noise
from command_line import fail, options, succeed, write_plain
from white_noise import RADIUS, gaussian, inner, linear_kernel, matched
from whitediff import Exposure, NoiseCovariance, read_exposure, write_exposure, write_kernel
from whitediff.whiteness import whiteness

# 160 000 pixels tell a pull to 0.011, and correlations to 0.0025.
SHAPE = (400, 400)
PROFILE = psf_profile()
PSF = np.outer(PROFILE, PROFILE)


@pytest.fixture(scope="module")
def warped(tmp_path_factory):
    """A subtraction whose template is a bilinear warp, its variance plane that of its pixels."""
    directory = tmp_path_factory.mktemp("warped")
    rng = np.random.default_rng(9)
    big = tuple(size + 2 * RADIUS for size in SHAPE)
    kernel = linear_kernel(SHAPE)
    science = rng.normal(scale=10, size=big)
    # Of the mean phase a bilinear warp leaves (2/3)^2 of the variance.
    template = warped_noise(big, 100 * 9 / 4, rng, bilinear, 1, n_images=20)
    planes = {
        "science": inner(science),
        "template": inner(template),
        "difference": inner(science) - matched(template, kernel),
    }
    for name, pixels in planes.items():
        write_plain(directory / f"{name}.fits", pixels.astype(np.float32))
    write_kernel(kernel, directory / "kernel.fits")
    write_plain(directory / "psf.fits", PSF)
    return directory


@pytest.fixture
def run(warped, tmp_path, capsys):
    """What the command prints and writes."""

    def result(*extra, blind=False, name="white.fits"):
        names = ("difference",) if blind else ("science", "template", "difference", "kernel")
        files = [part for name in names for part in (f"--{name}", warped / f"{name}.fits")]
        if not blind:
            files += ["--science-variance", 100, "--template-variance", 100]
        output = tmp_path / name
        psf = ["--psf", warped / "psf.fits"]
        printed = succeed(capsys, "decorrelate", *files, *psf, "-o", output, *extra)
        return printed, output

    return result


def pull_of(path):
    result = read_exposure(path)
    return pull(result.image.array, result.variance.array, PROFILE)


def test_colour_is_measured_unless_somebody_says_no(run):
    printed, output = run()
    header = fits.getheader(output)
    lags = fits.getdata(output, "COVARIANCE")
    assert header["WDCOV"] == "auto" and header["WDCAPPL"]
    assert header["WDCPIX"] > 0.9 * np.prod(SHAPE)
    assert header["WDCPOW"] == pytest.approx(lags.sum(), rel=1e-12)
    found = NoiseCovariance(lags, psf=PSF)
    assert header["WDCPSF"] == pytest.approx(found.psf_scale, rel=1e-6)
    assert (
        f"noise covariance: power {header['WDCPSF']:.4f} on the scale of the PSF, "
        f"{header['WDCPOW']:.4f} at k = 0, +- {header['WDCPSFE']:.4f} from {header['WDCPIX']} "
        "pixels: applied\n"
    ) in printed
    # Three sampling errors, most of which measuring takes off.
    assert abs(pull_of(output) - 1) < 0.02
    printed, plain = run("--covariance", "none", name="plain.fits")
    assert "noise covariance: not measured\n" in printed
    assert abs(pull_of(plain) - 1) > 0.04
    header = fits.getheader(plain)
    assert header["WDCOV"] == "none" and "WDCAPPL" not in header
    with fits.open(plain) as hdus:
        hdus.verify("exception")
        assert "COVARIANCE" not in hdus


def test_a_result_gives_the_covariance_of_another(run):
    _, measured = run("--covariance", "measured")
    printed, given = run("--covariance", measured, name="given.fits")
    assert "as given: applied\n" in printed
    np.testing.assert_array_equal(
        read_exposure(given).image.array, read_exposure(measured).image.array
    )
    header, expected = fits.getheader(given), fits.getheader(measured)
    assert header["WDCOV"] == "given"
    assert header["WDCPSF"] == pytest.approx(expected["WDCPSF"], rel=1e-12)


@pytest.mark.parametrize("from_file", [False, True])
def test_covariance_of_the_template(run, tmp_path, from_file):
    lags = NoiseCovariance.resampling("bilinear").lags
    given = "bilinear"
    if from_file:
        given = write_plain(tmp_path / "lags.fits", lags / lags.max())
    _, output = run("--template-covariance", given, "--covariance", "none")
    # Three sampling errors.
    assert abs(pull_of(output) - 1) < 0.033
    told = f"Covariance of the template image: {given}"
    assert told in "".join(fits.getheader(output)["HISTORY"])
    plane = read_exposure(output).variance.array
    # Noise power at k = 0: 100 + 100 times that of the warp in units of its pixels, 9/4.
    assert np.median(plane) == pytest.approx(325, rel=0.01)


def test_covariance_of_the_science_image(run):
    _, output = run("--science-covariance", "lanczos3:0.3,0.5", "--covariance", "none")
    lags = NoiseCovariance.resampling("lanczos3", (0.3, 0.5)).lags
    power = lags.sum() / lags.max()
    plane = read_exposure(output).variance.array
    assert np.median(plane) == pytest.approx(100 * power + 100, rel=0.01)


def test_shared_noise(tmp_path, capsys):
    extra = ["--shape", 500, 510, "--shared", "--coadd", 4]
    told = succeed(capsys, "simulate", tmp_path, *extra)
    (variance,) = re.findall(r"share noise of variance (\S+)", told)
    output = tmp_path / "white.fits"
    given = ["--shared-variance", variance, "--covariance", "none", "-o", output]
    succeed(capsys, "decorrelate", *options(tmp_path), *given)
    header = fits.getheader(output)
    assert header["WDSHARED"] == float(variance)
    # The whole of each, shared noise included.
    assert header["WDSVAR"] == pytest.approx(100, rel=0.01)
    assert header["WDTVAR"] == pytest.approx(300, rel=0.01)
    result = read_exposure(output)
    masked = result.mask.array & result.mask.getPlaneBitMask(["BAD", "SAT", "DETECTED"]) != 0
    found = whiteness(result.image.array, result.variance.array, mask=masked)
    assert abs(found.variance - 1) < 4.5 * found.variance_error
    assert (abs(found.in_x) < 4.5 * found.error_in_x).all()
    # sqrt(100 * 300 / 4) in common: P(0) = 400 - 2 * 86.6.
    assert np.median(result.variance.array) == pytest.approx(400 - 2 * 86.6, rel=0.01)


def test_a_difference_alone(run, warped):
    printed, output = run(blind=True)
    assert "nothing but the difference is known: its noise is measured on itself\n" in printed
    assert "difference variance" in printed and "science" not in printed
    header = fits.getheader(output)
    assert header["WDCOV"] == "measured" and header["WDDNOISE"] == "sky"
    assert not {"WDSCI", "WDTEMPL", "WDKERN", "WDCONV", "WDSVAR", "WDSNOISE"} & set(header)
    assert "Nothing but the difference is known" in "".join(header["HISTORY"])
    assert abs(pull_of(output) - 1) < 0.02
    result = read_exposure(output)
    # What both inputs have at k = 0, 100 + 225: to four per cent, and the sampling error of the sum
    # of some 90 lags, 2.4 per cent, two and a half times.
    assert np.median(result.variance.array) == pytest.approx(325, rel=0.1)
    assert result.psf is not None
    expected = whitediff.whiten(
        read_exposure(warped / "difference.fits").image.array,
        [whitediff.NoiseSource(header["WDDVAR"])],
        psf=PSF,
        covariance="measured",
    )
    # The header has a mean over cells; their variances are equal but for single precision.
    assert header["WDCELLS"] > 1 and header["WDCVARY"] == pytest.approx(
        expected.covariance.variation, rel=1e-5
    )
    np.testing.assert_allclose(result.image.array, expected.image, rtol=0, atol=1e-4)


def test_a_difference_alone_with_its_variance_plane(warped, tmp_path, capsys):
    pixels = fits.getdata(warped / "difference.fits").astype(np.float32)
    gain = np.where(np.arange(SHAPE[1]) < 200, 1, 3).astype(np.float32)
    plane = np.broadcast_to(100 * gain**2, SHAPE)
    mask = np.zeros(SHAPE, np.int32)
    mask[50:60, 70:90] = 1
    pixels = pixels * gain
    pixels[mask > 0] = 1e4
    exposure = Exposure(image=pixels, variance=plane.copy())
    exposure.mask.array[...] = mask
    write_exposure(exposure, tmp_path / "d.fits")
    output = tmp_path / "white.fits"
    difference = ["--difference", tmp_path / "d.fits"]
    printed = succeed(capsys, "decorrelate", *difference, "-o", output)
    assert f"variance plane of {tmp_path / 'd.fits'}" in printed
    result = read_exposure(output)
    ratio = result.variance.array[:, 300:].mean() / result.variance.array[:, :100].mean()
    # Filters of a cell know the mean alone; the plane keeps the step. What remains changes with the
    # kernel, and how much of its power at k = 0 is known by per cents.
    assert ratio == pytest.approx(9, rel=0.03)
    edge = result.mask.getPlaneBitMask(["FILTER_EDGE", "BAD"])
    used = (result.mask.array & edge) == 0
    scatter = (result.image.array / np.sqrt(result.variance.array))[used]
    # P(0) is not the variance of a pixel, but that of white noise: 160 000 of them, the plane
    # measured on themselves.
    assert scatter.std() == pytest.approx(1, abs=0.02)


def test_a_difference_alone_has_a_figure(run, tmp_path):
    _, output = run("--plot", tmp_path / "white.png", blind=True)
    assert (tmp_path / "white.png").stat().st_size > 1000


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--science", "{}/science.fits"], "--template is missing, as is kernel: give science"),
        (
            ["--science", "{}/science.fits", "--template", "{}/template.fits"],
            "--kernel is missing: give science, template and kernel, or none",
        ),
        (["--kernel", "{}/kernel.fits"], "--science is missing, as is template"),
        (["--shared-variance", "2"], "--shared-variance needs science"),
        (["--scale", "2"], "--scale needs science, template and kernel"),
        (["--science-variance", "2"], "--science-variance needs science, template and kernel"),
        (["--template-covariance", "lanczos3"], "--template-covariance needs science"),
        (["--mode", "score"], "mode score needs science, template and --kernel"),
        (["--covariance", "none"], "--covariance none leaves nothing to whiten with"),
        (["--save-metadata", "{}/m.json"], "a task needs science, template and --kernel"),
        (["--covariance", "some"], "expected auto, measured, none or a FITS file, got 'some'"),
        (["--science-covariance", "some"], "expected a FITS file, or one of bilinear, bicubic"),
        (["--science-covariance", "lanczos3:1"], "phases of lanczos3 must be two numbers"),
        (["--covariance", "{}/kernel.fits"], "COVARIANCE|covariance must be"),
    ],
)
def test_what_cannot_be(warped, tmp_path, capsys, arguments, message):
    arguments = [argument.format(warped) for argument in arguments]
    difference = ["--difference", warped / "difference.fits", "-o", tmp_path / "white.fits"]
    found = fail(capsys, "decorrelate", *difference, *arguments)
    assert re.search(message, found), found
    assert not list(tmp_path.iterdir())


def test_mode_score_measures_too(run, warped, tmp_path, capsys):
    printed, output = run("--mode", "score")
    assert re.search(r"^noise covariance: power .* applied$", printed, re.M)
    assert fits.getheader(output)["WDCOV"] == "auto"


def test_too_few_pixels_are_no_error(tmp_path, capsys, rng):
    for name in ("science", "template", "difference"):
        write_plain(tmp_path / f"{name}.fits", np.full((60, 60), np.nan, np.float32))
    write_plain(tmp_path / "kernel.fits", gaussian(1.2, 6))
    files = ("science", "template", "difference", "kernel")
    given = [part for name in files for part in (f"--{name}", tmp_path / f"{name}.fits")]
    given += ["--science-variance", 1, "--template-variance", 1, "-o", tmp_path / "white.fits"]
    printed = succeed(capsys, "decorrelate", *given)
    assert "noise covariance: not measured (no noise is usable)\n" in printed
    assert fits.getheader(tmp_path / "white.fits")["WDCOV"] == "auto"
