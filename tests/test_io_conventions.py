"""What comes of the files of each observatory: image, variance, mask, and what is said of them."""

import re
from pathlib import Path

import numpy as np
import pytest
from astropy import units
from astropy.io import fits
from astropy.nddata import CCDData, InverseVariance

from conventions import (
    HOLED,
    IMAGE,
    SHAPE,
    SIGMA,
    VARIANCE,
    WEIGHT,
    flags,
    hdu,
    write,
    write_primary,
)
from roman import half, write_mosaic, write_roman
from whitediff.io import read_exposure
from whitediff.io.exposure_rows import open_exposure, open_noise
from whitediff.io.rows import is_asinh

NO_VARIANCE = HOLED == 0


def jwst(path):
    """A calibrated exposure (cal): the variance of ERR is the sum of the three others."""
    return write(
        path,
        hdu(IMAGE, "SCI", BUNIT="MJy/sr"),
        hdu(SIGMA, "ERR", BUNIT="MJy/sr"),
        hdu(flags(0, 1, 2, 4, 31, dtype=np.uint32), "DQ"),
        hdu(SIGMA, "AREA"),
        *(hdu(VARIANCE / 3, f"VAR_{term}") for term in ("POISSON", "RNOISE", "FLAT")),
        TELESCOP="JWST",
    )


def jwst_terms(path):
    """A mosaic (i2d) of which ERR was dropped; CON is a cube."""
    return write(
        path,
        hdu(IMAGE, "SCI", BUNIT="MJy/sr"),
        hdu(np.ones((2, *SHAPE), np.int32), "CON"),
        hdu(WEIGHT, "WHT"),
        *(hdu(VARIANCE / 4, f"VAR_{term}") for term in ("POISSON", "RNOISE")),
        hdu(VARIANCE / 2, "VAR_FLAT"),
        TELESCOP="JWST",
    )


def hst_chip(path):
    """An exposure (flt) of two chips, of which one is asked for."""
    chips = [
        hdu(values, name, version, **keywords)
        for version, factor in ((1, 5), (2, 1))
        for values, name, keywords in (
            (IMAGE * factor, "SCI", {"BUNIT": "ELECTRONS"}),
            (SIGMA * factor, "ERR", {"BUNIT": "ELECTRONS"}),
            (flags(0, 8, 6, 13, 4, dtype=np.int16), "DQ", {}),
        )
    ]
    return f"{write(path, *chips, TELESCOP='HST')}[SCI,2]"


def hst_drizzled(path):
    """A drizzled image: WHT counts seconds or inverse variances, CTX names exposures."""
    planes = hdu(IMAGE, "SCI"), hdu(WEIGHT, "WHT"), hdu(np.ones(SHAPE, np.int32), "CTX")
    return write(path, *planes, TELESCOP="HST")


def roman(path):
    """A simulated exposure in FITS."""
    planes = hdu(IMAGE, "SCI"), hdu(SIGMA, "ERR"), hdu(flags(*ROMAN, dtype=np.uint32), "DQ")
    return write(path, *planes, TELESCOP="ROMAN")


# DO_NOT_USE, SATURATED, GW_AFFECTED_DATA, OUTLIER, WARM.
ROMAN = (0, 1, 4, 7, 12)


def roman_asdf(path):
    """An exposure in the mission's own format."""
    pytest.importorskip("asdf")
    mask = flags(*ROMAN, dtype=np.uint32)
    return write_roman(path, compression="zlib", data=IMAGE, err=half(SIGMA), dq=mask)


def roman_mosaic(path):
    """A mosaic in the same format."""
    pytest.importorskip("asdf")
    return write_mosaic(path, IMAGE, SIGMA, compression="zlib")


def unknown_flags(path):
    """A mask whose bits nobody knows."""
    return write(path, hdu(IMAGE, "SCI"), hdu(SIGMA, "ERR"), hdu(flags(3, 7), "DQ"))


def afw(path):
    """An exposure of lsst.afw, whose extensions have no names."""
    mask = hdu(flags(0, 1, 5), EXTTYPE="MASK", MP_BAD=0, MP_SAT=1)
    mask.header["HIERARCH MP_DETECTED"] = 5
    return write(path, hdu(IMAGE, EXTTYPE="IMAGE"), mask, hdu(VARIANCE, EXTTYPE="VARIANCE"))


def des(path):
    """A reduced CCD of the Dark Energy Survey."""
    return write(
        path,
        hdu(IMAGE, "SCI", DES_EXT="IMAGE", BUNIT="electrons"),
        hdu(flags(0, 1, 4, 5, 9, dtype=np.int16), "MSK", DES_EXT="MASK"),
        hdu(HOLED, "WGT", DES_EXT="WEIGHT"),
    )


def muse(path):
    """An image of MUSE, with the units and flags of its pipeline."""
    unit = "10**(-20)*erg/s/cm**2/Angstrom"
    planes = (IMAGE, "DATA", unit), (flags(4, 31, dtype=np.uint32), "DQ", ""), (
        VARIANCE, "STAT", f"({unit})**2",
    )  # fmt: skip
    return write(path, *(hdu(values, name, BUNIT=of) for values, name, of in planes))


def spire(path):
    """A map of SPIRE, with the time that was spent on each pixel."""
    names = (IMAGE, "image"), (SIGMA, "error")
    planes = [hdu(*one, BUNIT="Jy/beam") for one in names]
    return write(path, *planes, hdu(SIGMA, "coverage"))


def pacs(path):
    """A map of PACS: stDev is the scatter of what fell into a pixel, and not its error."""
    return write(path, *(hdu(IMAGE, name) for name in ("image", "coverage", "stDev")))


def euclid(path):
    """A quadrant of VIS among others."""
    planes = [
        hdu(values, f"CCDID {ccd}.{kind}")
        for ccd, factor in (("1-1", 1), ("1-2", 3))
        for kind, values in (("SCI", IMAGE * factor), ("RMS", SIGMA * factor))
    ]
    return f"{write(path, *planes)}[CCDID 1-1.SCI]"


def manga(path):
    """Names that surveys at Apache Point use."""
    return write(path, hdu(IMAGE, "IMAGE"), hdu(HOLED, "IVAR"), hdu(flags(2), "MASK"))


def ccddata(path):
    """CCDData of astropy, with the inverse variance."""
    mask = flags(0) != 0
    ccd = CCDData(IMAGE, unit="adu", mask=mask, uncertainty=InverseVariance(WEIGHT))
    ccd.write(path)
    return path


def hotpants_layers(path):
    """A difference image of HOTPANTS with its other layers, which have no names."""
    return write_primary(path, IMAGE, hdu(IMAGE * 2), hdu(SIGMA), TELESCOP="GOTO-N")


def sdss(path):
    """A frame of SDSS: calibrations of columns and the sky beside the image."""
    return write_primary(path, IMAGE, hdu(SIGMA[0]), BUNIT="nanomaggy")


def one_image(path):
    """The primary HDU and nothing else, as ZTF and SWarp have it."""
    return write_primary(path, IMAGE)


def fpacked(path):
    """The same after fpack."""
    return write(path, fits.CompImageHDU(IMAGE, quantize_level=0, compression_type="GZIP_2"))


def radio(path):
    """Axes of length 1 for frequency and polarization."""
    return write_primary(path, IMAGE[None, None])


def panstarrs(path):
    """A stack of Pan-STARRS: values are compressed by asinh."""
    offset, softening, scale = 3.0, 7.0, 2.5 * np.log10(np.e)
    values = scale * np.arcsinh((IMAGE.astype(np.float64) - offset) / (2 * softening))
    return write_primary(path, values, BSOFTEN=softening, BOFFSET=offset)


# File, variance if it has one, planes of ours in the pixels [n, 0], what is said of it.
CASES = {
    "JWST": (jwst, VARIANCE, ["NO_DATA", "SAT", "", "CR", ""], "left out AREA, VAR_POISSON"),
    "JWST, terms": (jwst_terms, VARIANCE, [], "left out CON, WHT"),
    "HST, two chips": (hst_chip, VARIANCE, ["NO_DATA", "SAT", "", "CR", "BAD"], "left out SCI"),
    "HST, drizzled": (hst_drizzled, None, [], "left out WHT, CTX"),
    "Roman": (roman, VARIANCE, ["NO_DATA", "SAT", "", "CR", ""], "mask of Roman: DO_NOT_USE"),
    "Roman, mosaics": (roman_mosaic, VARIANCE, [], "left out CONTEXT, VAR_FLAT"),
    "Roman, ASDF": (roman_asdf, VARIANCE, ["NO_DATA", "SAT", "", "CR", ""], "mask DQ"),
    "unknown": (unknown_flags, VARIANCE, ["NO_DATA", "NO_DATA"], "whatever is not 0"),
    "lsst.afw": (afw, VARIANCE, ["BAD", "SAT", "DETECTED"], "image IMAGE, variance plane"),
    "DES": (des, HOLED, ["BAD", "SAT", "CR", "", "EDGE"], "inverted weights WGT"),
    "MUSE": (muse, VARIANCE, ["NO_DATA", "NO_DATA"], "variance plane STAT, mask DQ"),
    "Herschel SPIRE": (spire, VARIANCE, [], "left out COVERAGE"),
    "Herschel PACS": (pacs, None, [], "left out COVERAGE, STDEV"),
    "Euclid": (euclid, VARIANCE, [], "left out CCDID 1-2.SCI"),
    "SDSS, MaNGA": (manga, HOLED, ["NO_DATA"], "inverted weights IVAR"),
    "CCDData": (ccddata, VARIANCE, ["NO_DATA"], "inverted weights UNCERT"),
    "HOTPANTS, GOTO": (hotpants_layers, None, [], "left out an unnamed plane"),
    "SDSS": (sdss, None, [], ""),
    "one image": (one_image, None, [], ""),
    "fpack": (fpacked, None, [], ""),
    "radio": (radio, None, [], ""),
    "Pan-STARRS": (panstarrs, None, [], "were made linear"),
}


@pytest.mark.parametrize("case", CASES)
def test_what_comes_of_each_convention(tmp_path, case):
    make, variance, planes, said = CASES[case]
    path = make(tmp_path / "image.fits")
    with open_exposure(path) as rows:
        exposure, notes = rows.load(), "; ".join(rows.notes)
    # Rounding of the 7 digits of single precision, where values are not stored as they are.
    np.testing.assert_allclose(exposure.image.array, IMAGE, rtol=1e-6)
    if variance is None:
        assert exposure.variance is None
    else:
        expected = np.where(NO_VARIANCE, np.nan, VARIANCE) if variance is HOLED else VARIANCE
        np.testing.assert_allclose(exposure.variance.array, expected, rtol=1e-6)
    for n, plane in enumerate(planes):
        assert exposure.mask.array[n, 0] == (exposure.mask.getPlaneBitMask(plane) if plane else 0)
    assert np.count_nonzero(exposure.mask.array) == sum(plane != "" for plane in planes)
    assert said in notes and bool(said) == bool(notes)


def test_the_page_has_a_row_for_each_case():
    page = (Path(__file__).parent.parent / "docs/files.md").read_text()
    tables = re.findall(r"^\| files of \|.*\n\|[-|]+\n((?:\|.*\n)+)", page, flags=re.M)
    rows = [[line.split("|")[1].strip() for line in table.splitlines()] for table in tables]
    assert [sorted(names) for names in rows] == [sorted(CASES), sorted(NOISE)]


def test_bands_are_read_as_whole_images_are(tmp_path):
    for case in ("JWST, terms", "DES", "radio", "Pan-STARRS"):
        make, variance, _, _ = CASES[case]
        path = make(tmp_path / f"{case}.fits")
        whole = read_exposure(path)
        with open_exposure(path) as rows:
            np.testing.assert_array_equal(rows.image[4:19:3, 2:9], whole.image.array[4:19:3, 2:9])
            if variance is not None:
                part, full = rows.variance[4:9], whole.variance.array[4:9]
                np.testing.assert_array_equal(part, full)


def test_linear_values_are_not_said_to_be_compressed(tmp_path):
    metadata = read_exposure(panstarrs(tmp_path / "stack.fits")).metadata
    assert not is_asinh(metadata)


# Name of the file, extensions, unit of the noise, what is asked for, what is said then.
NOISE = {
    "ZTF": ("ztf_refunc.fits", SIGMA, "", {}, "squared standard deviations"),
    "SWarp": ("coadd.weight.fits", HOLED, "", {}, "inverted weights"),
    "WISE": ("x-w1-unc-3.fits", SIGMA, "", {}, "squared standard deviations"),
    "name of sigma": ("x_err.fits", SIGMA, "", {}, "squared standard deviations"),
    "name of variance": ("x_var.fits", VARIANCE, "", {}, "variance plane"),
    "Pan-STARRS": ("skycell.wt.fits", VARIANCE, "", {}, "variance plane"),
    "Legacy Surveys": ("x-invvar-r.fits", HOLED, "1/electron^2", {}, "inverted weights"),
    "NOIRLab": ("c4d_oow.fits", HOLED, "", {"PRODTYPE": "wtmap"}, "inverted weights"),
    "unit of sigma": ("noise.fits", SIGMA, "electron", {}, "squared standard deviations"),
    "unit of weight": ("noise.fits", HOLED, "electron-2", {}, "inverted weights"),
    "variance": ("noise.fits", VARIANCE, "electron2", {}, "variance plane"),
    "nothing": ("noise.fits", VARIANCE, "", {}, "variance plane"),
    "IMTYPE": ("noise.fits", HOLED, "", {"IMTYPE": "invvar"}, "inverted weights"),
}


@pytest.mark.parametrize("case", NOISE)
def test_what_comes_of_files_of_noise(tmp_path, case):
    name, values, unit, keywords, said = NOISE[case]
    if unit:
        keywords = {**keywords, "BUNIT": unit}
    path = write_primary(tmp_path / name, values, **keywords)
    with open_noise(path, image_unit="electron") as noise:
        expected = np.where(NO_VARIANCE, np.nan, VARIANCE) if values is HOLED else VARIANCE
        np.testing.assert_allclose(noise.variance[:], expected, rtol=1e-6)
        assert noise.origin.startswith(said) and not noise.notes


@pytest.mark.parametrize(
    ("kind", "values"), [("variance", VARIANCE), ("sigma", SIGMA), ("weight", WEIGHT)]
)
def test_what_the_user_says_counts_more_than_names(tmp_path, kind, values):
    path = write(tmp_path / "coadd.weight.fits", hdu(values, "RMS", BUNIT="adu"))
    with open_noise(path, kind, image_unit="adu") as noise:
        np.testing.assert_array_equal(noise.variance[:], VARIANCE)
        assert len(noise.notes) == (0 if kind == "sigma" else 2)
    for note in noise.notes:
        assert note.startswith(f"{path}: RMS")


@pytest.mark.parametrize(
    ("name", "unit", "expected"),
    [
        # Standard deviations in a plane that is called variance, and the other way round.
        ("VARIANCE", "adu", r"\(adu\)\*\*2"),
        ("ERR", "adu2", "adu"),
        ("WGT", "adu2", r"\(adu\)\*\*-2"),
        ("VARIANCE", "electron2", r"\(adu\)\*\*2"),
        ("VARIANCE", "odd units", r"\(adu\)\*\*2"),
    ],
)
def test_a_unit_at_odds_with_the_image(tmp_path, name, unit, expected):
    path = write(
        tmp_path / "x.fits", hdu(IMAGE, "SCI", BUNIT="adu"), hdu(VARIANCE, name, BUNIT=unit)
    )
    message = rf"x\.fits: {name} is taken for .*, and must have the unit {expected}, got {unit}"
    with pytest.raises(ValueError, match=message):
        read_exposure(path)
    with pytest.raises(ValueError, match=message), open_noise(path, image_unit="adu"):
        pass
    # Whoever names the plane and knows better is believed, and told.
    with open_noise(f"{path}[{name}]", image_unit="adu") as noise:
        assert len(noise.notes) == 1 and f"has the unit {unit}" in noise.notes[0]


@pytest.mark.parametrize("given", ["mJy", "Jy"])
def test_units_of_one_kind_are_converted(tmp_path, given):
    factor = (1 * units.Unit(given)).to_value("Jy")
    sigma = hdu(SIGMA, "ERR", BUNIT=given)
    path = write(tmp_path / "x.fits", hdu(IMAGE, "SCI", BUNIT="Jy"), sigma)
    variance = read_exposure(path).variance.array
    np.testing.assert_allclose(variance, VARIANCE * factor**2, rtol=1e-6)


@pytest.mark.parametrize("spelling", ["ELECTRONS**2", "electrons^2", "(ELECTRONS)2"])
def test_words_that_are_no_units_are_compared_as_they_are(tmp_path, spelling):
    variance = hdu(VARIANCE, "VAR", BUNIT=spelling)
    path = write(tmp_path / "x.fits", hdu(IMAGE, "SCI", BUNIT="ELECTRONS"), variance)
    np.testing.assert_array_equal(read_exposure(path).variance.array, VARIANCE)


def test_an_exposure_without_noise_is_no_noise(tmp_path):
    path = write(tmp_path / "x.fits", hdu(VARIANCE, "SCI"), hdu(flags(2), "DQ"))
    with pytest.raises(ValueError, match=r"x\.fits: expected a plane of noise, got the image SCI"):
        open_noise(path).__enter__()
    with open_noise(f"{path}[SCI]") as noise:
        np.testing.assert_array_equal(noise.variance[:], VARIANCE)


def test_several_images_are_listed(tmp_path):
    chips = [hdu(IMAGE, name, version) for version in (1, 2) for name in ("SCI", "ERR")]
    path = write(tmp_path / "x.fits", *chips)
    with pytest.raises(ValueError, match=r"x\.fits: .*FILE\[EXT\], got \[SCI,1\], \[SCI,2\]$"):
        read_exposure(path)
    with pytest.raises(ValueError, match=r"one plane of noise .* got \[ERR,1\], \[ERR,2\]$"):
        open_noise(path).__enter__()
    path = write(tmp_path / "y.fits", hdu(IMAGE, "N1"), hdu(IMAGE), hdu(IMAGE, "S1"))
    with pytest.raises(ValueError, match=r"got \[N1\], \[2\], \[S1\]$"):
        read_exposure(path)
    for extension in ("[n1]", "[1]", "[2]", "[S1]", "[S1,1]"):
        np.testing.assert_array_equal(read_exposure(f"{path}{extension}").image.array, IMAGE)


def test_a_cube_is_no_image(tmp_path):
    path = write(tmp_path / "x.fits", hdu(np.ones((3, 4, 5)), "CUBE"))
    with pytest.raises(ValueError, match=r"image, got CUBE of shape \(3, 4, 5\)$"):
        read_exposure(path)


@pytest.mark.parametrize("name", ["MASK", "ERR", "WGT", "VARIANCE", "WHT", "PSFIMAGE"])
def test_what_is_called_otherwise_is_never_the_image(tmp_path, name):
    path = write(tmp_path / "x.fits", hdu(IMAGE, name))
    with pytest.raises(ValueError, match=rf"two-dimensional image, got {name}"):
        read_exposure(path)
    with pytest.raises(ValueError, match=rf"an image must be asked for, got \[{name}\]"):
        read_exposure(f"{path}[{name}]")


def test_what_is_called_a_mask_is_no_noise_and_the_other_way_round(tmp_path):
    image = write_primary(tmp_path / "x.fits", IMAGE)
    planes = hdu(IMAGE, "SCI"), hdu(SIGMA, "ERR"), hdu(flags(2), "DQ"), hdu(WEIGHT, "WHT")
    path = write(tmp_path / "y.fits", *planes)
    for kind in (None, "sigma"):
        with pytest.raises(ValueError, match=r"y\.fits.*plane of noise .* got \[DQ\], a mask"):
            open_noise(f"{path}[DQ]", kind).__enter__()
    for name, role in (("SCI", "image"), ("ERR", "sigma")):
        message = rf"y\.fits.*a mask must be asked for, got \[{name}\], which is called {role}"
        with pytest.raises(ValueError, match=message):
            open_exposure(image, f"{path}[{name}]").__enter__()
    with open_noise(f"{path}[WHT]", "weight") as noise:
        np.testing.assert_array_equal(noise.variance[:], VARIANCE)


@pytest.mark.parametrize("extension", ["[OTHER]", "[7]", "[SCI,3]", "[0]"])
def test_an_extension_that_is_not_there(tmp_path, extension):
    path = write(tmp_path / "x.fits", hdu(IMAGE, "SCI"))
    with pytest.raises(ValueError, match=r"must name one image of the file, which has \[SCI\]$"):
        read_exposure(f"{path}{extension}")


@pytest.mark.parametrize("extension", ["[]", "[ ]", "[1,2]"])
def test_brackets_that_name_nothing(tmp_path, extension):
    with pytest.raises(ValueError, match=r"FILE\[SCI,2\], got .*x\.fits"):
        read_exposure(f"{tmp_path}/x.fits{extension}")


def test_a_file_that_is_called_so(tmp_path):
    path = write_primary(tmp_path / "a[SCI]", IMAGE)
    np.testing.assert_array_equal(read_exposure(path).image.array, IMAGE)


def test_a_mask_in_a_file_of_its_own(tmp_path):
    """As those of ZTF and Pan-STARRS."""
    image = write_primary(tmp_path / "sciimg.fits", IMAGE)
    bits = flags(0, 1, 8, 10, 12, dtype=np.int16)
    mask = write_primary(tmp_path / "mskimg.fits", bits, INSTRUME="ZTF/MOSAIC")
    with open_exposure(image, mask) as rows:
        exposure = rows.load()
        assert rows.notes[0].startswith("mask of ZTF: ")
    for n, plane in enumerate(["BAD", "DETECTED", "SAT", "NO_DATA"]):
        assert exposure.mask.array[n, 0] == exposure.mask.getPlaneBitMask(plane)
    assert np.count_nonzero(exposure.mask.array) == 4


def test_the_mask_that_is_given_comes_before_that_of_the_file(tmp_path):
    image = jwst(tmp_path / "x.fits")
    path = write(tmp_path / "m.fits", hdu(flags(3, 5), "MASK", **{"HIERARCH FPA.TELESCOPE": "PS1"}))
    with open_exposure(image, f"{path}[MASK]") as rows:
        mask = rows.load().mask
        assert "left out DQ" in rows.notes[0]
    assert list(mask.array[:3, 0]) == [
        mask.getPlaneBitMask("NO_DATA"),
        mask.getPlaneBitMask("SAT"),
        0,
    ]


def test_pixels_that_are_no_numbers_are_read_in_silence(tmp_path):
    """Warnings are errors here: what a file holds is looked at afterwards."""
    pixels = np.full(SHAPE, 4000.0)
    path = write_primary(tmp_path / "stack.fits", pixels, BSOFTEN=7.0, BOFFSET=3.0)
    assert np.isinf(read_exposure(path).image.array).all()
    terms = [hdu(np.full(SHAPE, sign * np.inf), f"VAR_{name}")
             for name, sign in (("POISSON", 1), ("RNOISE", -1))]  # fmt: skip
    path = write(tmp_path / "terms.fits", hdu(IMAGE, "SCI"), *terms, TELESCOP="JWST")
    assert np.isnan(read_exposure(path).variance.array).all()
