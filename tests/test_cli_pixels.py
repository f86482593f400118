"""Files as they come, from the shell: one bad value costs itself, never its neighbours."""

import numpy as np
import pytest
from astropy import units
from astropy.io import fits
from astropy.nddata import CCDData

import reference
from command_line import succeed, write_plain
from white_noise import gaussian
from whitediff import read_exposure
from whitediff.whiteness import whiteness

SHAPE = (250, 260)
SIGMA = 20.0  # of the whitened image: variances of 200 in either input
KERNEL = gaussian(1.5, radius=8)


@pytest.fixture
def difference(rng):
    science = rng.normal(scale=np.sqrt(200), size=SHAPE)
    # Noise beyond the frame as well.
    wide = rng.normal(scale=np.sqrt(200), size=np.add(SHAPE, 40))
    matched = reference.filtered(wide, reference.transfer(KERNEL, wide.shape), wide.shape)
    return (science - matched[20:-20, 20:-20]).astype(np.float32)


@pytest.fixture
def whitened(tmp_path, capsys):
    """What the command makes of a file of the difference."""
    blank = np.ones(SHAPE, np.float32)
    others = {
        name: write_plain(tmp_path / f"{name}.fits", array)
        for name, array in (("science", blank), ("template", blank), ("kernel", KERNEL))
    }

    def run(difference, *extra, science_variance=200, template_variance=200):
        output = tmp_path / "white.fits"
        arguments = [option for name, path in others.items() for option in (f"--{name}", path)]
        succeed(
            capsys, "decorrelate", *arguments, "--difference", difference, "-o", output,
            "--science-variance", science_variance, "--template-variance", template_variance,
            *extra,
        )  # fmt: skip
        return read_exposure(output), fits.getheader(output)

    return run


def assert_white(result, left_out, correlation=True):
    """Noise of the right variance, no pixel beyond five sigma but by chance, no correlation."""
    image, variance = result.image.array, result.variance.array
    noise = whiteness(image, variance, mask=left_out)
    assert noise.variance == pytest.approx(1, abs=4.5 * noise.variance_error)
    # 4e-2 of 65 000 pixels are expected.
    assert np.count_nonzero(abs(image[~left_out]) > 5 * SIGMA) <= 2
    np.testing.assert_allclose(noise.in_x, 0, atol=4.5 * noise.error_in_x.max())
    np.testing.assert_allclose(noise.in_y, 0, atol=4.5 * noise.error_in_y.max())


@pytest.mark.parametrize("sentinel", [-9999.0, 1e30])
def test_masked_pixels_of_ccddata(difference, whitened, rng, tmp_path, sentinel):
    mask = np.zeros(SHAPE, bool)
    mask.flat[rng.choice(mask.size, 356, replace=False)] = True
    difference[mask] = sentinel
    CCDData(difference, mask=mask, unit=units.adu).write(tmp_path / "ccd.fits")
    result, header = whitened(tmp_path / "ccd.fits")
    np.testing.assert_array_equal(np.isnan(result.image.array), mask)
    assert (header["WDMARKED"], header["WDNOTFIN"], header["WDTOOLRG"]) == (356, 0, 0)
    assert_white(result, mask)


@pytest.mark.parametrize("value", [1e30, 1e15, -3e38])
def test_a_pixel_that_no_telescope_gives(difference, whitened, tmp_path, value):
    difference[100, 90] = value
    mask = fits.ImageHDU(np.zeros(SHAPE, np.int32), name="MASK")
    mask.data[100, 90] = 1
    mask.header["MP_BAD"] = 0
    fits.HDUList([fits.PrimaryHDU(difference), mask]).writeto(tmp_path / "d.fits")
    result, header = whitened(tmp_path / "d.fits")
    assert header["WDTOOLRG"] == 1 and result.image.array[100, 90] == np.float32(value)
    assert_white(result, mask.data != 0)


@pytest.mark.parametrize("propagation", ["estimate", "full"])
@pytest.mark.parametrize(("value", "part"), [(1e30, 0.2), (0.0, 0.3), (0.0, 0.78), (-0.001, 1e-4)])
def test_variance_planes_with_holes(difference, whitened, rng, tmp_path, propagation, value, part):
    plane = np.full(SHAPE, 200, np.float32)
    holes = rng.random(SHAPE) < part
    plane[holes] = value
    path = write_plain(tmp_path / "d.fits", difference)
    variance = write_plain(tmp_path / "v.fits", plane)
    result, header = whitened(path, "--variance", propagation, science_variance=variance)
    assert header["WDSUNKN"] == holes.sum() > 0 and header["WDTUNKN"] == 0
    assert header["WDSVAR"] == pytest.approx(200)
    left_out = holes if value > 1 else np.zeros(SHAPE, bool)
    assert (result.variance.array > 0).all()
    np.testing.assert_allclose(result.variance.array[9:-9, 9:-9][~left_out[9:-9, 9:-9]], 400, 1e-3)
    assert_white(result, left_out)


def test_a_pedestal_is_no_signal(difference, whitened, tmp_path):
    path = write_plain(tmp_path / "d.fits", difference + 100 * SIGMA)
    result, _ = whitened(path)
    result.image.array[...] -= 100 * SIGMA
    assert_white(result, np.zeros(SHAPE, bool))


def test_maskval_and_blank_are_gaps(difference, whitened, rng, tmp_path):
    counts = np.clip(np.rint(difference + 1000), 0, 60000).astype(np.uint16)
    missing = rng.random(SHAPE) < 0.05
    counts[missing] = 60001
    path = write_plain(tmp_path / "d.fits", counts, MASKVAL=60001)
    result, header = whitened(path)
    np.testing.assert_array_equal(np.isnan(result.image.array), missing)
    result.image.array[...] -= 1000
    # Counts have a variance of 1/12 more.
    assert_white(result, missing)
