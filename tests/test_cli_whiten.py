"""The command ``whitediff whiten``: any linear combination of images, told by a table."""

from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table
from scipy.ndimage import convolve

import whitediff
from command_line import fail, run_command, succeed
from white_noise import gaussian
from whitediff import read_exposure
from whitediff.io import MatchingKernel, write_kernel
from whitediff.kernel import fixed_kernel
from whitediff.subtraction import InputImage, Job, JobError

SHAPE = (330, 421)
VARIANCES = (4.0, 5.0, 6.0, 9.0)
KERNELS = {"wide": gaussian(1.8), "narrow": gaussian(1.1)}


@pytest.fixture(scope="module")
def raw(tmp_path_factory):
    """Four images of noise in files that also have their variances, and two kernels."""
    folder = tmp_path_factory.mktemp("raw")
    rng = np.random.default_rng(8)
    for n, variance in enumerate(VARIANCES, 1):
        image = rng.normal(scale=variance**0.5, size=SHAPE)
        fits.writeto(folder / f"{n}.fits", image)
        fits.writeto(folder / f"{n}.variance.fits", np.full(SHAPE, variance))
    for name, kernel in KERNELS.items():
        write_kernel(fixed_kernel(kernel), folder / f"{name}.fits")
    return folder


def pixels(folder, n):
    return fits.getdata(folder / f"{n}.fits").astype(float)


def convolved(image, *names):
    """The true convolution, one after the other; symmetric kernels."""
    for name in names:
        image = convolve(image, KERNELS[name], mode="wrap")
    return image


def written(folder, image, rows, names=("file", "variance", "kernels", "weight", "sign")):
    fits.writeto(folder / "image.fits", image)
    text = "\n".join([",".join(names), *rows])
    (folder / "inputs.csv").write_text(text + "\n")
    return folder / "image.fits", "--inputs", folder / "inputs.csv", "-o", folder / "white.fits"


def test_a_difference_of_which_both_images_were_convolved(raw, tmp_path, capsys):
    image = 2 * convolved(pixels(raw, 1), "wide", "narrow") - 0.5 * convolved(
        pixels(raw, 4), "wide"
    )
    wide, narrow = raw / "wide.fits", raw / "narrow.fits"
    rows = [
        f"{raw}/1.fits,4.0,{wide}; {narrow},2,",
        f"{raw}/4.fits,{raw}/4.variance.fits,{wide},0.5,-",
    ]
    out = succeed(capsys, "whiten", *written(tmp_path, image, rows), "--covariance", "none")
    assert "input 1 variance: as given" in out
    assert f"input 2 variance: from {raw}/4.variance.fits" in out
    sources = [
        whitediff.NoiseSource(4.0, kernels=[KERNELS["wide"], KERNELS["narrow"]], weight=2),
        whitediff.NoiseSource(np.full(SHAPE, 9.0), kernels=[KERNELS["wide"]], weight=-0.5),
    ]
    expected = whitediff.whiten(image, sources)
    result = read_exposure(tmp_path / "white.fits")
    np.testing.assert_array_equal(result.image.array, expected.image)
    np.testing.assert_array_equal(result.variance.array, expected.variance)
    header = result.metadata
    assert header["WDINPUTS"] == 2
    assert [header[f"WDWT{n}"] for n in (1, 2)] == [2.0, -0.5]
    assert header["WDIN2"] == str(raw / "4.fits")
    # Images and kernels make the image: its border comes round, and is left out.
    assert header["WDAGREE"] < 1e-3


def test_a_stack_minus_a_stack(raw, tmp_path, capsys):
    stack = [convolved(pixels(raw, n), name) for n, name in ((1, "narrow"), (2, "wide"))]
    image = np.mean(stack, axis=0) - convolved(
        np.mean([pixels(raw, 3), pixels(raw, 4)], axis=0), "wide"
    )
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    # Files are named from where the table is, in ECSV as in CSV.
    image_path, *_ = written(folder, image, [])
    table = Table(
        {
            "file": [f"{n}.fits" for n in (1, 2, 3, 4)],
            "kernels": ["narrow.fits", *["wide.fits"] * 3],
            "variance": VARIANCES,
            "weight": [0.5] * 4,
            "sign": ["+", "+", "-", "-"],
        }
    )
    table.write(raw / "stacks.ecsv", overwrite=True)
    out = succeed(
        capsys, "whiten", image_path, "--inputs", raw / "stacks.ecsv", "-o", folder / "white.fits",
        "--report", folder / "page.html",
    )  # fmt: skip
    assert "input 3" in (folder / "page.html").read_text()
    # Less than a hundredth is off, in the mean of 139 000 pixels.
    assert "\nwhite: variance over plane" in out or "\ncorrected: " in out
    header = read_exposure(folder / "white.fits").metadata
    assert header["WDCVAR"] == pytest.approx(1, abs=0.02)
    assert header["WDAGREE"] < 1e-3


@pytest.mark.parametrize("stated", [True, False])
def test_a_median_is_no_sum(raw, tmp_path, capsys, stated):
    """Its variance is that of the median of three equal ones, stated or measured."""
    rng = np.random.default_rng(3)
    images = rng.normal(scale=2.0, size=(3, *SHAPE))
    for n, one in enumerate(images):
        fits.writeto(tmp_path / f"{n}.fits", one)
    image = np.median(images, axis=0) - convolved(pixels(raw, 4), "wide")
    # Three times the variance of the median of three normal numbers of variance one, 0.44867.
    factor = 1.346
    rows = [f"{n}.fits,4,,0.3333333333,+,{factor if stated else ''}" for n in range(3)]
    rows.append(f"{raw}/4.fits,9,{raw}/wide.fits,,-,")
    names = ("file", "variance", "kernels", "weight", "sign", "variance_factor")
    out = succeed(capsys, "whiten", *written(tmp_path, image, rows, names))
    result = read_exposure(tmp_path / "white.fits")
    true = 4 * 0.44867 + 9 * KERNELS["wide"].sum() ** 2
    variance = np.median(result.variance.array)
    assert ("input 1 is no part of a sum: its variance is multiplied by 1.346" in out) == stated
    if stated:
        # The factor has four digits; no agreement is asked for.
        assert variance == pytest.approx(true, rel=1e-3)
        assert "WDAGREE" not in result.metadata
        assert result.metadata["WDVERDCT"] in ("white", "corrected")
    else:
        assert "is likely" not in out and result.metadata["WDVERDCT"] == "suspect"
        assert "not what images and kernel make" in result.metadata["WDCAUSE"]
    # Measured, if it was not stated: the sampling error of 139 000 pixels is 0.4 %.
    scatter = np.nanvar(result.image.array[30:-30, 30:-30])
    assert scatter == pytest.approx(variance, rel=0.02)


def test_variances_that_nobody_gives_are_measured(raw, tmp_path, capsys):
    image = pixels(raw, 1) - convolved(pixels(raw, 4), "wide")
    rows = [f"{raw}/1.fits,,,,", f"{raw}/4.fits,,{raw}/wide.fits,,-"]
    out = succeed(
        capsys, "whiten", *written(tmp_path, image, rows), "--constant", "--mode", "difference"
    )
    assert f"input 1 variance: measured in the sky of {raw}/1.fits" in out
    assert read_exposure(tmp_path / "white.fits").metadata["WDVERDCT"] == "white"


def test_a_sign_that_is_wrong_is_noticed(raw, tmp_path, capsys):
    image = pixels(raw, 1) - convolved(pixels(raw, 4), "wide")
    rows = [f"{raw}/1.fits,4,,,", f"{raw}/4.fits,9,{raw}/wide.fits,,+"]
    arguments = written(tmp_path, image, rows)
    assert run_command("whiten", *arguments, "--strict") == 3
    assert "likely: the weight of input 2 has the other sign" in capsys.readouterr().out


def test_a_score_needs_a_psf(raw, tmp_path, capsys):
    rows = [f"{raw}/1.fits,4,,,", f"{raw}/4.fits,9,{raw}/wide.fits,,-"]
    image = pixels(raw, 1) - convolved(pixels(raw, 4), "wide")
    arguments = written(tmp_path, image, rows)
    assert "PSF of the difference: give --psf FILE" in fail(
        capsys, "whiten", *arguments, "--mode", "score"
    )
    succeed(capsys, "whiten", *arguments, "--mode", "score", "--psf", raw / "narrow.fits")
    assert read_exposure(tmp_path / "white.fits").metadata["WDMODE"] == "score"


def test_a_scale_of_a_kernel_file_is_not_used(raw, tmp_path, capsys):
    write_kernel(MatchingKernel(fixed_kernel(KERNELS["wide"]), scale=2.0), tmp_path / "scaled.fits")
    image = pixels(raw, 1) - convolved(pixels(raw, 4), "wide")
    rows = [f"{raw}/1.fits,4,,,", f"{raw}/4.fits,9,scaled.fits,,-"]
    out = succeed(capsys, "whiten", *written(tmp_path, image, rows))
    assert f"{tmp_path}/scaled.fits: its scale, 2, is not used: weights have it" in out


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("file,wieght\n1.fits,3\n", "unknown column wieght: expected file, and as needed variance"),
        ("weight\n3\n", "no column file: expected file, and as needed"),
        ("file\n", "expected at least one row, got none"),
        ("file,weight\n,3\n", "row 1: expected a file in the column file, got an empty cell"),
        ("file,weight\n1.fits,3\n1.fits,x\n", "row 2: weight must be a number, got x"),
        ("file,weight\n1.fits,nan\n", "row 1: weight must be finite, got nan"),
        ("file,sign\n1.fits,minus\n", "row 1: sign must be + or -, got minus"),
        ("file,variance\n1.fits,-3\n", "row 1: variance must be a finite number >= 0, got -3"),
        ("file,covariance\n1.fits,lanczos3:a\n", "row 1: covariance: phases of lanczos3 must be"),
        ("file,variance,sigma\n1.fits,4,2\n", "the noise of 1.fits must be said in one way, got"),
        ("file,variance_factor\n1.fits,0\n", "row 1: variance_factor must be finite and positive"),
        ("file\nabsent.fits\n", "absent.fits"),
        ("file,kernels\n1.fits,absent.fits\n", "absent.fits"),
    ],
)
def test_tables_that_cannot_be(raw, tmp_path, capsys, text, message):
    table = tmp_path / "inputs.csv"
    table.write_text(text.replace("1.fits", str(raw / "1.fits")))
    out = tmp_path / "white.fits"
    assert message in fail(capsys, "whiten", raw / "1.fits", "--inputs", table, "-o", out)
    assert not out.exists()


def test_an_input_is_not_written_over(raw, tmp_path, capsys):
    rows = [f"{raw}/1.fits,4,,,"]
    image, *inputs, _ = written(tmp_path, pixels(raw, 1), rows)
    message = fail(capsys, "whiten", image, *inputs, raw / "1.fits", "--overwrite")
    assert "would be written over another file of this run" in message


@pytest.mark.parametrize(
    "field",
    [
        {"science": Path("a")}, {"kernel": Path("a")}, {"convolved": "template"}, {"scale": 2.0},
        {"science_variance": 3.0}, {"shared_variance": 1.0},
    ],
)  # fmt: skip
def test_what_is_for_a_pair_is_refused(field):
    (name,) = field
    with pytest.raises(JobError, match=f"{name} is for a pair of images, not for a combination"):
        Job(difference=Path("d"), output=Path("o"), combined=[InputImage(file=Path("i"))], **field)


def test_a_job_knows_its_images():
    combined = [
        InputImage(file=Path("a"), kernels=[Path("k"), Path("l")]),
        InputImage(file=Path("b"), variance=Path("v")),
        InputImage(file=Path("a")),
    ]
    job = Job(difference=Path("d"), output=Path("o"), combined=combined)
    assert list(job.images) == ["input 1", "input 2", "input 3"]
    assert job.inputs == [Path(name) for name in "abdklv"]
    assert not job.is_blind
