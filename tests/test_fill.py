"""Values that fill pixels: found where they are, and not where they are not."""

import numpy as np
import pytest
from astropy.io import fits

from whitediff.fill import FillValue, fill_values

# A mesh, a frame of which not every pixel is looked at, and one whose width has common divisors
# with many steps.
SHAPES = [(128, 128), (701, 933), (1024, 1024)]


def found(image):
    return fill_values(image, np.isfinite(image))


def values_of(image):
    return [fill.value for fill in found(image)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("level", [0, 1000])
@pytest.mark.parametrize("fraction", [0.002, 0.1, 0.9])
def test_one_value(rng, shape, dtype, level, fraction):
    image = (level + 10 * rng.normal(size=shape)).astype(dtype)
    filled = rng.random(shape) < fraction
    image[filled] = 0
    assert found(image) == [FillValue(0.0, False)]
    np.testing.assert_array_equal(found(image)[0].pixels(image), filled)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("values", [(-1000.0, 0.0), (0.0, 65535.0), (-1e30, -100.0, 0.0)])
def test_several_values(rng, shape, dtype, values):
    image = (10 * rng.normal(size=shape)).astype(dtype)
    for n, value in enumerate(values):
        image[20 * n : 20 * n + 15] = value
    # -1e30 is rounded in single precision.
    assert values_of(image) == pytest.approx(list(values), rel=1e-6)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("sigma", [5, 16, 300])
def test_corners_of_images_of_integers(rng, shape, sigma):
    """Of pixels with data that have the value, none but those of an area of 3 by 3 are taken."""
    image = np.rint(sigma * rng.normal(size=shape))
    rows, columns = np.indices(shape)
    corner = rows + columns < 0.7 * shape[0]
    image[corner] = 0
    (fill,) = found(image)
    assert fill.value == 0
    wrong = fill.pixels(image) != corner
    # A diagonal edge is a staircase of steps of one pixel, and data may lie in line with it.
    assert wrong.sum() < 4 * shape[0]
    assert not wrong[rows + columns > 0.7 * shape[0] + 4].any()


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("sigma", [0.2, 0.3, 0.4, 0.5, 0.7, 1, 2, 5, 30, 1000])
@pytest.mark.parametrize("level", [0, 0.3, 0.5])
def test_integers_are_no_fill(rng, shape, sigma, level):
    assert found(np.rint(level + sigma * rng.normal(size=shape))) == []


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("mean", [0.001, 0.1, 0.5, 1, 3, 20, 1000])
def test_counts_are_no_fill(rng, shape, mean):
    counts = rng.poisson(mean, size=shape)
    assert found(counts.astype(np.float32)) == []
    # In electrons.
    assert found(1.37 * counts) == []


def test_integers_among_which_some_pixels_were_interpolated(rng):
    image = np.rint(30 * rng.normal(size=(500, 700)))
    mended = rng.random(image.shape) < 0.05
    image[mended] += rng.normal(size=mended.sum())
    assert found(image) == []


@pytest.mark.parametrize("tile", [(1, 512), (512, 512)])
@pytest.mark.parametrize("level", [1.0, 4.0, 16.0])
def test_quantised_images_are_no_fill(rng, tmp_path, tile, level):
    """RICE compression without dither: steps of a part of sigma, rows one by one or together."""
    noise = rng.normal(size=(512, 512)).astype(np.float32)
    hdu = fits.CompImageHDU(
        noise, compression_type="RICE_1", quantize_level=level, quantize_method=-1, tile_shape=tile
    )
    hdu.writeto(tmp_path / "image.fits.fz")
    image = fits.getdata(tmp_path / "image.fits.fz")
    # Each row has its own steps, if rows are compressed one by one.
    assert len(np.unique(image)) < 0.2 * image.size
    assert found(image) == []
    assert found(image[100:228, 200:328]) == []


@pytest.mark.parametrize("level", [4.0, 16.0])
def test_corners_of_images_of_quantised_rows(rng, tmp_path, level):
    noise = rng.normal(size=(512, 512)).astype(np.float32)
    noise[:128] = 0
    noise[:, :128] = 0
    hdu = fits.CompImageHDU(
        noise, compression_type="RICE_1", quantize_level=level, quantize_method=-1
    )
    hdu.writeto(tmp_path / "image.fits.fz")
    image = fits.getdata(tmp_path / "image.fits.fz")
    (fill,) = found(image)
    pixels = fill.pixels(image)
    assert fill.is_data_too and pixels[:128].all() and pixels[:, :128].all()
    # Data in line with an edge.
    assert pixels[128:, 128:].sum() < 10


def test_continuous_noise_has_no_fill():
    """In single precision, on a level where but a few thousand values can be."""
    for seed in range(20):
        noise = np.random.default_rng(seed).normal(30000, 10, size=(128, 300))
        assert found(noise.astype(np.float32)) == []


def test_some_bright_pixels_of_one_value_are_no_fill(rng):
    image = rng.normal(size=(500, 500))
    image[7, :100] = 65535
    # Less than a thousandth.
    assert found(image) == []


@pytest.mark.parametrize("image", [np.zeros((9, 11)), np.eye(40), np.full((9, 11), np.nan)])
def test_too_few_values_to_tell(image):
    assert found(image) == []


def test_pixels_that_are_not_usable_do_not_count(rng):
    image = rng.normal(size=(300, 200))
    image[:50] = 0
    usable = np.ones(image.shape, bool)
    usable[:50] = False
    assert fill_values(image, usable) == []


def test_a_gap_of_columns_that_a_regular_sample_would_miss(rng):
    image = rng.normal(size=(2048, 2048))
    image[:, 1001:1006] = 0
    assert values_of(image) == [0.0]
