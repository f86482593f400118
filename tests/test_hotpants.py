"""HOTPANTS itself: its difference is what the kernel that is read makes of its images."""

import shutil
import subprocess

import numpy as np
import pytest
from astropy.io import fits
from numpy.lib.stride_tricks import sliding_window_view

from whitediff.io import read_kernel
from whitediff.io.regions import RegionKernel

SHAPE, HALF = (303, 421), 7
# Kernels of every pixel, which HOTPANTS takes from a position that is HALF farther on.
COMMON = f"-r {HALF} -kcs 1 -rss 9 -nsx 6 -nsy 6 -ko 1 -bgo 1 -tu 1e5 -iu 1e5 -tl 0 -il 0"


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Run HOTPANTS on stars whose template is the sharper one on the left, and not on the right."""
    program = shutil.which("hotpants")
    if program is None:
        pytest.skip("no program hotpants on PATH")
    folder = tmp_path_factory.mktemp("hotpants")
    rng = np.random.default_rng(5)
    y, x = np.indices(SHAPE)
    images = {"science": np.full(SHAPE, 200.0), "template": np.full(SHAPE, 180.0)}
    for star_x, star_y, flux in zip(
        rng.uniform(3, SHAPE[1] - 4, 700),
        rng.uniform(3, SHAPE[0] - 4, 700),
        np.minimum(rng.pareto(1.5, 700) * 900 + 900, 6e4),
        strict=True,
    ):
        part = np.s_[max(0, int(star_y) - 14) : int(star_y) + 15,
                     max(0, int(star_x) - 14) : int(star_x) + 15]  # fmt: skip
        distance = (x[part] - star_x) ** 2 + (y[part] - star_y) ** 2
        wide = 1.3 if star_x < 210 else 2.7
        for name, sigma, factor in (("science", 1.9, 1.3), ("template", wide, 1.0)):
            star = np.exp(-distance / (2 * sigma**2)) / (2 * np.pi * sigma**2)
            images[name][part] += factor * flux * star
    for name, image in images.items():
        pixels = image + rng.normal(size=SHAPE) * np.sqrt(image) / 2
        images[name] = pixels.astype(np.float32)
        fits.writeto(folder / f"{name}.fits", images[name])

    def run(options):
        files = {"-inim": "science", "-tmplim": "template", "-outim": "difference"}
        named = [word for option, name in files.items() for word in (option, f"{name}.fits")]
        arguments = [program, *named, *COMMON.split(), *options.split()]
        subprocess.run(arguments, cwd=folder, check=True, capture_output=True)
        kernel = "kernel.fits" if "-oki" in options else "difference.fits"
        matching = read_kernel(folder / kernel, difference=folder / "difference.fits")
        science, template = (images[name].astype(float) for name in ("science", "template"))
        return matching, science, template, fits.getdata(folder / "difference.fits", 0)

    return run


def convolved(image, kernel, box):
    """The true convolution with a kernel that varies, of the pixels of a box."""
    x0, y0, x1, y1 = box
    y, x = np.meshgrid(np.arange(y0, y1), np.arange(x0, x1), indexing="ij")
    kernels = kernel.evaluate(x.ravel() + float(HALF), y.ravel() + float(HALF))
    half = kernel.shape[0] // 2
    windows = sliding_window_view(image, kernel.shape)[y0 - half : y1 - half, x0 - half : x1 - half]
    products = windows.reshape(kernels.shape) * kernels[:, ::-1, ::-1]
    return products.sum(axis=(1, 2)).reshape(y.shape)


def rebuilt(matching, science, template, x0, y0):
    """A part of the difference, all of it in one region, from its kernel."""
    box = (x0, y0, x0 + 20, y0 + 20)
    part = np.s_[y0 : y0 + 20, x0 : x0 + 20]
    y, x = np.meshgrid(np.arange(y0, y0 + 20), np.arange(x0, x0 + 20), indexing="ij")
    background = matching.background(x, y)
    matched = convolved(template, matching.kernel, box)
    if matching.convolved == "both":
        return part, convolved(science, matching.science_kernel, box) - matched - background
    if matching.convolved == "template":
        return part, matching.scale * (science[part] - matched - background)
    matched = convolved(science, matching.kernel, box)
    return part, matching.scale * (matched + background - template[part])


@pytest.mark.parametrize(
    ("options", "how"),
    [
        ("-hki -c t", "template"),
        ("-oki kernel.fits -c t -gd 21 400 15 290", "template"),
        ("-hki -c i -n i -gd 21 400 15 290", "science"),
        ("-oki kernel.fits -c t -nrx 2 -nry 2", "both"),
        ("-hki -c t -n u -nrx 2", "template"),
        ("-hki -c t -nrx 2 -gd 21 400 15 290", "both"),
        ("-oki kernel.fits -nrx 2 -n i", "both"),
    ],
)
def test_difference_is_rebuilt(run, options, how):
    matching, science, template, difference = run(options)
    assert matching.convolved == how
    assert isinstance(matching.kernel, RegionKernel) == ("-nrx" in options)
    compared = 0
    for x0, y0 in ((40, 40), (120, 100), (150, 240), (260, 50), (340, 120), (320, 230)):
        part, expected = rebuilt(matching, science, template, x0, y0)
        known = (difference[part] != np.float32(1e-30)) & (difference[part] != 0)
        compared += known.sum()
        error = difference[part] - expected
        # Single precision of some thousands; of more where HOTPANTS has sharpened the template.
        # A wrong frame or scale leaves 0.05 and more.
        assert abs(error[known]).max() < 3e-4 + 3e-6 * difference[part][known].std()
    assert compared > 1500
