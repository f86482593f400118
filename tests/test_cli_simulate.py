"""``whitediff simulate``, and the way from there to a white image."""

import subprocess
import sys

import numpy as np
from astropy.table import Table

from command_line import fail, options, run_command, succeed
from whitediff.io import read_exposure, read_kernel
from whitediff.simulate import simulate
from whitediff.whiteness import whiteness

FILES = ["difference.fits", "kernel.fits", "science.fits", "template.fits", "truth.ecsv"]


def test_files_hold_the_simulation(tmp_path, capsys):
    directory = tmp_path / "inputs"
    printed = succeed(capsys, "simulate", directory, "--shape", 150, 201, "--seed", 3)
    assert sorted(path.name for path in directory.iterdir()) == FILES
    expected = simulate((150, 201), seed=3)
    for name in ("science", "template", "difference"):
        exposure = read_exposure(directory / f"{name}.fits")
        np.testing.assert_array_equal(exposure.image.array, getattr(expected, name))
        np.testing.assert_array_equal(exposure.mask.array, getattr(expected, f"{name}_mask"))
        assert exposure.metadata["BUNIT"] == "electron"
        # At the centre of the first of the cells for which PSFs are written: columns 0..49.
        x, y = exposure.psf.positions[0]
        (psf,) = getattr(expected, f"{name}_psf").evaluate(np.array([x]), np.array([y]))
        np.testing.assert_array_equal(exposure.psf.computeKernelImage((x, y)).array, psf)
        if name == "difference":
            assert exposure.variance is None
        else:
            variance = getattr(expected, f"{name}_variance")
            np.testing.assert_array_equal(exposure.variance.array, variance)
    matching = read_kernel(directory / "kernel.fits")
    assert (matching.convolved, matching.scale) == ("template", 1.0)
    position = np.array([7.0, 180.0]), np.array([140.0, 3.0])
    np.testing.assert_array_equal(
        matching.kernel.evaluate(*position), expected.kernel.evaluate(*position)
    )
    truth = Table.read(directory / "truth.ecsv")
    np.testing.assert_array_equal(np.asarray(truth), expected.sources)
    assert (str(truth["x"].unit), str(truth["flux"].unit)) == ("pix", "electron")
    assert f"{len(truth)} sources" in printed


def test_nothing_is_overwritten_unasked(tmp_path, capsys):
    (tmp_path / "kernel.fits").write_text("precious")
    message = fail(capsys, "simulate", tmp_path, "--shape", 64, 64)
    assert f"'{tmp_path / 'kernel.fits'}' exists: give --overwrite" in message
    assert [path.name for path in tmp_path.iterdir()] == ["kernel.fits"]
    succeed(capsys, "simulate", tmp_path, "--shape", 64, 64, "--overwrite")
    assert sorted(path.name for path in tmp_path.iterdir()) == FILES


def test_interrupted_simulation_leaves_what_was_there(tmp_path, monkeypatch):
    (tmp_path / "science.fits").write_text("precious")

    def interrupted(simulation):
        raise KeyboardInterrupt

    arguments = ["simulate", tmp_path, "--shape", 64, 64, "--overwrite"]
    monkeypatch.setattr("whitediff.cli.simulate._source_table", interrupted)
    assert run_command(*arguments) == 130
    assert [path.name for path in tmp_path.iterdir()] == ["science.fits"]
    assert (tmp_path / "science.fits").read_text() == "precious"


def test_simulated_difference_becomes_white(tmp_path, capsys):
    succeed(capsys, "simulate", tmp_path, "--shape", 500, 731)
    output = tmp_path / "white.fits"
    succeed(capsys, "decorrelate", *options(tmp_path), "-o", output, "--variance", "full")
    white = read_exposure(output)
    planes = white.mask.getPlaneBitMask(["BAD", "SAT", "DETECTED"])
    noise = whiteness(
        white.image.array, white.variance.array, mask=white.mask.array, ignore_mask=planes
    )
    # 4.5 sampling errors in eleven numbers are passed once in 13 000 seeds.
    assert abs(noise.variance - 1) < 4.5 * noise.variance_error
    assert (abs(noise.in_x) < 4.5 * noise.error_in_x).all()
    assert (abs(noise.in_y) < 4.5 * noise.error_in_y).all()


def test_noise_that_is_not_white(tmp_path, capsys):
    extra = ["--science-warp", "bilinear", "--template-warp", "lanczos3", "--coadd", 4, "--shared"]
    extra += ["--ripple", 0.1, "--pixels-a-star", 900]
    printed = succeed(capsys, "simulate", tmp_path, "--shape", 100, 90, *extra)
    expected = simulate(
        (100, 90),
        science_warp="bilinear",
        template_warp="lanczos3",
        coadd=4,
        shared=True,
        ripple=0.1,
        pixels_a_star=900,
    )
    assert f"share noise of variance {expected.shared_variance:.6g}" in printed
    found = read_exposure(tmp_path / "difference.fits")
    np.testing.assert_array_equal(found.image.array, expected.difference)


def test_simulated_warps_become_white(tmp_path, capsys):
    warps = ["--template-warp", "bilinear", "--coadd", 5]
    succeed(capsys, "simulate", tmp_path, "--shape", 600, 700, *warps)
    output = tmp_path / "white.fits"
    printed = succeed(capsys, "decorrelate", *options(tmp_path), "-o", output)
    assert ": applied" in printed
    white = read_exposure(output)
    planes = white.mask.getPlaneBitMask(["BAD", "SAT", "DETECTED"])
    noise = whiteness(
        white.image.array, white.variance.array, mask=white.mask.array, ignore_mask=planes
    )
    # Lags are right to their sampling error, most of which measuring takes off, and 0.002.
    assert (abs(noise.in_x[:3]) < 0.002 + 3 * noise.error_in_x[:3]).all()
    assert (abs(noise.in_y[:3]) < 0.002 + 3 * noise.error_in_y[:3]).all()
    # The plane says what a white image scatters: to 0.01, and four sampling errors.
    assert abs(noise.variance - 1) < 0.01 + 4 * noise.variance_error


def test_a_repository_takes_packages_of_rubin(tmp_path):
    code = "import sys; sys.modules['lsst.images'] = None; from whitediff.cli import main; main()"
    command = [sys.executable, "-c", code, "simulate", tmp_path / "repo", "--butler"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    expected = "whitediff: the package lsst.images is missing: pip install 'whitediff[rubin]'\n"
    assert (done.returncode, done.stdout, done.stderr) == (1, "", expected)
    assert not (tmp_path / "repo").exists()


def test_a_repository_takes_an_empty_directory(tmp_path, capsys):
    (tmp_path / "note").write_text("mine")
    assert "must be new or empty" in fail(capsys, "simulate", tmp_path, "--butler")
    message = fail(capsys, "simulate", tmp_path / "repo", "--butler", "--overwrite")
    assert "--overwrite does not go with --butler" in message
    message = fail(capsys, "simulate", tmp_path / "repo", "--butler", "--ripple", 3)
    assert "--ripple does not go with --butler" in message
