"""The convention of docs/kernel-format.md: files of an earlier day, read by it."""

import numpy as np
import pytest
from astropy.io import fits
from numpy.polynomial.chebyshev import chebval

import frozen_format
from whitediff import NoiseSource
from whitediff.io import read_kernel, read_noise_model, write_kernel, write_noise_model
from whitediff.kernel import flipped

NAMES = list(frozen_format.kernels())
X, Y = np.array([0.0, 31.25, 52.0, 29.0]), np.array([40.0, 17.5, 0.0, 3.0])


def by_the_page(hdus, number, x, y):
    """A kernel image by the words of the page, from the numbers in the file."""
    hdu = hdus["KERNEL", number]
    if hdu.header["KERNTYPE"] == "TABULATED":
        (grid,) = hdus["GRID", number].data
        at_x, at_y = (
            np.interp(v, grid[a], np.arange(len(grid[a]))) for v, a in ((x, "X"), (y, "Y"))
        )
        return sum(
            max(0, 1 - abs(at_x - n)) * max(0, 1 - abs(at_y - m)) * hdu.data[m, n]
            for m, n in np.ndindex(hdu.data.shape[:2])
        )
    region, factor = 0, 1.0
    if ("REGIONS", number) in hdus:
        for n, row in enumerate(hdus["REGIONS", number].data):
            x0, y0, x1, y1 = row["BOX"]
            if x0 - 0.5 <= x < x1 - 0.5 and y0 - 0.5 <= y < y1 - 0.5:
                region, factor = n, row["FACTOR"]
    total = np.zeros(hdu.data.shape[1:])
    for image, row in zip(hdu.data, hdus["FUNCTIONS", number].data, strict=True):
        if ("REGIONS", number) not in hdus or row["REGION"] == region:
            total += factor * image * function_by_the_page(row, x, y)
    return total


def function_by_the_page(row, x, y):
    terms = [(n - q, q) for n in range(10) for q in range(n + 1)][: row["N"]]
    if row["TYPE"].strip() == "CHEBYSHEV":
        x0, x1, y0, y1 = row["BBOX"]
        x, y = (2 * x - x0 - x1) / (x1 - x0), (2 * y - y0 - y1) / (y1 - y0)
    value = 0.0
    for (p, q), coefficient in zip(terms, row["COEFFICIENTS"][: row["N"]], strict=True):
        if row["TYPE"].strip() == "CHEBYSHEV":
            value += coefficient * chebval(x, np.eye(p + 1)[p]) * chebval(y, np.eye(q + 1)[q])
        else:
            value += coefficient * x**p * y**q
    return value


def assert_same(found, expected):
    assert (found.shape, tuple(found.center)) == (expected.shape, tuple(expected.center))
    np.testing.assert_array_equal(found.evaluate(X, Y), expected.evaluate(X, Y))


@pytest.mark.parametrize("name", NAMES)
def test_frozen_kernels_are_read(name):
    found = read_kernel(frozen_format.path_of(f"kernel-{name}"))
    expected = frozen_format.kernels()[name]
    for field in ("convolved", "scale", "origin"):
        assert getattr(found, field) == getattr(expected, field)
    assert_same(found.kernel, expected.kernel)
    if expected.science_kernel is None:
        assert found.science_kernel is None
    else:
        assert_same(found.science_kernel, expected.science_kernel)
    if expected.background is None:
        assert found.background is None
    else:
        np.testing.assert_array_equal(found.background(X, Y), expected.background(X, Y))


@pytest.mark.parametrize("name", NAMES)
def test_frozen_kernels_are_what_the_page_says(name):
    path = frozen_format.path_of(f"kernel-{name}")
    read = read_kernel(path)
    with fits.open(path) as hdus:
        assert hdus["KERNEL"].header["WDFORMAT"] == 1
        for number, kernel in enumerate([read.kernel, read.science_kernel], 1):
            if kernel is None:
                continue
            images = kernel.evaluate(X, Y)
            for image, x, y in zip(images, X, Y, strict=True):
                # A dozen products of numbers up to some hundreds.
                np.testing.assert_allclose(image, by_the_page(hdus, number, x, y), atol=1e-10)


def assert_identical(path, other):
    # Comments are those of the version of astropy.
    difference = fits.FITSDiff(path, other, ignore_comments=["*"])
    assert difference.identical, difference.report()


@pytest.mark.parametrize("name", NAMES)
def test_kernels_are_written_as_they_were(name, tmp_path):
    write_kernel(frozen_format.kernels()[name], tmp_path / "now.fits")
    assert_identical(tmp_path / "now.fits", frozen_format.path_of(f"kernel-{name}"))


def assert_same_sources(found, expected):
    for new, old in zip(found, expected, strict=True):
        np.testing.assert_array_equal(new.variance, old.variance)
        assert np.asarray(new.variance).dtype.newbyteorder("=") == np.asarray(old.variance).dtype
        assert (new.weight, new.mean_variance) == (old.weight, old.mean_variance)
        for one, other in zip(new.kernels, old.kernels, strict=True):
            assert_same(one, other)
        assert (new.covariance is None) == (old.covariance is None)
        if new.covariance is not None:
            np.testing.assert_array_equal(new.covariance.lags, old.covariance.lags)


def test_a_frozen_noise_model_is_read():
    found = read_noise_model(frozen_format.path_of("noise-model"))
    assert_same_sources(found, frozen_format.noise_sources())
    # Sources share kernels in the file, and once it is read.
    assert found[0].kernels[0] is found[1].kernels[0]


def test_a_noise_model_is_written_as_it_was(tmp_path):
    path = tmp_path / "now.fits"
    write_noise_model(frozen_format.noise_sources(), path)
    assert_identical(path, frozen_format.path_of("noise-model"))
    with pytest.raises(FileExistsError, match="exists"):
        write_noise_model(frozen_format.noise_sources(), path)


def test_what_a_noise_model_cannot_hold(tmp_path):
    path = tmp_path / "model.fits"
    with pytest.raises(ValueError, match=r"sources\[1\]\.mask must be None"):
        write_noise_model([NoiseSource(1.0), NoiseSource(1.0, mask=np.zeros((3, 3), bool))], path)
    with pytest.raises(TypeError, match="must be a SpatialKernel or a TabulatedKernel"):
        write_noise_model(
            [NoiseSource(1.0, kernels=[flipped(frozen_format.spatial_kernel())])], path
        )
    assert not path.exists()


@pytest.mark.parametrize(
    ("name", "extension", "read"),
    [("kernel-spatial", "KERNEL", read_kernel), ("noise-model", "SOURCES", read_noise_model)],
)
@pytest.mark.parametrize("version", [2, 0, "new"])
def test_newer_versions_are_refused(tmp_path, name, extension, read, version):
    path = tmp_path / "newer.fits"
    with fits.open(frozen_format.path_of(name)) as hdus:
        hdus[extension].header["WDFORMAT"] = version
        hdus.writeto(path)
    message = r"newer\.fits: WDFORMAT must be at most 1, the newest version .*: a newer whitediff"
    with pytest.raises(ValueError, match=message):
        read(path)


def test_a_file_without_a_version_is_of_the_first(tmp_path):
    with fits.open(frozen_format.path_of("kernel-spatial")) as hdus:
        del hdus["KERNEL"].header["WDFORMAT"]
        hdus.writeto(tmp_path / "older.fits")
    assert_same(read_kernel(tmp_path / "older.fits").kernel, frozen_format.spatial_kernel())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda hdus: hdus["REGIONS"].data["FACTOR"].fill(np.nan), "FACTOR of REGIONS must be"),
        (lambda hdus: hdus["FUNCTIONS"].data["REGION"].fill(1), "regions.fits: "),
        (lambda hdus: hdus.pop(("KERNEL", 2)), "incomplete: it has no"),
        (lambda hdus: hdus.pop("BACKGROUND"), ""),
    ],
)
def test_files_that_do_not_agree(tmp_path, change, message):
    path = tmp_path / "regions.fits"
    with fits.open(frozen_format.path_of("kernel-regions")) as hdus:
        change(hdus)
        hdus.writeto(path)
    if not message:
        assert read_kernel(path).background is None
        return
    with pytest.raises(ValueError, match=message):
        read_kernel(path)


def test_a_file_without_a_noise_model():
    with pytest.raises(ValueError, match="incomplete: it has no"):
        read_noise_model(frozen_format.path_of("kernel-spatial"))
