"""Exposures in FITS files that leave out what has a default."""

import os
import tempfile

import numpy as np
import pytest
from astropy.io import fits

from whitediff.io import read_exposure
from whitediff.io.exposure_rows import open_exposure


def test_a_psf_without_a_position_is_that_at_the_middle(tmp_path):
    shape = (23, 17)
    psf = np.random.default_rng(12).uniform(1, 2, (5, 5))
    images = fits.ImageHDU(np.zeros(shape), name="IMAGE"), fits.ImageHDU(psf, name="PSFIMAGE")
    fits.HDUList([fits.PrimaryHDU(), *images]).writeto(tmp_path / "exposure.fits")
    found = read_exposure(tmp_path / "exposure.fits").psf
    assert tuple(found.getAveragePosition()) == (8.0, 11.0)
    np.testing.assert_array_equal(found.image, psf)


def test_a_linear_wcs_that_is_no_shift_by_whole_pixels_is_no_origin(tmp_path):
    header = fits.Header({"CTYPE1A": "LINEAR", "CTYPE2A": "LINEAR", "CRPIX1A": 1, "CRPIX2A": 1})
    header.update({"CRVAL1A": 100.0, "CRVAL2A": 200.0, "CD1_1A": 2.0, "CD2_2A": 2.0})
    fits.PrimaryHDU(np.ones((4, 5), np.float32), header).writeto(tmp_path / "x.fits")
    with open_exposure(tmp_path / "x.fits") as exposure:
        assert exposure.xy0 == (0, 0)
        assert any("linear WCS A has scales [2.0, 2.0]" in note for note in exposure.notes)
        assert not any(keyword.endswith("A") for keyword in exposure.metadata)


def test_pipes_are_no_images(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="pipe is not a regular file"):
        read_exposure(tmp_path / "pipe")


def test_copies_of_compressed_files_have_no_name(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    hdu = fits.PrimaryHDU(np.arange(20, dtype=np.float32).reshape(4, 5))
    hdu.writeto(tmp_path / "x.fits.gz")
    with open_exposure(tmp_path / "x.fits.gz") as exposure:
        assert [path.name for path in tmp_path.iterdir()] == ["x.fits.gz"]
        np.testing.assert_array_equal(exposure.image[:], hdu.data)
