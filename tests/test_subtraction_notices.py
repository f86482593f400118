"""Whatever is assumed, left out or mended is printed, and stands in the header."""

import numpy as np
import pytest
from astropy.io import fits

from command_line import options, run_command, succeed, write_plain
from white_noise import gaussian

SHAPE = (151, 170)


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    directory = tmp_path_factory.mktemp("inputs")
    assert run_command("simulate", directory, "--shape", *SHAPE) == 0
    return directory


def run(capsys, output, arguments):
    """What is printed, in lines, and the HISTORY of the result in one."""
    printed = succeed(capsys, "decorrelate", *arguments, "-o", output)
    return printed.splitlines(), "".join(fits.getheader(output)["HISTORY"])


def assert_told(told, printed, history):
    for sentence in told:
        assert sentence in printed
        assert sentence[0].upper() + sentence[1:] in history


def test_files_that_say_everything_leave_nothing_to_assume(inputs, tmp_path, capsys):
    printed, history = run(capsys, tmp_path / "white.fits", options(inputs))
    assert_told(
        [
            f"statistics of the {name} image leave out what is BAD, SAT, DETECTED"
            for name in ("science", "template")
        ],
        printed,
        history,
    )
    assert not any("assumption" in line or "not used" in line for line in printed)


def test_plain_files_leave_much_to_assume(inputs, tmp_path, capsys):
    names = ("science", "template", "difference")
    files = {
        name: write_plain(tmp_path / f"{name}.fits", fits.getdata(inputs / f"{name}.fits", "IMAGE"))
        for name in names
    }
    kernel = write_plain(tmp_path / "kernel.fits", gaussian(1.3, radius=6))
    printed, history = run(capsys, tmp_path / "white.fits", options(inputs, **files, kernel=kernel))
    assert_told(
        [
            "no file says which image was convolved: the template, by assumption",
            "no file says the scale of the difference: 1, by assumption",
            "no PSF is known: a Gaussian of sigma 1.7 pixels stands in where noise is measured",
        ],
        printed,
        history,
    )
    for name in ("science", "template"):
        assert f"measured in the sky of {files[name]}" in " ".join(printed)
    printed, history = run(
        capsys,
        tmp_path / "white2.fits",
        [*options(inputs, **files, kernel=kernel), "--convolved", "science"],
    )
    assert_told(
        ["no file says the scale of the difference: 1 / kernel sum, by assumption"],
        printed,
        history,
    )
    assert "which image was convolved" not in history


def test_what_is_in_the_way_of_options_is_not_used(inputs, tmp_path, capsys):
    arguments = [*options(inputs), "--science-variance", 100, "--template-covariance", "bilinear"]
    told = [
        "the variance plane of the science image is not used",
        "covariance of the template image: bilinear, mean over phases",
    ]
    printed, history = run(capsys, tmp_path / "white.fits", arguments)
    assert_told(told, printed, history)
    assert "the variance plane of the template image is not used" not in printed


def test_images_of_a_file_that_are_not_used_are_named(inputs, tmp_path, capsys):
    path = tmp_path / "science.fits"
    with fits.open(inputs / "science.fits") as hdus:
        more = [fits.ImageHDU(np.ones(SHAPE), name="WEIGHT"), fits.ImageHDU(np.ones((3, 3)))]
        fits.HDUList([*hdus, *more]).writeto(path)
    printed, _ = run(capsys, tmp_path / "white.fits", options(inputs, science=path))
    taken = "image IMAGE, variance plane UNCERT, mask MASK"
    assert f"{path}: {taken}, left out WEIGHT, an unnamed plane" in printed
    assert sum("left out" in line for line in printed) == 1


def test_cards_that_were_mended_are_named(inputs, tmp_path, capsys):
    path = tmp_path / "difference.fits"
    card = "GAIN    = NaN".ljust(80).encode()
    content = (inputs / "difference.fits").read_bytes()
    seed = content.index(b"SEED    =")
    path.write_bytes(content[:seed] + card + content[seed + 80 :])
    printed, history = run(capsys, tmp_path / "white.fits", options(inputs, difference=path))
    note = "Header card that could not be read was mended: 'GAIN    = NaN'"
    assert f"{path}: {note}" in printed
    assert history.count(note) == 1
