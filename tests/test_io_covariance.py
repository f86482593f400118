"""Covariances of noise in files."""

import re

import numpy as np
import pytest
from astropy.io import fits

from command_line import write_plain
from whitediff import NoiseCovariance
from whitediff.io.covariance_fits import covariance_hdu, read_covariance

LAGS = np.outer([0.1, 1.0, 0.1], [0.02, 0.3, 1.0, 0.3, 0.02])


def test_a_covariance_comes_back(tmp_path):
    path = tmp_path / "white.fits"
    image = fits.ImageHDU(np.ones((300, 300)), name="IMAGE")
    fits.HDUList([fits.PrimaryHDU(), image, covariance_hdu(NoiseCovariance(LAGS))]).writeto(path)
    np.testing.assert_array_equal(read_covariance(path).lags, LAGS)
    header = fits.getheader(path, "COVARIANCE")
    # Pixel (3, 2) of FITS stands for no lag.
    assert (header["CRPIX1"], header["CRPIX2"], header["CRVAL1"]) == (3, 2, 0)


def test_a_plain_image_will_do(tmp_path):
    path = write_plain(tmp_path / "lags.fits", LAGS.astype(np.float32))
    psf = np.ones((3, 3))
    covariance = read_covariance(path, psf=psf)
    np.testing.assert_array_equal(covariance.lags, LAGS.astype(np.float32))
    # Its number is that of this PSF.
    assert covariance.psf_scale == NoiseCovariance(LAGS.astype(np.float32), psf=psf).psf_scale


def test_a_covariance_of_a_frame_comes_back(tmp_path):
    path = tmp_path / "white.fits"
    covariance = NoiseCovariance(
        np.stack([LAGS, 0.1 * LAGS, -0.2 * LAGS]), frame=(-3.0, 400.0, 0.5, 99.0)
    )
    fits.HDUList([fits.PrimaryHDU(), covariance_hdu(covariance)]).writeto(path)
    with fits.open(path) as hdus:
        hdus.verify("exception")
    for name in (path, f"{path}[COVARIANCE]", f"{path}[1]"):
        found = read_covariance(name)
        np.testing.assert_array_equal(found.coefficients, covariance.coefficients)
        assert found.frame == covariance.frame
    fits.append(path, 7 * LAGS, fits.Header({"EXTNAME": "OTHER"}))
    np.testing.assert_array_equal(read_covariance(f"{path}[OTHER]").lags, 7 * LAGS)
    header = fits.getheader(path, "COVARIANCE")
    assert (header["NAXIS3"], header["XMIN"], header["YMAX"]) == (3, -3, 99)
    fits.delval(path, "YMIN", extname="COVARIANCE")
    with pytest.raises(ValueError, match="must have the keywords XMIN, .*, got no YMIN"):
        read_covariance(path)


@pytest.mark.parametrize(
    ("pixels", "message"),
    [
        (np.ones((300, 301)), "must be an image of at most 255 x 255 lags, got one of 301 x 300"),
        (np.ones((2, 3)), "covariance must have odd height and width, got (2, 3)"),
        (-np.ones((3, 3)), "covariance must be positive at no lag, got -1"),
        (None, "must be an image of at most 255 x 255 lags, got none"),
    ],
)
def test_what_is_none_is_refused(tmp_path, pixels, message):
    path = tmp_path / "lags.fits"
    fits.PrimaryHDU(pixels).writeto(path)
    with pytest.raises(ValueError, match=re.escape(message)) as raised:
        read_covariance(path)
    assert str(path) in str(raised.value)
