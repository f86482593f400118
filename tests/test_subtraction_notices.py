"""Whatever is assumed, left out or mended is printed, and stands in the header."""

import numpy as np
import pytest
from astropy.io import fits

from command_line import options, run_command, succeed, write_plain
from white_noise import gaussian
from whitediff.io.beside import mask_beside, noise_beside

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


@pytest.fixture
def bare_files(inputs, tmp_path):
    """Images without planes of their own, in an empty folder."""
    return {
        name: write_plain(tmp_path / f"{name}.fits", fits.getdata(inputs / f"{name}.fits", "IMAGE"))
        for name in ("science", "template", "difference")
    }


def lines_of_neighbours(printed):
    return [line for line in printed if "beside it" in line]


@pytest.mark.parametrize(
    ("neighbour", "option"),
    [
        ("science.weight.fits", "--science-weight"),
        ("science_err.fits", "--science-sigma"),
        ("science_rms.fits.gz", "--science-sigma"),
        ("science.var.fits", "--science-variance"),
        ("science_wht.fits.fz", "--science-weight"),
        ("template_unc.fits", "--template-sigma"),
        ("template_mask.fits", "--template-mask"),
        ("difference.flag.fits", "--difference-mask"),
        # What is nobody's noise or mask.
        ("science2.fits", None),
        ("difference.weight.fits", None),
    ],
)
def test_a_neighbour_that_is_not_read(inputs, bare_files, tmp_path, capsys, neighbour, option):
    (tmp_path / neighbour).touch()
    given = options(inputs, **bare_files)
    printed, history = run(capsys, tmp_path / "white.fits", given)
    name = neighbour.partition(".")[0].partition("_")[0]
    told = f"{tmp_path / name}.fits: found {neighbour} beside it, which is not read: {option} takes"
    assert [line.startswith(told) for line in lines_of_neighbours(printed)] == [True] * bool(option)
    if option is not None:
        assert f"found {neighbour} beside it" in history


def test_neighbours_of_other_conventions(tmp_path):
    for image, noise, kind, mask in (
        ("ztf_sciimg.fits", None, None, "ztf_mskimg.fits"),
        ("ztf_refimg.fits", "ztf_refunc.fits", "sigma", None),
        ("x-image-r.fits.fz", "x-invvar-r.fits.fz", "weight", "x-maskbits-r.fits.fz"),
        ("0001-w1-int-3.fits.gz", "0001-w1-unc-3.fits.gz", "sigma", "0001-w1-msk-3.fits.gz"),
        ("hst_drz_sci.fits", "hst_drz_wht.fits", "weight", None),
        ("c4d_opi_r.fits.fz", "c4d_opw_r.fits.fz", "weight", "c4d_ood_r.fits.fz"),
    ):
        path = tmp_path / image
        assert noise_beside(path) is None and mask_beside(path) is None
        for name in (noise, mask):
            if name is not None:
                (tmp_path / name).touch()
        expected = None if noise is None else (tmp_path / noise, kind)
        assert noise_beside(f"{path}[1]") == expected
        assert mask_beside(path) == (None if mask is None else tmp_path / mask)


def test_a_neighbour_that_is_read_is_not_told(inputs, bare_files, tmp_path, capsys):
    noise = write_plain(tmp_path / "science_err.fits", np.full(SHAPE, 10.0, np.float32))
    more = ["--science-variance", noise]
    printed, _ = run(capsys, tmp_path / "white.fits", [*options(inputs, **bare_files), *more])
    assert not lines_of_neighbours(printed)
    # The name of the file says that it holds no variances.
    assert any("squared standard deviations from" in line for line in printed)


def test_neighbours_of_images_in_a_table(inputs, bare_files, tmp_path, capsys):
    (tmp_path / "science.weight.fits").touch()
    table = tmp_path / "inputs.csv"
    table.write_text("file,weight\nscience.fits,1\ntemplate.fits,-1\n")
    printed = succeed(
        capsys, "whiten", bare_files["difference"], "--inputs", table, "-o", tmp_path / "out.fits"
    )
    (line,) = lines_of_neighbours(printed.splitlines())
    assert line.endswith("which is not read: the column inverse_variance takes it")
