"""Exposures in FITS files: our own form, that of others, and damaged ones."""

import gzip
import logging

import numpy as np
import pytest
from astropy import units
from astropy.io import fits
from astropy.nddata import CCDData, StdDevUncertainty, VarianceUncertainty
from astropy.wcs import WCS

from whitediff.exposure import DEFAULT_MASK_PLANES, Exposure
from whitediff.geometry import Box2I, Extent2I, Point2D, Point2I
from whitediff.io import read_exposure, write_exposure
from whitediff.io.exposure_rows import open_exposure
from whitediff.psf import CellPsf, KernelPsf

SHAPE = (23, 17)


@pytest.fixture(autouse=True)
def quiet_astropy():
    """CCDData tells in the log which extension it took."""
    log = logging.getLogger("astropy")
    level = log.level
    log.setLevel("WARNING")
    yield
    log.setLevel(level)


def make_exposure(dtype=np.float32, **kwargs):
    rng = np.random.default_rng(5)
    image = rng.normal(size=SHAPE).astype(dtype)
    image[3, 4], image[5, 6], image[7, 8] = np.nan, np.inf, -0.0
    variance = rng.uniform(1, 2, SHAPE).astype(dtype)
    variance[0, 0] = np.nan
    mask = rng.integers(0, 2**31, SHAPE, dtype=np.int32)
    return Exposure(image=image, mask=mask, variance=variance, **kwargs)


def make_wcs():
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = "RA---TAN", "DEC--TAN"
    wcs.wcs.cunit = "deg", "deg"
    wcs.wcs.crval = 151.3192661, 1.6150445
    wcs.wcs.crpix = 1005.25, -17.5
    wcs.wcs.cd = [[1.5e-7, -4.6e-5], [-4.7e-5, 1.1e-7]]
    return wcs


@pytest.fixture
def path(tmp_path):
    return tmp_path / "exposure.fits"


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_planes_come_back_bit_for_bit(path, dtype):
    exposure = make_exposure(dtype)
    exposure.mask.addMaskPlane("INVALID_MAPREDUCE")
    write_exposure(exposure, path)
    read = read_exposure(path)
    for name in ("image", "mask", "variance"):
        old, new = getattr(exposure, name).array, getattr(read, name).array
        assert new.dtype == old.dtype and new.dtype.isnative and new.flags.writeable
        assert new.tobytes() == old.tobytes()
    assert read.mask.getMaskPlaneDict() == exposure.mask.getMaskPlaneDict()


def test_writing_changes_nothing(path):
    exposure = make_exposure(xy0=(3, -4), wcs=make_wcs(), metadata={"BUNIT": "nJy", "NAXIS": 2})
    before = exposure.clone()
    write_exposure(exposure, path)
    for name in ("image", "mask", "variance"):
        old, new = getattr(before, name).array, getattr(exposure, name).array
        assert new.tobytes() == old.tobytes()
    assert exposure.metadata.tostring() == before.metadata.tostring()
    for name in ("crpix", "crval", "cd"):
        assert np.array_equal(getattr(exposure.wcs.wcs, name), getattr(make_wcs().wcs, name))


def test_a_part_of_an_exposure_is_written(path):
    exposure = make_exposure(xy0=(10, 20))
    part = exposure[Box2I(Point2I(12, 23), Extent2I(9, 5))]
    write_exposure(part, path)
    read = read_exposure(path)
    assert read.getBBox() == part.getBBox()
    assert read.image.array.tobytes() == part.image.array.tobytes()


def test_origin_and_wcs_come_back(path):
    exposure = make_exposure(xy0=(1000, -30), wcs=make_wcs())
    write_exposure(exposure, path)
    read = read_exposure(path)
    assert read.getXY0() == Point2I(1000, -30)
    x, y = np.array([1000.0, 1010.0]), np.array([-30.0, -10.0])
    # Headers hold some 14 digits: 1e-11 degrees are a hundredth of a microarcsecond.
    np.testing.assert_allclose(
        read.wcs.pixel_to_world_values(x, y), make_wcs().pixel_to_world_values(x, y), atol=1e-11
    )


def test_other_programs_see_the_wcs_of_the_array(path):
    write_exposure(make_exposure(xy0=(1000, -30), wcs=make_wcs()), path)
    for extension in ("IMAGE", "MASK", "UNCERT"):
        header = fits.getheader(path, extension)
        here = WCS(header).pixel_to_world_values(4, 6)
        np.testing.assert_allclose(here, make_wcs().pixel_to_world_values(1004, -24), atol=1e-11)
        # The physical coordinates of IRAF and ds9, which count from one.
        assert (1 - header["LTV1"], 1 - header["LTV2"]) == (1001, -29)


def test_metadata_come_back(path):
    metadata = fits.Header()
    metadata["OBJECT"] = ("M 31", "target")
    metadata["HIERARCH ESO DET GAIN"] = 1.5
    metadata["LONG"] = "a long string " * 12
    metadata["BUNIT"] = "nJy"
    metadata["VISIT_ID"] = 12
    metadata.add_history("first")
    metadata.add_history("second")
    write_exposure(make_exposure(metadata=metadata, wcs=make_wcs()), path)
    read = read_exposure(path).metadata
    assert {k: read[k] for k in metadata if k != "HISTORY"} == {
        k: metadata[k] for k in metadata if k != "HISTORY"
    }
    assert list(read["HISTORY"]) == ["first", "second"]
    assert read.comments["OBJECT"] == "target"
    assert set(read) == set(metadata)


def test_keywords_of_another_file_are_not_written(path):
    header = fits.Header({"CHECKSUM": "stale", "DATASUM": "12", "EXTNAME": "SCI", "OBJECT": "M 31"})
    write_exposure(make_exposure(metadata=header), path)
    with fits.open(path) as hdus:
        assert not {"CHECKSUM", "DATASUM", "EXTNAME"} & set(hdus[0].header)
        assert hdus[0].header["OBJECT"] == "M 31"


def test_absent_planes_stay_absent(path):
    write_exposure(Exposure(image=np.ones(SHAPE)), path)
    read = read_exposure(path)
    assert read.variance is None and read.psf is None and read.wcs is None
    assert not read.mask.array.any()


def test_one_psf_comes_back(path):
    image = np.random.default_rng(3).normal(size=(7, 9))
    write_exposure(make_exposure(psf=KernelPsf(image, Point2D(4.25, 9.5))), path)
    psf = read_exposure(path).psf
    assert isinstance(psf, KernelPsf)
    assert np.array_equal(psf.image, image) and psf.getAveragePosition() == Point2D(4.25, 9.5)


def test_psfs_of_cells_come_back(path):
    rng = np.random.default_rng(3)
    boxes = [(0, 0, 9, 23), (9, 0, 17, 23)]
    psf = CellPsf(rng.normal(size=(2, 5, 7)), boxes, [(4.5, 11.0), (12.0, 11.5)])
    write_exposure(make_exposure(psf=psf), path)
    read = read_exposure(path).psf
    assert isinstance(read, CellPsf)
    for name in ("images", "boxes", "positions"):
        assert np.array_equal(getattr(read, name), getattr(psf, name))


def test_a_psf_that_cannot_be_written(path):
    class Other:
        computeKernelImage = None

    with pytest.raises(TypeError, match="must be a KernelPsf or a CellPsf, got Other"):
        write_exposure(make_exposure(psf=Other()), path)
    assert not path.exists()


def test_file_conforms_to_fits_and_begins_with_the_image(path):
    psf = CellPsf(np.ones((1, 3, 5)), [(0, 0, 17, 23)])
    write_exposure(make_exposure(psf=psf, wcs=make_wcs()), path)
    with fits.open(path, checksum=True) as hdus:
        hdus.verify("exception")
        names = [hdu.name for hdu in hdus]
        assert names == ["PRIMARY", "IMAGE", "MASK", "UNCERT", "PSFIMAGE", "PSFCELLS"]
        assert hdus[0].data is None
        assert [hdu.header["EXTTYPE"] for hdu in hdus[1:4]] == ["IMAGE", "MASK", "VARIANCE"]
        assert hdus["MASK"].header["MP_DETECTED_NEGATIVE"] == 6
    assert fits.getdata(path).shape == SHAPE


@pytest.mark.parametrize("unit", ["nJy", "electron / s", None])
def test_ccddata_opens_the_file(path, unit):
    metadata = {} if unit is None else {"BUNIT": unit}
    exposure = make_exposure(psf=KernelPsf(np.ones((3, 5))), wcs=make_wcs(), metadata=metadata)
    write_exposure(exposure, path)
    ccd = CCDData.read(path)
    np.testing.assert_array_equal(ccd.data, exposure.image.array)
    np.testing.assert_array_equal(ccd.mask, exposure.mask.array != 0)
    assert isinstance(ccd.uncertainty, VarianceUncertainty)
    np.testing.assert_array_equal(ccd.uncertainty.array, exposure.variance.array)
    assert ccd.psf.shape == (3, 5) and ccd.wcs.has_celestial
    assert ccd.unit == units.Unit(unit or "adu")


@pytest.mark.parametrize("uncertainty", [VarianceUncertainty, StdDevUncertainty])
def test_files_of_ccddata_are_read(path, uncertainty):
    rng = np.random.default_rng(2)
    values, mask = rng.uniform(1, 2, SHAPE), rng.random(SHAPE) < 0.1
    ccd = CCDData(rng.normal(size=SHAPE), unit="adu", mask=mask, uncertainty=uncertainty(values))
    ccd.write(path)
    read = read_exposure(path)
    np.testing.assert_array_equal(read.image.array, ccd.data)
    np.testing.assert_array_equal(read.mask.array, mask * (1 << DEFAULT_MASK_PLANES["NO_DATA"]))
    expected = values if uncertainty is VarianceUncertainty else values**2
    np.testing.assert_array_equal(read.variance.array, expected)
    assert read.metadata["BUNIT"] == "adu"


@pytest.mark.parametrize("dtype", ["u1", "i2", "i4", "f4", "f8", "u2"])
def test_plain_images_are_read(path, dtype):
    values = (np.arange(391).reshape(SHAPE) % 256).astype(dtype)
    fits.writeto(path, values, fits.Header({"LTV1": -3.5, "EXPTIME": 30.0}))
    read = read_exposure(path)
    assert read.image.dtype in (np.float32, np.float64) and read.image.dtype.isnative
    np.testing.assert_array_equal(read.image.array, values)
    assert read.variance is None and read.getXY0() == Point2I(0, 0)
    assert dict(read.metadata) == {"LTV1": -3.5, "EXPTIME": 30.0}


def test_the_first_image_is_taken(path):
    values = np.ones(SHAPE)
    cube, table = fits.ImageHDU(np.zeros((2, 3, 4))), fits.BinTableHDU.from_columns([])
    fits.HDUList([fits.PrimaryHDU(), cube, table, fits.ImageHDU(values)]).writeto(path)
    np.testing.assert_array_equal(read_exposure(path).image.array, values)


@pytest.mark.parametrize("suffix", [".gz", ".fz"])
def test_compressed_images_are_read(tmp_path, suffix):
    values = np.arange(391, dtype=np.int16).reshape(SHAPE)
    path = tmp_path / f"image.fits{suffix}"
    if suffix == ".fz":
        fits.HDUList([fits.PrimaryHDU(), fits.CompImageHDU(values)]).writeto(path)
    else:
        fits.writeto(path, values)
    np.testing.assert_array_equal(read_exposure(path).image.array, values)


def test_invalid_pixels_of_hotpants_have_no_data(path):
    values = np.ones(SHAPE, np.float32)
    values[2, 3:5] = 1e-30
    fits.writeto(path, values, fits.Header({"MASKVAL": 1e-30}))
    mask = read_exposure(path).mask
    np.testing.assert_array_equal(mask.array != 0, values < 0.5)
    assert mask.array[2, 3] == mask.getPlaneBitMask("NO_DATA")


# Integers as they are stored, those of unsigned types less an offset; BITPIX 8 has no sign.
INTEGERS = {"u1": 0, "i2": 0, "u2": 2**15, "i4": 0, "u4": 2**31, "i8": 0}


def write_blank(path, values, blank, *, compressed=False, variance=False):
    """An image of integers, in which one value stands for none."""
    hdu = fits.CompImageHDU(values) if compressed else fits.ImageHDU(values)
    hdu.header["BLANK"] = blank - INTEGERS[values.dtype.str[1:]]
    hdus = [fits.PrimaryHDU(), hdu]
    if variance:
        hdu.header["EXTNAME"] = "VARIANCE"
        hdus.insert(1, fits.ImageHDU(np.zeros(SHAPE)))
    fits.HDUList(hdus).writeto(path)


@pytest.mark.parametrize("variance", [False, True])
@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("blank", [0, 101])
@pytest.mark.parametrize("dtype", INTEGERS)
def test_blank_pixels_are_nan(path, dtype, blank, compressed, variance):
    if compressed and dtype == "i8":
        pytest.skip("compression is not defined for it")
    values = (1 + np.arange(391).reshape(SHAPE) % 100).astype(dtype)
    # Not in the first rows, of which the type of pixels is told.
    expected = np.where((values == 7) & (np.arange(SHAPE[0]) > 6)[:, None], np.nan, values)
    values[np.isnan(expected)] = blank
    write_blank(path, values, blank, compressed=compressed, variance=variance)
    read = read_exposure(path)
    plane = (read.variance if variance else read.image).array
    assert plane.dtype == (np.float64 if dtype in ("i4", "u4", "i8") else np.float32)
    assert np.isnan(expected).sum() == 2
    np.testing.assert_array_equal(plane, expected)
    # In bands, with steps, as in memory.
    with open_exposure(path) as exposure:
        rows = exposure.variance if variance else exposure.image
        np.testing.assert_array_equal(rows[7:20:3, 2:9], expected[7:20:3, 2:9])


def test_blank_pixels_of_scaled_integers_are_nan(path):
    hdu = fits.PrimaryHDU(np.arange(391, dtype=np.float64).reshape(SHAPE))
    hdu.scale("int16", bscale=0.5, bzero=100)
    hdu.header["BLANK"] = -150  # 100 - 150 / 2 = 25
    hdu.writeto(path)
    image = read_exposure(path).image.array
    assert np.isnan(image[1, 8]) and np.isnan(image).sum() == 1
    assert image[1, 9] == 26


@pytest.mark.parametrize(
    ("values", "invalid"),
    [
        # What programs that compute in single precision write in double precision.
        (np.float64(np.float32(1e-30)), 1e-30),
        (np.float64(1e-30), 1e-30),
        (np.float32(-9999.1), -9999.1),
        (np.float64(np.float32(-9999.1)), -9999.1),
        # Rounded to integers.
        (np.int16(-9999), -9999.1),
        (np.uint16(40000), 40000.0),
        (np.int32(-(2**30)), -(2.0**30)),
        (np.int16(0), 1e-30),
    ],
)
@pytest.mark.parametrize("compressed", [False, True])
def test_invalid_pixels_are_told_after_rounding(path, values, invalid, compressed):
    if compressed and values.dtype.kind == "f":
        pytest.skip("compression changes it")
    pixels = np.full(SHAPE, 77, values.dtype)
    pixels[2:9, 3:5] = values
    header = fits.Header({"MASKVAL": invalid})
    if compressed:
        image = fits.CompImageHDU(pixels, header)
        fits.HDUList([fits.PrimaryHDU(), image]).writeto(path)
    else:
        fits.writeto(path, pixels, header)
    mask = read_exposure(path).mask
    expected = np.where(pixels == values, mask.getPlaneBitMask("NO_DATA"), 0)
    np.testing.assert_array_equal(mask.array, expected)


def test_invalid_pixels_of_scaled_integers(path):
    pixels = np.arange(391, dtype=np.float64).reshape(SHAPE)
    pixels[4] = -9999.1
    hdu = fits.PrimaryHDU(pixels.copy())
    hdu.scale("int16", bscale=0.7, bzero=100.3)
    hdu.header["MASKVAL"] = -9999.1
    hdu.writeto(path)
    # 0.7 apart: the nearest to the value is that of pixels that had it, and of no other.
    np.testing.assert_array_equal(read_exposure(path).mask.array != 0, pixels < 0)


@pytest.mark.parametrize("invalid", ["none", True])
def test_an_invalid_value_that_is_none(path, invalid):
    fits.writeto(path, np.ones(SHAPE), fits.Header({"MASKVAL": invalid}))
    with pytest.raises(ValueError, match=r"exposure\.fits: MASKVAL must be a number, got"):
        read_exposure(path)


@pytest.mark.parametrize("dtype", ["u1", "i2", "i4", "u2", "f4"])
def test_masks_without_names_tell_what_has_no_value(path, dtype):
    bits = np.zeros(SHAPE, dtype)
    bits[3:6, 2:9] = 1
    bits[10, 10] = 2
    mask = fits.ImageHDU(bits, name="MASK")
    fits.HDUList([fits.PrimaryHDU(np.ones(SHAPE, np.float32)), mask]).writeto(path)
    read = read_exposure(path).mask
    np.testing.assert_array_equal(read.array, np.where(bits, read.getPlaneBitMask("NO_DATA"), 0))


def test_a_wcs_that_cannot_be_used_stays_in_the_metadata(path):
    header = fits.Header({"CTYPE1": "RA---TAN", "CTYPE2": "DEC--SIN", "CRVAL1": 4.0})
    fits.writeto(path, np.ones(SHAPE), header)
    read = read_exposure(path)
    assert read.wcs is None and read.metadata["CTYPE2"] == "DEC--SIN"


def test_afw_exposure(data_path):
    """A real HSC exposure, with the answers as its headers and a first look at its pixels tell."""
    path = data_path("rubin/hsc_exposure_afw.fits")
    read = read_exposure(path)
    assert read.getBBox() == Box2I(Point2I(100, 100), Extent2I(200, 200))
    with fits.open(path) as hdus:
        for hdu, plane in zip(hdus[1:4], (read.image, read.mask, read.variance), strict=True):
            np.testing.assert_array_equal(plane.array, hdu.data)
        crval, crpix, cd = (hdus[5].data[0][name] for name in ("crval", "crpix", "cd"))
    assert read.image.dtype == read.variance.dtype == np.float32
    assert read.mask.getMaskPlaneDict() == {
        "BAD": 0, "SAT": 1, "INTRP": 2, "CR": 3, "EDGE": 4, "DETECTED": 5, "DETECTED_NEGATIVE": 6,
        "SUSPECT": 7, "CROSSTALK": 8, "NO_DATA": 9, "UNMASKEDNAN": 10,
    }  # fmt: skip
    # The archive holds the same WCS in parent coordinates, counted from 0.
    np.testing.assert_allclose(read.wcs.wcs.crpix - 1, crpix, atol=1e-9)
    np.testing.assert_array_equal(read.wcs.wcs.crval, crval)
    np.testing.assert_array_equal(read.wcs.wcs.cd.T.ravel(), cd)
    assert read.wcs.sip is not None
    assert read.psf is None
    assert read.metadata["FLUXMAG0ERR"] == 0.0 and "AR_HDU" not in read.metadata


def test_afw_exposure_survives_our_own_form(data_path, path):
    old = read_exposure(data_path("rubin/hsc_exposure_afw.fits"))
    write_exposure(old, path)
    new = read_exposure(path)
    assert new.image.array.tobytes() == old.image.array.tobytes()
    assert new.mask.getMaskPlaneDict() == old.mask.getMaskPlaneDict()
    x, y = np.meshgrid([100.0, 200.0, 299.0], [100.0, 200.0, 299.0])
    # A pixel is 5e-5 degrees: this is a fraction of 1e-5 of it.
    np.testing.assert_allclose(
        new.wcs.all_pix2world(x, y, 0), old.wcs.all_pix2world(x, y, 0), atol=1e-11
    )


def test_a_missing_file(path):
    with pytest.raises(FileNotFoundError, match=r"exposure\.fits"):
        read_exposure(path)


@pytest.mark.parametrize("content", [b"", b"plain text\n", b"SIMPLE", bytes(2880)])
def test_a_file_that_is_not_fits(path, content):
    path.write_bytes(content)
    with pytest.raises(OSError, match=r"exposure\.fits is not a FITS file"):
        read_exposure(path)


def test_a_truncated_file(path):
    """Cut anywhere but between two HDUs, where what is left is a complete file."""
    write_exposure(make_exposure(psf=KernelPsf(np.ones((3, 5)))), path)
    whole = path.read_bytes()
    with fits.open(path) as hdus:
        ends = {hdu.fileinfo()["datLoc"] + hdu.fileinfo()["datSpan"] for hdu in hdus}
    for length in range(1440, len(whole), 1440):
        path.write_bytes(whole[:length])
        if length in ends:
            continue
        with pytest.raises(OSError, match=r"exposure\.fits is (truncated|not a FITS file)"):
            read_exposure(path)


def test_a_truncated_compressed_file(tmp_path):
    path = tmp_path / "image.fits.gz"
    fits.writeto(path, np.random.default_rng(0).normal(size=SHAPE))
    path.write_bytes(path.read_bytes()[:-500])
    with pytest.raises(OSError, match=r"image\.fits\.gz is (truncated|not a FITS file)"):
        read_exposure(path)


def test_a_file_without_an_image(path):
    fits.HDUList([fits.PrimaryHDU(), fits.ImageHDU(np.zeros((2, 3, 4)))]).writeto(path)
    with pytest.raises(ValueError, match=r"exposure\.fits: .*two-dimensional image"):
        read_exposure(path)


def test_planes_that_do_not_fit_the_image(path):
    mask = fits.ImageHDU(np.zeros(SHAPE[::-1], np.int32), name="MASK")
    fits.HDUList([fits.PrimaryHDU(np.ones(SHAPE)), mask]).writeto(path)
    with pytest.raises(ValueError, match=r"exposure\.fits: mask must have shape \(23, 17\)"):
        read_exposure(path)


def test_an_uncertainty_of_unknown_kind(path):
    uncertainty = fits.ImageHDU(np.ones(SHAPE), fits.Header({"UTYPE": "Odd"}), name="UNCERT")
    fits.HDUList([fits.PrimaryHDU(np.ones(SHAPE)), uncertainty]).writeto(path)
    with pytest.raises(ValueError, match=r"UTYPE must be one of .*VarianceUncertainty.* got Odd"):
        read_exposure(path)


def test_gzip_is_told_by_content(tmp_path):
    path = tmp_path / "image.fits"
    fits.writeto(path, np.ones(SHAPE))
    path.write_bytes(gzip.compress(path.read_bytes()))
    assert (read_exposure(path).image.array == 1).all()
