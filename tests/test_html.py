"""What notebooks and terminals show of objects."""

from __future__ import annotations

import base64
import io
import re

import numpy as np
import pytest

import whitediff
from whitediff.html import shown
from whitediff.kernel import fixed_kernel

RNG = np.random.default_rng(2)
KERNEL = np.outer([1, 2, 1], [1, 2, 1]) / 16


def picture(html: str) -> np.ndarray:
    matplotlib_image = pytest.importorskip("matplotlib.image")
    data = re.search("base64,([^']+)'", html)
    return matplotlib_image.imread(io.BytesIO(base64.b64decode(data[1])), format="png")


def test_a_picture_stands_on_its_first_row():
    image = np.arange(15.0).reshape(3, 5)
    pixels = picture(shown("title", {}, image))
    assert pixels.shape == (3, 5)
    # From black to white in eight bits, as the percentiles cut the ends off.
    low, high = np.percentile(image, (1, 99))
    expected = np.clip((image[::-1] - low) / (high - low), 0, 1)
    np.testing.assert_allclose(pixels, expected, atol=1 / 255)


@pytest.mark.parametrize("image", [np.full((4, 3), np.nan), np.ones((2, 2)), np.ones((1, 1))])
def test_a_picture_of_nothing_is_dark(image):
    assert not picture(shown("", {}, image)).any()


def test_a_large_picture_is_thinned_out():
    assert picture(shown("", {}, np.ones((1025, 700)))).shape == (205, 140)


def test_texts_are_escaped():
    html = shown("a < b", {"<i>": "&"})
    assert "a &lt; b" in html
    assert "&lt;i&gt;" in html
    assert "&amp;" in html
    assert "<img" not in html


IMAGE = RNG.normal(size=(41, 35)).astype(np.float32)
WHITE = whitediff.decorrelate(IMAGE, 1.0, 1.0, KERNEL)


@pytest.mark.parametrize(
    ("thing", "line"),
    [
        (fixed_kernel(KERNEL), "SpatialKernel(1 basis images of 3 x 3, center=(1, 1))"),
        (whitediff.TabulatedKernel([0.0, 9.0], [5.0], np.ones((1, 2, 3, 5))),
         "TabulatedKernel(1 x 2 images of 3 x 5, center=(1, 2))"),
        (whitediff.Exposure(image=IMAGE, xy0=(7, -2), metadata={"BUNIT": "adu"}, variance=IMAGE),
         "Exposure(41 x 35 float32 at (7, -2), adu, with variance)"),
        (whitediff.Exposure(image=IMAGE),
         "Exposure(41 x 35 float32 at (0, 0), unit unknown, with neither variance, PSF nor WCS)"),
        (WHITE, "Whitened(41 x 35 float32, Cells(1 cells, 1 filters), border="),
        (whitediff.NoiseCovariance.resampling("bilinear"), "NoiseCovariance(psf_scale="),
    ],
)  # fmt: skip
def test_one_line_and_a_table(thing, line):
    assert repr(thing).startswith(line)
    html = thing._repr_html_()
    assert picture(html).size > 1
    assert html.count("<tr>") >= 2


def test_a_kernel_of_a_subclass_has_its_name():
    class Mine(whitediff.Kernel):
        def evaluate(self, x, y):
            return np.ones((len(x), *self.shape))

    assert repr(Mine(shape=(3, 7))) == "Mine(3 x 7, center=(1, 3))"
    assert "Mine" in Mine(shape=(3, 7))._repr_html_()


def test_a_result_tells_its_gaps_and_unit():
    units = pytest.importorskip("astropy.units")
    image = IMAGE.copy()
    image[3, 4] = np.nan
    html = whitediff.decorrelate(image << units.mJy, 4.0, 9.0, KERNEL)._repr_html_()
    for text in ("41 x 35 float32, mJy", "1 not finite", "4, 9", "none measured"):
        assert text in html


def test_an_exposure_tells_its_planes():
    exposure = whitediff.Exposure(image=IMAGE)
    exposure.mask.array[2:4, 5] = exposure.mask.getPlaneBitMask(["SAT"])
    assert "SAT 2" in exposure._repr_html_()
