"""``whitediff decorrelate --stream``: the same file, without the whole of it in memory."""

import numpy as np
import pytest
from astropy import units
from astropy.io import fits
from astropy.nddata import CCDData, StdDevUncertainty

from command_line import fail, options, run_command, succeed, write_plain
from white_noise import gaussian
from whitediff import Exposure

# Several bands of rows.
SHAPE = (1210, 420)
NAMES = ("science", "template", "difference")


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    directory = tmp_path_factory.mktemp("inputs")
    assert run_command("simulate", directory, "--shape", *SHAPE, "--overwrite") == 0
    return directory


def assert_same_files(capsys, tmp_path, given, *extra):
    """Whiten in memory and in bands, and compare what is printed and written."""
    outputs = tmp_path / "memory.fits", tmp_path / "bands.fits"
    told = [
        succeed(capsys, "decorrelate", *given, "-o", output, *extra, *stream)
        for output, stream in zip(outputs, ([], ["--stream"]), strict=True)
    ]
    assert told[0].replace("memory.fits", "bands.fits") == told[1]
    assert outputs[0].read_bytes() == outputs[1].read_bytes()
    with fits.open(outputs[1]) as hdus:
        hdus.verify("exception")
        assert np.isfinite(hdus["IMAGE"].data).any()


@pytest.mark.parametrize(
    "extra",
    [
        [],
        ["--constant"],
        ["--variance", "full", "--threads", "1"],
        ["--mode", "score"],
        ["--ignore-plane", "SAT", "--ignore-plane", "BAD"],
        ["--science-variance", "95.5"],
    ],
)
def test_same_file(inputs, tmp_path, capsys, extra):
    assert_same_files(capsys, tmp_path, options(inputs), *extra)


def test_variance_from_a_file(inputs, tmp_path, capsys):
    plain = write_plain(tmp_path / "v.fits", np.full(SHAPE, 90, np.int16))
    assert_same_files(capsys, tmp_path, options(inputs), "--template-variance", plain)


def compressed(path, exposure):
    image = fits.CompImageHDU(exposure.image.array, compression_type="RICE_1", quantize_level=64)
    fits.HDUList([fits.PrimaryHDU(), image]).writeto(path)


def unsigned(path, exposure):
    image = np.nan_to_num(exposure.image.array)
    write_plain(path, np.clip(image + 1000, 0, 60000).astype(np.uint16))


def scaled(path, exposure):
    hdu = fits.PrimaryHDU(np.nan_to_num(exposure.image.array.astype(np.float64)))
    hdu.scale("int16", bscale=0.5, bzero=100)
    hdu.writeto(path)


def ccddata(path, exposure):
    CCDData(
        exposure.image.array,
        mask=exposure.mask.array != 0,
        uncertainty=StdDevUncertainty(np.sqrt(exposure.variance.array))
        if exposure.variance is not None
        else None,
        unit=units.adu,
    ).write(path)


def with_invalid_pixels(path, exposure):
    image = exposure.image.array.copy()
    image[100:140, 50:80] = -1e30
    write_plain(path, image, MASKVAL=-1e30)


def origin_elsewhere(path, exposure):
    write_exposure(Exposure(image=exposure.image.array, mask=exposure.mask, xy0=(1000, -20)), path)


@pytest.mark.filterwarnings("ignore:.*uncertainty:astropy.utils.exceptions.AstropyUserWarning")
@pytest.mark.parametrize(
    "write", [compressed, unsigned, scaled, ccddata, with_invalid_pixels, origin_elsewhere]
)
def test_all_kinds_of_files(inputs, tmp_path, capsys, write):
    for name in NAMES:
        write(tmp_path / f"{name}.fits", read_exposure(inputs / f"{name}.fits"))
    write_plain(tmp_path / "kernel.fits", gaussian(1.3, radius=6))
    assert_same_files(capsys, tmp_path, options(tmp_path))


def test_a_failure_leaves_no_file(inputs, tmp_path, capsys):
    variance = np.full(SHAPE, 5.0, np.float32)
    variance[-3, 7] = -4.0
    bad = write_plain(tmp_path / "v.fits", variance)
    output = tmp_path / "white.fits"
    message = fail(
        capsys, "decorrelate", *options(inputs), "-o", output, "--stream",
        "--template-variance", bad,
    )  # fmt: skip
    assert "template_variance: expected values >= 0, got -4" in message
    assert f"(7, {SHAPE[0] - 3})" in message
    assert sorted(tmp_path.iterdir()) == [bad]


def test_existing_output_is_kept(inputs, tmp_path, capsys):
    output = tmp_path / "white.fits"
    output.write_bytes(b"precious")
    command = ["decorrelate", *options(inputs), "-o", output, "--stream"]
    assert "exists" in fail(capsys, *command)
    assert output.read_bytes() == b"precious"
    succeed(capsys, *command, "--overwrite")
    assert read_exposure(output).image.array.shape == SHAPE


@pytest.mark.parametrize(
    "extra", [["--plot", "p.png"], ["-c", "nThreads=1"], ["--save-metadata", "m.json"]]
)
def test_what_needs_the_whole_image_is_refused(inputs, tmp_path, capsys, monkeypatch, extra):
    monkeypatch.chdir(tmp_path)
    message = fail(capsys, "decorrelate", *options(inputs), "-o", "white.fits", "--stream", *extra)
    assert "--stream cannot be combined" in message


def test_a_full_disk_is_no_fault_of_the_input(inputs, tmp_path, capsys, monkeypatch):
    from whitediff.io.exposure_writer import ExposureWriter

    def full(self, y0, *planes):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(ExposureWriter, "write_rows", full)
    output = tmp_path / "white.fits"
    message = fail(capsys, "decorrelate", *options(inputs), "-o", output, "--stream", status=1)
    assert "cannot write" in message and "No space left on device" in message
    assert not list(tmp_path.iterdir())
