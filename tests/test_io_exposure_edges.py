"""Exposures in FITS files that leave out what has a default."""

import numpy as np
from astropy.io import fits

from whitediff.io import read_exposure


def test_a_psf_without_a_position_is_that_at_the_middle(tmp_path):
    shape = (23, 17)
    psf = np.random.default_rng(12).uniform(1, 2, (5, 5))
    images = fits.ImageHDU(np.zeros(shape), name="IMAGE"), fits.ImageHDU(psf, name="PSFIMAGE")
    fits.HDUList([fits.PrimaryHDU(), *images]).writeto(tmp_path / "exposure.fits")
    found = read_exposure(tmp_path / "exposure.fits").psf
    assert tuple(found.getAveragePosition()) == (8.0, 11.0)
    np.testing.assert_array_equal(found.image, psf)
