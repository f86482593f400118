"""How jobs say what the colour of noise is."""

import re

import numpy as np
import pytest

from command_line import write_plain
from whitediff import NoiseCovariance
from whitediff.subtraction.colour import Resampling, input_covariance


@pytest.mark.parametrize(
    ("text", "expected", "words"),
    [
        ("lanczos3", Resampling("lanczos3"), "lanczos3, mean over phases"),
        (
            "bilinear:0.25,-0.4",
            Resampling("bilinear", (0.25, -0.4)),
            "bilinear at phases 0.25, -0.4",
        ),
        ("lanczos3.fits", None, None),
        ("spline", None, None),
    ],
)
def test_resamplings_are_read(text, expected, words):
    found = Resampling.of(text)
    assert found == expected
    assert words is None or str(found) == words


@pytest.mark.parametrize("phases", ["", "0.1", "0.1,b", "1,2,3"])
def test_phases_that_are_none(phases):
    message = f"phases of lanczos3 must be two numbers, lanczos3:Y,X, got 'lanczos3:{phases}'"
    with pytest.raises(ValueError, match=re.escape(message)):
        Resampling.of(f"lanczos3:{phases}")


@pytest.mark.parametrize("resampling", [Resampling("bilinear"), Resampling("lanczos3", (0.5, 0.2))])
def test_resamplings_are_in_units_of_the_resampled_pixels(resampling):
    found = input_covariance(resampling).lags
    raw = NoiseCovariance.resampling(resampling.kernel, resampling.phase).lags
    middle = tuple(size // 2 for size in raw.shape)
    assert found[middle] == 1
    np.testing.assert_allclose(found * raw[middle], raw, rtol=1e-14)


def test_files_hold_what_they_hold(tmp_path):
    lags = np.array([[0.1, 0.7, 0.1]])
    path = write_plain(tmp_path / "lags.fits", lags)
    np.testing.assert_array_equal(input_covariance(path).lags, lags)
    assert input_covariance(None) is None
