"""From files to a file: the same as with arrays, without the whole of them in memory."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from astropy import units
from astropy.io import fits
from astropy.nddata import CCDData, StdDevUncertainty

import whitediff
from command_line import run_command, write_plain
from white_noise import gaussian
from whitediff import Exposure, read_exposure, read_kernel, write_exposure
from whitediff.exposure import IGNORED_MASK_PLANES
from whitediff.io.atomic import WriteError
from whitediff.io.point_sources import read_point_sources
from whitediff.options import WhitenOptions
from whitediff.psf import sampled_psf
from whitediff.subtraction import Job, whiten_files
from whitediff.subtraction.files import open_subtraction
from whitediff.subtraction.job import InputImage

# Several bands of rows.
SHAPE = (1210, 420)
NAMES = ("science", "template", "difference")


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    directory = tmp_path_factory.mktemp("inputs")
    assert run_command("simulate", directory, "--shape", *SHAPE, "--overwrite") == 0
    return directory


def job_of(directory, output, **changed):
    files = {name: directory / f"{name}.fits" for name in (*NAMES, "kernel")}
    return Job(**files, output=output, **changed)


def ignored(exposure, planes):
    known = exposure.mask.getMaskPlaneDict()
    bits = exposure.mask.getPlaneBitMask([name for name in planes if name in known])
    return (exposure.mask.array & bits) != 0


def assert_as_with_arrays(job, science_variance=None, template_variance=None):
    """Whiten files, and compare with `decorrelate` on the arrays that they hold."""
    result = whiten_files(job)
    science, template, difference = (read_exposure(getattr(job, name)) for name in NAMES)
    pixels = difference.image.array.copy()
    pixels[ignored(difference, ["NO_DATA"])] = np.nan
    planes = job.ignore_planes or IGNORED_MASK_PLANES
    options = job.options
    expected = whitediff.decorrelate(
        pixels,
        science.variance.array if science_variance is None else science_variance,
        template.variance.array if template_variance is None else template_variance,
        read_kernel(job.kernel),
        science_mask=ignored(science, planes),
        template_mask=ignored(template, planes),
        mask=ignored(difference, planes),
        psf=science.psf if job.preconvolved else difference.psf,
        xy0=tuple(difference.getXY0()),
        mode=options.mode,
        preconvolved=job.preconvolved,
        spatially_varying=options.spatially_varying,
        variance=options.variance,
    )
    with fits.open(job.output) as hdus:
        hdus.verify("exception")
    found = read_exposure(job.output)
    np.testing.assert_array_equal(found.image.array, expected.image)
    np.testing.assert_array_equal(found.variance.array, expected.variance)
    assert_mask_of(found, difference, expected)
    assert found.getXY0() == difference.getXY0()
    assert np.isfinite(found.image.array).any()
    if expected.psf is None:
        assert found.psf is None
    else:
        sampled = sampled_psf(expected, tuple(difference.getXY0()))
        images = found.psf.image[None] if len(sampled.images) == 1 else found.psf.images
        np.testing.assert_array_equal(images, sampled.images)
    if options.mode == "score":
        assert found.metadata["WDPRECON"] is job.preconvolved
        for plane, wanted in zip(
            read_point_sources(job.output), expected.point_sources, strict=True
        ):
            np.testing.assert_array_equal(plane, wanted)
    assert result.facts.cells == found.metadata["WDCELLS"] == len(expected.cells)
    assert result.facts.border == found.metadata["WDBORDER"] == expected.border
    return result


def assert_mask_of(found, difference, expected):
    """The mask of the difference, and the edge of filters."""
    planes = found.mask.getMaskPlaneDict()
    bit = planes.pop("FILTER_EDGE")
    assert planes == difference.mask.getMaskPlaneDict() and expected.filter_edge.any()
    np.testing.assert_array_equal(
        found.mask.array, difference.mask.array | (expected.filter_edge.astype(np.int32) << bit)
    )


@pytest.mark.parametrize(
    ("options", "preconvolved"),
    [
        (WhitenOptions(), False),
        (WhitenOptions(spatially_varying=False), False),
        (WhitenOptions(variance="full", n_threads=1), False),
        (WhitenOptions(mode="score"), False),
        (WhitenOptions(mode="score", variance="estimate"), True),
    ],
    ids=str,
)
def test_same_as_with_arrays(inputs, tmp_path, options, preconvolved):
    job = job_of(inputs, tmp_path / "white.fits", options=options, preconvolved=preconvolved)
    assert_as_with_arrays(job)


def test_named_planes(inputs, tmp_path):
    job = job_of(inputs, tmp_path / "white.fits", ignore_planes=["SAT", "BAD"])
    assert assert_as_with_arrays(job).planes == ["SAT", "BAD"]


def test_variances_as_number_and_file(inputs, tmp_path):
    plane = np.full(SHAPE, 90, np.int16)
    plain = write_plain(tmp_path / "v.fits", plane)
    job = job_of(inputs, tmp_path / "white.fits", science_variance=95.5, template_variance=plain)
    result = assert_as_with_arrays(job, 95.5, plane)
    assert result.noise == {"science": "as given", "template": f"from {plain}"}
    whole = replace(job, science_variance=95, overwrite=True)
    assert whiten_files(whole).facts.science_variance == 95
    assert result.facts.science_variance == 95.5 and result.facts.template_variance == 90


def compressed(path, exposure):
    image = fits.CompImageHDU(exposure.image.array, compression_type="RICE_1", quantize_level=64)
    fits.HDUList([fits.PrimaryHDU(), image]).writeto(path)


def unsigned(path, exposure):
    image = np.nan_to_num(exposure.image.array)
    write_plain(path, np.clip(image + 1000, 0, 60000).astype(np.uint16))


def scaled(path, exposure):
    hdu = fits.PrimaryHDU(np.nan_to_num(exposure.image.array.astype(np.float64)))
    hdu.scale("int16", bscale=0.5, bzero=100)
    hdu.writeto(path)


def ccddata(path, exposure):
    CCDData(
        exposure.image.array,
        mask=exposure.mask.array != 0,
        uncertainty=StdDevUncertainty(np.sqrt(exposure.variance.array))
        if exposure.variance is not None
        else None,
        unit=units.adu,
    ).write(path)


def with_invalid_pixels(path, exposure):
    image = exposure.image.array.copy()
    image[100:140, 50:80] = -1e30
    write_plain(path, image, MASKVAL=-1e30)


def origin_elsewhere(path, exposure):
    write_exposure(Exposure(image=exposure.image.array, mask=exposure.mask, xy0=(1000, -20)), path)


def narrow_mask(path, exposure):
    image = fits.PrimaryHDU(exposure.image.array)
    mask = fits.ImageHDU((exposure.mask.array != 0).astype(np.uint8), name="MASK")
    mask.header["MP_SAT"], mask.header["HIERARCH MP_NO_DATA"] = 0, 8
    fits.HDUList([image, mask]).writeto(path)


@pytest.mark.filterwarnings("ignore:.*uncertainty:astropy.utils.exceptions.AstropyUserWarning")
@pytest.mark.parametrize(
    "write",
    [compressed, unsigned, scaled, ccddata, with_invalid_pixels, origin_elsewhere, narrow_mask],
)
def test_all_kinds_of_files(inputs, tmp_path, write):
    for name in NAMES:
        write(tmp_path / f"{name}.fits", read_exposure(inputs / f"{name}.fits"))
    write_plain(tmp_path / "kernel.fits", gaussian(1.3, radius=6))
    given = {"science_variance": 100.0, "template_variance": 300.0}
    assert_as_with_arrays(job_of(tmp_path, tmp_path / "white.fits", **given), **given)


def test_difference_and_result_can_be_opened(inputs, tmp_path):
    for name in ("science", "template", "kernel"):
        (tmp_path / f"{name}.fits").symlink_to(inputs / f"{name}.fits")
    with_invalid_pixels(tmp_path / "difference.fits", read_exposure(inputs / "difference.fits"))
    with whiten_files(job_of(tmp_path, tmp_path / "white.fits")).open() as (before, after):
        missing = before.mask[:] == 1 << before.mask_planes["NO_DATA"]
        assert missing[100:140, 50:80].all() and np.isnan(before.image[:][missing]).all()
        np.testing.assert_array_equal(np.isnan(after.image[:]), np.isnan(before.image[:]))


def test_progress_is_told_and_may_cancel(inputs, tmp_path):
    job, told = job_of(inputs, tmp_path / "white.fits"), []

    def cancel(done, total):
        told.append((done, total))
        raise RuntimeError("enough")

    with pytest.raises(RuntimeError, match="enough"):
        whiten_files(job, cancel)
    with pytest.raises(RuntimeError, match="enough"):
        whiten_files(replace(job, options=WhitenOptions(progress=cancel)))
    assert len(told) == 2 and not list(tmp_path.iterdir())


def test_a_failure_leaves_no_file(inputs, tmp_path):
    variance = np.full(SHAPE, 5.0, np.float32)
    bad = write_plain(tmp_path / "v.fits", variance[1:])
    with pytest.raises(ValueError, match="template_variance must have shape"):
        whiten_files(job_of(inputs, tmp_path / "white.fits", template_variance=bad))
    assert sorted(tmp_path.iterdir()) == [bad]


@pytest.mark.parametrize(
    ("bits", "message"),
    [
        (np.zeros(SHAPE, np.float32), "science.fits: mask must hold .* integers, got float32"),
        (np.zeros((9, 9), np.uint8), "science_mask must have shape"),
    ],
)
def test_masks_that_are_none(inputs, tmp_path, bits, message):
    image = fits.PrimaryHDU(read_exposure(inputs / "science.fits").image.array)
    mask = fits.ImageHDU(bits, name="MASK")
    mask.header["MP_BAD"] = 0
    science = tmp_path / "science.fits"
    fits.HDUList([image, mask]).writeto(science)
    job = replace(job_of(inputs, tmp_path / "white.fits"), science=science, science_variance=90.0)
    with pytest.raises((TypeError, ValueError), match=message):
        whiten_files(job)
    assert list(tmp_path.iterdir()) == [science]


def test_more_bits_than_a_mask_has(inputs, tmp_path):
    bits = np.zeros(SHAPE, np.int64)
    bits[-1, -1] = 1 << 40
    image = fits.PrimaryHDU(read_exposure(inputs / "difference.fits").image.array)
    difference = tmp_path / "difference.fits"
    fits.HDUList([image, fits.ImageHDU(bits, name="MASK")]).writeto(difference)
    with fits.open(difference, mode="update") as hdus:
        hdus["MASK"].header["MP_BAD"] = 0
    job = replace(job_of(inputs, tmp_path / "white.fits"), difference=difference)
    with pytest.raises(ValueError, match=r"mask must have values from 0 to 2\^31 - 1"):
        whiten_files(job)
    assert list(tmp_path.iterdir()) == [difference]


def test_existing_output_is_kept(inputs, tmp_path):
    job = job_of(inputs, tmp_path / "white.fits")
    job.output.write_bytes(b"precious")
    with pytest.raises(WriteError, match="exists"):
        whiten_files(job)
    assert job.output.read_bytes() == b"precious"
    whiten_files(replace(job, overwrite=True))
    assert read_exposure(job.output).image.array.shape == SHAPE


def test_a_full_disk_is_no_fault_of_the_input(inputs, tmp_path, monkeypatch):
    from whitediff.io.exposure_writer import ExposureWriter

    def full(self, y0, *planes):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(ExposureWriter, "write_rows", full)
    with pytest.raises(WriteError, match="cannot write .*white.fits: No space left on device"):
        whiten_files(job_of(inputs, tmp_path / "white.fits"))
    assert not list(tmp_path.iterdir())


# The peak of memory in MiB, beyond what imports and a small frame take.
PEAK = """
import resource, sys
from pathlib import Path
from whitediff.subtraction import Job, whiten_files

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

names = ("science", "template", "difference", "kernel")
peaks = []
for directory in map(Path, sys.argv[1:]):
    files = {name: directory / f"{name}.fits" for name in names}
    whiten_files(Job(**files, output=directory / "white.fits", overwrite=True))
    peaks.append(peak())
print(peaks[1] - peaks[0])
"""


def test_memory_is_that_of_bands(tmp_path, rng):
    directories = tmp_path / "small", tmp_path / "large"
    for directory, shape in zip(directories, ((1500, 1000), (12000, 1000)), strict=True):
        directory.mkdir()
        for name in NAMES:
            write_plain(
                directory / f"{name}.fits", rng.standard_normal(shape, np.float32).astype(">f4")
            )
        write_plain(directory / "kernel.fits", gaussian(1.3, radius=6))
    run = subprocess.run(
        [sys.executable, "-c", PEAK, *directories], check=True, capture_output=True, text=True
    )
    # Of the planes of the large frame, six of which are read and written, one has 46 MiB.
    assert float(run.stdout) < 46


def test_one_file_may_have_several_masks(inputs, tmp_path):
    masks = []
    for n, size in enumerate((3, 7)):
        bits = np.zeros(SHAPE, np.uint8)
        bits[:size, :size] = 1
        masks.append(tmp_path / f"mask{n}.fits")
        fits.PrimaryHDU(bits).writeto(masks[-1])
    image = inputs / "science.fits"
    combined = [InputImage(file=image, mask=mask, variance=1.0) for mask in masks]
    job = Job(difference=image, output=tmp_path / "o.fits", combined=combined)
    with open_subtraction(job) as subtraction:
        marked = [(image.mask[:] != 0).sum() for image in subtraction.images.values()]
    assert marked == [9, 49]
