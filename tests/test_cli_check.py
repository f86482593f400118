"""``whitediff check``."""

import re

import numpy as np
import pytest

from command_line import fail, succeed, write_plain
from white_noise import gaussian, matched, white
from whitediff import Exposure, write_exposure
from whitediff.kernel import fixed_kernel

SHAPE = (310, 450)
VARIANCE = 25.0


@pytest.fixture
def noise(rng):
    return white(SHAPE, VARIANCE, rng)


def rows_of(table, column=0):
    """Numbers and sampling errors in a column of the table, by label; and whether it is marked."""
    rows = {}
    for line in table.splitlines():
        cells = [cell.strip() for cell in line.strip("│ ").split("│")]
        if len(cells) > 1 and cells[0]:
            match = re.match(r"(-?[\d.]+) ± ([\d.]+)", cells[1 + column])
            numbers = tuple(map(float, match.groups())) if match else None
            rows[cells[0]] = (cells[1 + column], numbers)
    return rows


def test_white_noise(noise, tmp_path, capsys):
    path = tmp_path / "white.fits"
    pixels = noise[15:-15, 15:-15]
    exposure = Exposure(
        image=pixels,
        variance=np.full(SHAPE, VARIANCE),
        metadata={"BUNIT": "electron"},
    )
    write_exposure(exposure, path)
    rows = rows_of(succeed(capsys, "check", path))
    # 139 500 pixels: the sampling error of a correlation is their number to the power -1/2, that of
    # the variance 2^1/2 times it. 4.5 errors in 12 numbers are passed once in 12 000 seeds.
    error = SHAPE[0] ** -0.5 * SHAPE[1] ** -0.5
    text, (value, given) = rows["pixel variance"]
    assert text.endswith("electron²")
    assert abs(value - VARIANCE) < 4.5 * given
    assert given == pytest.approx(2**0.5 * error * VARIANCE, rel=0.05)  # printed with two digits
    _, (value, given) = rows["over variance plane"]
    assert abs(value - 1) < 4.5 * given
    for label in ("PSF scale", "k = 0"):
        text, (value, given) = rows[f"noise at {label}"]
        assert abs(value - 1) < 4.5 * given < 0.2 and "*" not in text
    assert rows["PSF"][0] == "Gaussian, σ 1.7 px"
    for axis in "xy":
        for lag in range(1, 6):
            text, (value, given) = rows[f"correlation, {axis} lag {lag}"]
            assert abs(value) < 4.5 * given and "*" not in text
            assert given == pytest.approx(error, rel=0.05)  # printed with two digits
    assert float(rows["pixels used"][0].rstrip("%")) > 99  # 4 sigma are passed by 0.006 %


def test_correlated_noise_is_marked(noise, tmp_path, capsys):
    kernel = gaussian(0.8)
    path = write_plain(tmp_path / "smooth.fits", matched(noise, fixed_kernel(kernel)))
    rows = rows_of(succeed(capsys, "check", path))
    power = (kernel**2).sum()
    text, (value, given) = rows["correlation, x lag 1"]
    # Of the autocorrelation of the kernel; correlated noise scatters more than white noise, twice
    # as much at most with a kernel of this width.
    assert value == pytest.approx((kernel[:, 1:] * kernel[:, :-1]).sum() / power, abs=9 * given)
    assert text.endswith("*")
    assert "*" not in rows["correlation, y lag 5"][0]
    # Noise that a kernel of sum one has smoothed has the power of the raw pixels at k = 0, and all
    # but that on the scale of a PSF: over what the pixels scatter.
    _, (value, given) = rows["noise at k = 0"]
    assert value == pytest.approx(1 / power, abs=4.5 * given)
    assert rows["noise at PSF scale"][0].endswith("*")
    assert rows["over variance plane"][0] == "no variance plane"
    assert rows["pixel variance"][0].endswith("adu²")


def test_wrong_variance_plane_is_marked(noise, tmp_path, capsys):
    pixels = noise[15:-15, 15:-15]
    path = tmp_path / "wrong.fits"
    write_exposure(Exposure(image=pixels, variance=np.full(SHAPE, 2 * VARIANCE)), path)
    text, (value, error) = rows_of(succeed(capsys, "check", path))["over variance plane"]
    assert abs(value - 0.5) < 4.5 * error and text.endswith("*")


def test_masked_pixels_are_left_out(noise, tmp_path, capsys):
    exposure = Exposure(image=noise[15:-15, 15:-15].copy())
    exposure.mask.addMaskPlane("GLOW")
    left = np.s_[:, : SHAPE[1] // 3]
    # Noise that pixels one above the other share.
    exposure.image.array[left] += noise[14:-16, 15:-15][left]
    exposure.mask.array[left] |= exposure.mask.getPlaneBitMask("GLOW")
    path = tmp_path / "glow.fits"
    write_exposure(exposure, path)
    assert "*" in rows_of(succeed(capsys, "check", path))["correlation, y lag 1"][0]
    rows = rows_of(succeed(capsys, "check", path, "--ignore-plane", "GLOW"))
    assert "*" not in rows["correlation, y lag 1"][0]
    # Two thirds of the frame, of which 4 sigma are passed by 0.006 %.
    assert float(rows["pixels used"][0].rstrip("%")) == pytest.approx(200 / 3, abs=1)
    assert "unknown mask plane" in fail(capsys, "check", path, "--ignore-plane", "BLOW")


def test_fill_is_left_out_and_said(noise, tmp_path, capsys):
    pixels = noise.copy()
    shape = pixels.shape
    pixels[: shape[0] // 2], pixels[:, : shape[1] // 4] = 0, -1000
    filled = write_plain(tmp_path / "filled.fits", pixels.astype(np.float32))
    rows = rows_of(succeed(capsys, "check", filled))
    _, (value, given) = rows["pixel variance"]
    assert abs(value - VARIANCE) < 4.5 * given
    # A fourth, and half of what is left.
    assert rows["left out as filled"][0] == "25.0% with -1000, 37.5% with 0"
    whole = write_plain(tmp_path / "whole.fits", noise)
    assert rows_of(succeed(capsys, "check", whole))["left out as filled"][0] == "none"


def test_pixels_at_the_edge_of_the_filter_are_left_out(noise, tmp_path, capsys):
    exposure = Exposure(image=noise)
    exposure.mask.addMaskPlane("FILTER_EDGE")
    exposure.image.array[:30] *= 3
    exposure.mask.array[:30] = exposure.mask.getPlaneBitMask("FILTER_EDGE")
    path = tmp_path / "edge.fits"
    write_exposure(exposure, path)
    _, (value, given) = rows_of(succeed(capsys, "check", path))["pixel variance"]
    assert abs(value - VARIANCE) < 4.5 * given


def test_several_files_side_by_side(noise, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_plain("a[red].fits", noise, BUNIT="[adu]")
    write_plain("b.fits", 2 * noise)
    table = succeed(capsys, "check", "a[red].fits", "b.fits")
    assert "a[red].fits" in table and "[adu]²" in table
    first, second = (rows_of(table, column)["pixel variance"][1][0] for column in (0, 1))
    assert second == pytest.approx(4 * first, rel=0.02)  # printed with two digits of its error


def test_plot(noise, tmp_path, capsys):
    path = write_plain(tmp_path / "noise.fits", noise)
    plot = tmp_path / "plot.PDF"
    succeed(capsys, "check", path, "--plot", plot)
    assert plot.read_bytes().startswith(b"%PDF")
    assert "give --overwrite" in fail(capsys, "check", path, "--plot", plot)
    succeed(capsys, "check", path, "--plot", plot, "--overwrite")
