"""Compressed files give back what they promise."""

import gzip
from dataclasses import replace

import numpy as np
import pytest
from astropy.io import fits
from astropy.nddata import CCDData

from batch_files import write_manifest
from command_line import fail, options, run_command, succeed
from whitediff import read_exposure, read_kernel, write_exposure, write_kernel
from whitediff.cli.batch.row import whiten_row
from whitediff.cli.batch.row_job import RowJob
from whitediff.exposure import Exposure
from whitediff.io import packing
from whitediff.io.exposure_rows import open_exposure
from whitediff.kernel import TabulatedKernel
from whitediff.psf import CellPsf, KernelPsf

SHAPE = (301, 403)
SIGMA = 20.0


@pytest.fixture(scope="module")
def exposure():
    rng = np.random.default_rng(31)
    image = rng.normal(5, SIGMA, SHAPE).astype(np.float32)
    image[7, 9:30], image[50] = np.nan, np.nan
    variance = rng.uniform(390, 410, SHAPE).astype(np.float32)
    variance[3, 4] = np.nan
    mask = rng.integers(0, 2**31, SHAPE, dtype=np.int32)
    psf = KernelPsf(rng.normal(size=(7, 5)))
    return Exposure(image=image, mask=mask, variance=variance, psf=psf, xy0=(3, -4))


def assert_same(found, expected):
    for name in ("image", "mask", "variance"):
        old, new = getattr(expected, name).array, getattr(found, name).array
        assert new.dtype == old.dtype
        np.testing.assert_array_equal(new, old)
    assert found.mask.getMaskPlaneDict() == expected.mask.getMaskPlaneDict()
    name = "images" if isinstance(expected.psf, CellPsf) else "image"
    np.testing.assert_array_equal(getattr(found.psf, name), getattr(expected.psf, name))
    assert found.getXY0() == expected.getXY0()


@pytest.mark.parametrize("suffix", [".fits.fz", ".fits.gz", ".FITS.GZ"])
def test_everything_comes_back_to_the_last_bit(tmp_path, exposure, suffix):
    path = tmp_path / f"x{suffix}"
    write_exposure(exposure, path)
    assert_same(read_exposure(path), exposure)
    assert list(tmp_path.iterdir()) == [path]
    with fits.open(path) as hdus:
        hdus.verify("exception")
        assert [hdu.name for hdu in hdus] == ["PRIMARY", "IMAGE", "MASK", "UNCERT", "PSFIMAGE"]
        compressed = [isinstance(hdu, fits.CompImageHDU) for hdu in hdus[1:]]
    assert all(compressed) if path.suffix == ".fz" else not any(compressed)


def test_gzip_is_of_the_plain_file_and_has_no_date(tmp_path, exposure):
    for name in ("x.fits", "x.fits.gz", "y.fits.gz"):
        write_exposure(exposure, tmp_path / name)
    packed = (tmp_path / "x.fits.gz").read_bytes()
    assert gzip.decompress(packed) == (tmp_path / "x.fits").read_bytes()
    assert packed == (tmp_path / "y.fits.gz").read_bytes()


@pytest.mark.parametrize("q", [4, 16])
def test_a_loss_that_is_stated(tmp_path, exposure, q):
    path = tmp_path / "x.fits.fz"
    write_exposure(exposure, path, quantization=q)
    found = read_exposure(path)
    error = (found.image.array - exposure.image.array).astype(np.float64)
    assert np.array_equal(np.isnan(error), np.isnan(exposure.image.array))
    # The noise of a tile, one row, is told from 403 pixels, to 10 % or so; steps go with it.
    assert np.nanmax(np.abs(error)) < 1.5 * SIGMA / q / 2
    added = np.nanvar(error) / SIGMA**2
    # Of 120 000 rounding errors, and of noise told low or high on the average of rows.
    assert added == pytest.approx(packing.added_variance(q), rel=0.1)
    # Dithering leaves the mean: its error is that of the rounding over all pixels.
    n_pixels = np.count_nonzero(np.isfinite(error))
    assert abs(np.nanmean(error)) < 5 * np.sqrt(np.nanvar(error) / n_pixels)
    for name in ("mask", "variance"):
        np.testing.assert_array_equal(getattr(found, name).array, getattr(exposure, name).array)
    np.testing.assert_array_equal(found.psf.image, exposure.psf.image)


def test_a_coarser_image_is_smaller(tmp_path, exposure):
    sizes = []
    for n, q in enumerate((0, 64, 16, 4)):
        write_exposure(exposure, tmp_path / f"{n}.fits.fz", quantization=q)
        sizes.append((tmp_path / f"{n}.fits.fz").stat().st_size)
    assert sizes == sorted(sizes, reverse=True)


def test_bands_of_a_compressed_file(tmp_path, exposure):
    for name in ("x.fits.fz", "x.fits.gz"):
        write_exposure(exposure, tmp_path / name)
        with open_exposure(tmp_path / name) as rows:
            np.testing.assert_array_equal(rows.image[5:60:9], exposure.image.array[5:60:9])
            np.testing.assert_array_equal(rows.mask[40:60], exposure.mask.array[40:60])


def test_other_programs_open_it(tmp_path, exposure):
    exposure = Exposure(image=exposure.image.array, variance=exposure.variance.array)
    write_exposure(exposure, tmp_path / "x.fits.fz")
    ccd = CCDData.read(tmp_path / "x.fits.fz", hdu="IMAGE")
    np.testing.assert_array_equal(ccd.data, exposure.image.array)
    np.testing.assert_array_equal(ccd.uncertainty.array, exposure.variance.array)


@pytest.mark.parametrize("suffix", [".fz", ".gz"])
def test_kernels(tmp_path, suffix):
    rng = np.random.default_rng(2)
    kernel = TabulatedKernel([10.0, 30.0], [5.0, 25.0], rng.normal(size=(2, 2, 7, 5)))
    write_kernel(kernel, tmp_path / f"k.fits{suffix}")
    found = read_kernel(tmp_path / f"k.fits{suffix}").kernel
    np.testing.assert_array_equal(found.images, kernel.images)


@pytest.mark.parametrize("suffix", [".bz2", ".xz", ".Z", ".zip"])
def test_other_compressions_are_refused(tmp_path, exposure, suffix):
    with pytest.raises(ValueError, match=r"path must not end with \.bz2"):
        write_exposure(exposure, tmp_path / f"x.fits{suffix}")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("suffix", [".fz", ".gz"])
def test_what_was_there_stays_if_something_fails(tmp_path, exposure, suffix, monkeypatch):
    path = tmp_path / f"x.fits{suffix}"
    path.write_bytes(b"before")
    with pytest.raises(FileExistsError):
        write_exposure(exposure, path)

    def fail(*arguments, **keywords):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(packing, "_write_tiles", fail)
    monkeypatch.setattr(packing.shutil, "copyfileobj", fail)
    with pytest.raises(OSError, match="No space left"):
        write_exposure(exposure, path, overwrite=True)
    assert path.read_bytes() == b"before" and list(tmp_path.iterdir()) == [path]


@pytest.fixture(scope="module")
def simulated(tmp_path_factory):
    directory = tmp_path_factory.mktemp("inputs")
    assert run_command("simulate", directory, "--shape", 151, 170) == 0
    return directory


def test_the_command_compresses_what_it_writes(simulated, tmp_path, capsys):
    arguments = ["decorrelate", *options(simulated)]
    succeed(capsys, *arguments, "-o", tmp_path / "x.fits")
    plain = read_exposure(tmp_path / "x.fits")
    for name in ("x.fits.gz", "x.fits.fz"):
        printed = succeed(capsys, *arguments, "-o", tmp_path / name)
        assert "stored in steps" not in printed
        assert_same(read_exposure(tmp_path / name), plain)
    lossy = tmp_path / "lossy.fits.fz"
    printed = succeed(capsys, *arguments, "-o", lossy, "--compress", "q=16")
    told = "the image is stored in steps of its noise / 16, dithered: this adds 0.00033 of its"
    assert f"{told} variance" in printed.splitlines()
    header = fits.getheader(lossy)
    assert header["WDQUANT"] == 16 and told[1:] in "".join(header["HISTORY"])
    found = read_exposure(lossy)
    difference = found.image.array - plain.image.array
    # A step of noise / 16, and dithering by half of it at most, with noise told to 20 %.
    sigma = np.sqrt(np.nanmedian(plain.variance.array))
    assert 0 < np.nanmax(np.abs(difference)) < 1.2 * sigma / 16
    np.testing.assert_array_equal(found.variance.array, plain.variance.array)


def test_scores_are_read_back_before_they_are_compressed(simulated, tmp_path, capsys):
    arguments = ["decorrelate", *options(simulated), "--mode", "score"]
    catalogues = []
    for name in ("x.fits", "x.fits.fz"):
        succeed(capsys, *arguments, "-o", tmp_path / name)
        table = tmp_path / f"{name}.ecsv"
        succeed(capsys, "detect", tmp_path / name, "-o", table)
        catalogues.append([line for line in table.read_text().splitlines() if "x.fits" not in line])
    assert catalogues[0] == catalogues[1]


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("x.fits", "q=16", "--compress needs an output named .fits.fz"),
        ("x.fits.gz", "lossless", "--compress needs an output named .fits.fz"),
        ("x.fits.fz", "q=0.5", "expected lossless, or q=NUMBER of 1 or more, got 'q=0.5'"),
        ("x.fits.fz", "q=0", "expected lossless, or q=NUMBER of 1 or more, got 'q=0'"),
        ("x.fits.fz", "q=nan", "expected lossless, or q=NUMBER of 1 or more, got 'q=nan'"),
        ("x.fits.fz", "16", "expected lossless, or q=NUMBER of 1 or more, got '16'"),
        ("x.fits.fz", "q=many", "expected lossless, or q=NUMBER of 1 or more, got 'q=many'"),
        ("x.fits[1]", "q=16", "must be a whole file, got an extension"),
    ],
)
def test_settings_that_are_refused(simulated, tmp_path, capsys, name, value, message):
    output = tmp_path / name
    arguments = ["decorrelate", *options(simulated), "-o", output, "--compress", value]
    assert message in fail(capsys, *arguments)
    assert not list(tmp_path.iterdir())


def test_a_batch_of_extensions_and_compressed_files(simulated, tmp_path, capsys):
    """Rows name extensions, noise of another kind, a mask in a file of its own, and compression."""
    with fits.open(simulated / "science.fits") as hdus:
        planes = {name: hdus[name].data for name in ("IMAGE", "MASK", "UNCERT")}
    sigma = np.sqrt(planes["UNCERT"])
    chips = [fits.ImageHDU(planes["IMAGE"], name=name) for name in ("N1", "N2")]
    fits.HDUList([fits.PrimaryHDU(), *chips]).writeto(tmp_path / "chips.fits")
    fits.writeto(tmp_path / "sigma.fits", sigma)
    fits.writeto(tmp_path / "mask.fits", planes["MASK"] & 1)
    files = {name: simulated / f"{name}.fits" for name in ("template", "difference", "kernel")}
    row = {"science": "chips.fits[N2]", "science_sigma": "sigma.fits", "science_mask": "mask.fits"}
    row |= files | {"output": "white.fits.fz", "compress": "q=8"}
    manifest = write_manifest(tmp_path / "night.csv", [row])
    assert "1 of 1 rows done, 0 failed" in succeed(capsys, "batch", manifest)
    assert fits.getheader(tmp_path / "white.fits.fz")["WDQUANT"] == 8
    # The state of files is that of the files, whatever extension was asked for.
    assert "(1 of them before)" in succeed(capsys, "batch", manifest)
    arguments = [
        *options(simulated, science=f"{tmp_path}/chips.fits[N2]"),
        "-o",
        tmp_path / "x.fits",
    ]
    more = "--science-sigma", tmp_path / "sigma.fits", "--science-mask", tmp_path / "mask.fits"
    printed = succeed(capsys, "decorrelate", *arguments, *more)
    assert f"squared standard deviations from {tmp_path}/sigma.fits" in printed
    expected = read_exposure(tmp_path / "x.fits").variance.array
    found = read_exposure(tmp_path / "white.fits.fz").variance.array
    np.testing.assert_array_equal(found, expected)
    fail(capsys, "decorrelate", *arguments, *more, "--overwrite", "--science-weight", 3)


def test_what_an_attempt_left_compressed_is_known_for_its_own(simulated, tmp_path):
    """As after a power cut, when nobody has heard of the output that is there."""
    job = RowJob(
        **{name: simulated / f"{name}.fits" for name in ("science", "template", "difference")},
        kernel=simulated / "kernel.fits",
        output=tmp_path / "x.fits.gz",
        batch="a",
    )
    assert whiten_row(0, job).reason == "" == whiten_row(0, job).reason
    assert "--overwrite" in whiten_row(0, replace(job, batch="b")).reason
