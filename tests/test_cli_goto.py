"""Real images through the command line: a HOTPANTS difference of GOTO, a pair of DECam."""

import numpy as np
import pytest
from astropy.io import fits

from command_line import fail, options, succeed, write_plain
from whitediff.io import read_exposure, read_kernel
from whitediff.simulate import convolve
from whitediff.whiteness import whiteness


@pytest.fixture
def output(tmp_path):
    return tmp_path / "white.fits"


def noise_of(path, planes=("NO_DATA",)):
    exposure = read_exposure(path)
    mask = exposure.mask
    return whiteness(
        exposure.image.array, mask=mask.array, ignore_mask=mask.getPlaneBitMask(planes)
    )


def test_hotpants_difference(data_path, output, capsys):
    goto = data_path("goto")
    succeed(capsys, "decorrelate", *options(goto), "-o", output, "--convolved", "template")
    header = fits.getheader(output)
    matching = read_kernel(goto / "kernel.fits")
    assert (header["WDCONV"], header["WDSNOISE"], header["WDTNOISE"]) == ("template", "sky", "sky")
    # PHOTNORM is t: the difference is in units of the template.
    assert header["PHOTNORM"] == "t" and header["WDSCALE"] == matching.scale != 1
    before, after = noise_of(goto / "difference.fits"), noise_of(output)
    # From 0.17 and 0.18 to 0.09 and 0.00. The rest comes with the images: both were resampled, and
    # so their own pixels are correlated by 0.10 and 0.15 at this lag.
    assert min(before.in_x[0], before.in_y[0]) > 0.15
    assert abs(after.in_x[0]) < 0.10 and abs(after.in_y[0]) < 0.02
    result, difference = read_exposure(output), read_exposure(goto / "difference.fits")
    no_data = difference.mask.array == difference.mask.getPlaneBitMask("NO_DATA")
    np.testing.assert_array_equal(np.isnan(result.image.array), no_data)
    edge = result.mask.getPlaneBitMask("FILTER_EDGE")
    np.testing.assert_array_equal(result.mask.array & ~edge, difference.mask.array)
    assert ((result.mask.array & edge) != 0)[no_data].all()
    corners = np.array([[0, 0], [703, 0], [0, 703], [703, 703]])
    # The header's numbers have 15 digits: that makes 1e-12 of the degrees.
    np.testing.assert_allclose(
        result.wcs.all_pix2world(corners, 0), difference.wcs.all_pix2world(corners, 0), rtol=1e-12
    )


def test_hotpants_says_which_image_was_convolved(data_path, output, capsys):
    goto = data_path("goto")
    arguments = [*options(goto), "-o", output, "--convolved", "science"]
    assert "which says template" in fail(capsys, "decorrelate", *arguments)
    # The difference image that -hki was given to has a table of zeros, because -oki was as well.
    arguments = options(goto, kernel=goto / "difference.fits")
    assert "read the file of -oki" in fail(capsys, "decorrelate", *arguments, "-o", output)
    assert not output.exists()


def test_pair_with_a_kernel_image(data_path, output, tmp_path, capsys):
    decam = data_path("decam")
    files = {
        "science": decam / "DEC-OBS18a.mini.fits",
        "template": decam / "DEC-OBS18d.mini.fits",
        "kernel": decam / "DEC-OBS18d.MatchKernel.fits",
    }
    science, template = (read_exposure(files[name]).image.array for name in ("science", "template"))
    kernel = read_kernel(files["kernel"]).kernel
    difference = science - convolve(template.astype(float), kernel)
    path = write_plain(tmp_path / "difference.fits", difference.astype(np.float32))
    succeed(capsys, "decorrelate", *options(decam, difference=path, **files), "-o", output)
    header = fits.getheader(output)
    (image,) = kernel.evaluate(np.zeros(1), np.zeros(1))
    before, after = noise_of(path), noise_of(output)
    expected = header["WDSVAR"] + header["WDTVAR"] * image.sum() ** 2
    assert before.variance < 0.8 * expected
    # Sampling error 0.6 %; resampled inputs are not quite white themselves.
    assert after.variance == pytest.approx(expected, rel=0.03)
    # From 0.22 and 0.24; the inputs' own are 0.01 to 0.05.
    assert min(before.in_x[0], before.in_y[0]) > 0.2
    assert max(abs(after.in_x[0]), abs(after.in_y[0])) < 0.06
