"""Exposures that are written row by row."""

import numpy as np
import pytest
from astropy.io import fits

from whitediff import Exposure, NoiseCovariance, read_exposure
from whitediff.io.covariance_fits import covariance_hdu, read_covariance
from whitediff.io.exposure_writer import new_exposure_file

PIXELS = np.arange(12.0).reshape(3, 4)


def exposure_with(n_cards):
    metadata = fits.Header({f"KEY{n}": n for n in range(n_cards)})
    return Exposure(image=PIXELS, variance=PIXELS, metadata=metadata)


def written(path, before, after):
    with new_exposure_file(exposure_with(before), path) as file:
        file.write_rows(0, PIXELS, np.zeros((3, 4), np.int32), PIXELS + 1)
        file.finish(exposure_with(after), [covariance_hdu(NoiseCovariance([[0.1, 1.0, 0.1]]))])


# A block of a header has 36 cards.
@pytest.mark.parametrize("after", [0, 1, 30, 60, 100])
def test_fewer_keywords_than_were_announced(tmp_path, after):
    path = tmp_path / "x.fits"
    written(path, 100, after)
    with fits.open(path) as hdus:
        hdus.verify("exception")
        assert [f"KEY{n}" in hdus[0].header for n in range(101)] == [n < after for n in range(101)]
    found = read_exposure(path)
    np.testing.assert_array_equal(found.image.array, PIXELS)
    np.testing.assert_array_equal(found.variance.array, PIXELS + 1)
    np.testing.assert_array_equal(read_covariance(path).lags, [[0.1, 1.0, 0.1]])


def test_more_keywords_have_no_room(tmp_path):
    with pytest.raises(ValueError, match="header of a file that is being written must keep its"):
        written(tmp_path / "x.fits", 1, 60)
    assert not list(tmp_path.iterdir())
