"""What is thought of results: every mistake with its cause, no alarm where all is right."""

import re

import numpy as np
import pytest
from astropy.io import fits

from command_line import fail, options, run_command, succeed, write_plain
from whitediff import simulate
from whitediff.io import read_exposure, write_exposure

SHAPE = (560, 640)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    directory = tmp_path_factory.mktemp("simulated")
    assert run_command("simulate", directory, "--shape", *SHAPE, "--seed", 5) == 0
    return directory


def status_and_causes(output):
    lines = output.splitlines()
    (n,) = [n for n, line in enumerate(lines) if line.split(":")[0] in _STATUS]
    return lines[n].split(":")[0], [line.removeprefix("  likely: ") for line in lines[n + 1 :]]


_STATUS = ("white", "corrected", "suspect", "unknown")


def test_a_right_set_is_white(files, tmp_path, capsys):
    output = tmp_path / "white.fits"
    given = ["decorrelate", *options(files), "-o", output, "--strict"]
    assert status_and_causes(succeed(capsys, *given)) == ("white", [])
    header = fits.getheader(output)
    assert header["WDVERDCT"] == "white" and header["WDCAUSE"] == ""
    assert header["WDAGREE"] < 1e-3


def plane_of(files, name):
    return read_exposure(files / f"{name}.fits").variance.array


@pytest.mark.parametrize(
    ("changed", "cause"),
    [
        # Sigmas and weights in place of variances: 10 and 0.01 for 100.
        ({"science-variance": 10}, "science variance is 10, its sky has .*: standard deviations"),
        ({"template-variance": 300**-1.0}, r"template variance .*: weights \(inverse variances\)"),
        ({"science-variance": "science image"}, "science variance is .*: another image or unit"),
        ({"template-variance": "convolved"}, "template variance .*: that of the convolved image"),
    ],
)
def test_variances_that_are_something_else(files, tmp_path, capsys, changed, cause):
    ((name, value),) = changed.items()
    if value == "science image":
        # Its sky level, as of an image from which no sky was subtracted.
        sky = 4000 + read_exposure(files / "science.fits").image.array
        value = write_plain(tmp_path / "given.fits", sky)
    elif value == "convolved":
        kernel = simulate.simulate(SHAPE, seed=5).kernel
        middle = [np.array([(size - 1) / 2]) for size in SHAPE[::-1]]
        passed = float((kernel.evaluate(*middle) ** 2).sum())
        value = write_plain(tmp_path / "given.fits", passed * plane_of(files, "template"))
    given = [*options(files, **{name: value}), "-o", tmp_path / "white.fits", "--strict"]
    assert run_command("decorrelate", *given) == 3
    status, causes = status_and_causes(capsys.readouterr().out)
    assert status == "suspect" and len(causes) == 1
    assert re.search(cause, causes[0])
    header = fits.getheader(tmp_path / "white.fits")
    assert header["WDVERDCT"] == "suspect"
    assert causes[0].startswith(header["WDCAUSE"]) and len(header["WDCAUSE"]) > 40


def test_exchanged_images(files, tmp_path, capsys):
    swapped = {"science": files / "template.fits", "template": files / "science.fits"}
    arguments = ["decorrelate", *options(files, **swapped), "-o", tmp_path / "white.fits"]
    # Without --strict a result is a result.
    assert run_command(*arguments) == 0
    status, causes = status_and_causes(capsys.readouterr().out)
    assert (status, causes[0]) == ("suspect", "science and template are exchanged")


def test_a_difference_that_is_white_already_is_refused(files, tmp_path, capsys):
    white = tmp_path / "white.fits"
    succeed(capsys, "decorrelate", *options(files), "-o", white)
    # As another tool would have made it.
    exposure = read_exposure(files / "difference.fits")
    exposure.image.array[:] = read_exposure(white).image.array
    write_exposure(exposure, tmp_path / "other.fits")
    given = [*options(files, difference=tmp_path / "other.fits"), "-o", tmp_path / "again.fits"]
    message = fail(capsys, "decorrelate", *given)
    assert "noise is white already" in message and "--again" in message
    assert not (tmp_path / "again.fits").exists()
    out = succeed(capsys, "decorrelate", *given, "--again")
    assert status_and_causes(out) == ("suspect", ["the difference is white already"])


@pytest.mark.parametrize("mode", [("--covariance", "none"), ("--mode", "score")])
def test_what_is_not_applied_is_measured(files, tmp_path, capsys, mode):
    given = [*options(files), "-o", tmp_path / "white.fits", *mode]
    assert status_and_causes(succeed(capsys, "decorrelate", *given)) == ("white", [])
    wrong = [*options(files, **{"science-variance": 10}), "-o", tmp_path / "wrong.fits", *mode]
    status, causes = status_and_causes(succeed(capsys, "decorrelate", *wrong))
    assert status == "suspect" and "standard deviations" in causes[0]
    assert ("that was not corrected for" in causes[-1]) is (mode[1] == "none")


def test_a_likelihood_image_is_not_judged(files, tmp_path, capsys):
    given = [*options(files), "-o", tmp_path / "white.fits", "--mode", "score", "--preconvolved"]
    out = succeed(capsys, "decorrelate", *given)
    assert "unknown: the noise of a likelihood image is not measured" in out


@pytest.mark.parametrize("seed", range(3))
def test_no_alarm_where_inputs_are_resampled(tmp_path, capsys, seed):
    arguments = ["--seed", seed, "--shape", *SHAPE, "--template-warp", "lanczos3"]
    assert run_command("simulate", tmp_path, *arguments) == 0
    capsys.readouterr()
    given = [*options(tmp_path), "-o", tmp_path / "white.fits", "--strict"]
    assert status_and_causes(succeed(capsys, "decorrelate", *given))[1] == []


def test_no_alarm_on_real_images(data_path, tmp_path, capsys):
    """Both were resampled, and share data: their noise is not what variances say."""
    given = [*options(data_path("goto")), "-o", tmp_path / "white.fits", "--strict"]
    assert status_and_causes(succeed(capsys, "decorrelate", *given)) == ("corrected", [])
