"""Where the variance of an input image comes from."""

from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from command_line import write_plain
from whitediff.io.exposure_rows import ExposureRows, open_exposure, open_noise
from whitediff.io.rows import Rows
from whitediff.sky import measured_sky
from whitediff.subtraction.noise import input_noise

SHAPE = (517, 641)
KNOWN = r"known value \(finite, positive and at most 1e\+25\)"


@pytest.fixture
def noise(rng):
    return (10 * rng.normal(size=SHAPE)).astype(np.float32)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "image.fits"


def write(path, image, variance=None):
    hdus = [fits.PrimaryHDU(image)]
    if variance is not None:
        hdus.append(fits.ImageHDU(variance, name="VARIANCE"))
    fits.HDUList(hdus).writeto(path)


def noise_of(path, given=None, ignored=None):
    with ExitStack() as files:

        def open_file(path, kind, unit):
            return files.enter_context(open_noise(path, kind, image_unit=unit))

        exposure = files.enter_context(open_exposure(path))
        return input_noise(given, exposure, path, ignored, open_file)


def rows_of(plane):
    return Rows(plane.shape, plane.dtype, lambda rows: plane[rows].copy())


def sampling_error(variance, n_pixels):
    """Of the median of the variances of meshes: (pi / 2)^1/2 times that of their mean."""
    return variance * (2 / n_pixels) ** 0.5 * (np.pi / 2) ** 0.5


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int16])
@pytest.mark.parametrize("fraction", [0.0, 0.1, 0.25, 0.5, 0.8])
@pytest.mark.parametrize("shape", [SHAPE, (100, 131), (1300, 1411)])
def test_sky_of_an_image_with_filled_corners(rng, dtype, fraction, shape):
    image = 10 * rng.normal(size=shape)
    if dtype is np.int16:
        image = np.rint(image)
    image[:, : round(fraction * shape[1])] = 0
    stored = np.float32 if dtype is np.int16 else dtype
    sky = measured_sky(rows_of(image.astype(stored)), None)
    variance = 100 + (1 / 12 if dtype is np.int16 else 0)
    # No more than a million pixels are looked at.
    n_pixels = (1 - fraction) * min(image.size, 2**20)
    assert sky.variance == pytest.approx(variance, abs=4.5 * sampling_error(variance, n_pixels))
    if fraction == 0:
        assert sky.filled == {} and sky.left_out == ""
    else:
        assert list(sky.filled) == [0.0]
        # The meshes that are looked at are spread evenly, but not in proportion to every corner.
        assert sky.filled[0.0] == pytest.approx(fraction, abs=0.03)


def test_sky_beside_a_diagonal_corner_and_a_gap(noise):
    rows, columns = np.indices(SHAPE)
    noise[rows + columns < 400] = 0
    noise[:, 500:520] = -1000
    n_pixels = np.sum((noise != 0) & (noise != -1000))
    sky = measured_sky(rows_of(noise), None)
    assert sky.variance == pytest.approx(100, abs=4.5 * sampling_error(100, n_pixels))
    assert list(sky.filled) == [-1000.0, 0.0]
    assert sky.left_out.endswith(" % of it left out as filled with -1000 and 0")


def test_description_of_a_filled_image(path, noise):
    noise[:, : round(0.25 * SHAPE[1])] = 0
    write(path, noise)
    found = noise_of(path)
    assert found.origin == "sky"
    # 160 of 641 columns.
    assert found.description == (
        f"measured in the sky of {path}, 25 % of it left out as filled with 0"
    )


def test_masked_pixels_are_neither_sky_nor_fill(noise):
    noise[:200] = 0
    ignored = np.zeros(SHAPE, bool)
    ignored[:200] = True
    sky = measured_sky(rows_of(noise), rows_of(ignored))
    n_pixels = np.sum(~ignored)
    assert sky.variance == pytest.approx(100, abs=4.5 * sampling_error(100, n_pixels))
    assert sky.filled == {}


def test_an_image_of_fill_alone_has_no_sky(path):
    write(path, np.zeros(SHAPE, np.float32))
    with pytest.raises(ValueError, match=r"image\.fits: the sky variance cannot be measured"):
        noise_of(path)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("value", [np.nan, 0.0, -3.0, 1e30, np.inf, -np.inf])
class TestPlaneWithoutKnownValue:
    def test_sky_takes_its_place(self, path, noise, dtype, value):
        write(path, noise, np.full(SHAPE, value, dtype))
        found = noise_of(path)
        assert found.origin == "sky"
        assert found.variance == pytest.approx(100, abs=4.5 * sampling_error(100, noise.size))
        assert found.description == (
            f"{path}: its variance plane has no known value (finite, positive and at most 1e+25): "
            "measured in the sky"
        )

    def test_one_known_value_is_enough(self, path, noise, dtype, value):
        plane = np.full(SHAPE, value, dtype)
        plane[-1, -1] = 1e25 if dtype is np.float64 else 9.9e24
        write(path, noise, plane)
        found = noise_of(path)
        assert (found.origin, found.description) == ("plane", f"variance plane of {path}")

    def test_where_there_is_no_sky_either(self, path, noise, dtype, value):
        write(path, np.full_like(noise, np.nan), np.full(SHAPE, value, dtype))
        with pytest.raises(
            ValueError, match=rf"image\.fits: its variance plane has no {KNOWN}, and the sky"
        ):
            noise_of(path)

    def test_a_file_that_was_given(self, path, tmp_path, noise, dtype, value):
        write(path, noise)
        given = write_plain(tmp_path / "given.fits", np.full(SHAPE, value, dtype))
        with pytest.raises(ValueError, match=rf"given\.fits: variance must have a {KNOWN}, got n"):
            noise_of(path, given)


def test_filled_image_whose_plane_has_no_known_value(path, noise):
    noise[:, : SHAPE[1] // 2] = 0
    write(path, noise, np.zeros(SHAPE, np.float32))
    assert noise_of(path).description.endswith(
        "measured in the sky, 49.9 % of it left out as filled with 0"
    )


def test_the_search_ends_with_the_first_known_value(noise):
    asked = []

    def read(rows):
        asked.append(rows)
        return np.full((rows.stop - rows.start, 1 << 10), 5.0 if rows.start else 0.0)

    rows = Rows((1 << 14, 1 << 10), np.float64, read)
    image = Rows(rows.shape, np.float32, lambda rows: pytest.fail("no pixel of the image counts"))
    exposure = ExposureRows(image, None, {}, rows, None, None, (0, 0), fits.Header())
    assert input_noise(None, exposure, Path("x"), None, lambda path: None).origin == "plane"
    # Bands of a million pixels.
    assert asked == [slice(0, 1024), slice(1024, 2048)]
