"""World coordinates come back whole, or it is said that they do not."""

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS

from conventions import IMAGE, hdu, write, write_primary
from whitediff.exposure import Exposure
from whitediff.geometry import Box2I, Extent2I, Point2I
from whitediff.io import read_exposure, write_exposure
from whitediff.io.exposure_rows import open_exposure

HEIGHT, WIDTH = IMAGE.shape
# A pixel is 1e-5 degrees; headers hold some 14 digits of 10 and 20 degrees.
SKY = {
    "CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CRVAL1": 10.0, "CRVAL2": 20.0,
    "CRPIX1": 9.0, "CRPIX2": 11.5, "CD1_1": -1e-5, "CD1_2": 2e-7, "CD2_1": 1e-7, "CD2_2": 1e-5,
}  # fmt: skip
TOLERANCE = 1e-11


def sky_of(path, extension="IMAGE", at=(0, 0)):
    """Where astropy sees nine pixels of a file, counted from `at`."""
    x, y = np.meshgrid(at[0] + np.arange(0, 9, 4), at[1] + np.arange(0, 9, 4))
    with fits.open(path) as hdus:
        return np.array(WCS(hdus[extension].header, fobj=hdus).all_pix2world(x, y, 0))


def notes_of(path):
    with open_exposure(path) as rows:
        return "; ".join(rows.notes)


def lookup_hdus():
    """A WCS that two tables and one of detector columns distort, as of HST, by some pixels."""
    rng = np.random.default_rng(8)
    image = hdu(IMAGE, "SCI", **SKY)
    tables = []
    for name, version, key, shape, step, scatter in (
        ("WCSDVARR", 1, "DP", (4, 3), 8.0, 1.0),
        ("WCSDVARR", 2, "DP", (4, 3), 8.0, 1.0),
        ("D2IMARR", 1, "D2IM", (1, WIDTH), 1.0, 0.3),
    ):
        values = rng.normal(0, scatter, shape).astype(np.float32)
        place = {"CRPIX1": 1.0, "CRPIX2": 1.0, "CRVAL1": 1.0, "CRVAL2": 1.0}
        tables.append(hdu(values, name, version, CDELT1=step, CDELT2=step, **place))
        image.header["CPDIS" * (key == "DP") + "D2IMDIS" * (key != "DP") + f"{version}"] = "LOOKUP"
        for field in (f"EXTVER: {version}", "NAXES: 2", "AXIS.1: 1", "AXIS.2: 2"):
            image.header.append((f"{key}{version}", field))
    return [image, *tables]


def test_lookup_tables_are_copied(tmp_path):
    path, copied = write(tmp_path / "x.fits", *lookup_hdus()), tmp_path / "y.fits"
    write_exposure(read_exposure(path), copied)
    expected = sky_of(path, "SCI")
    assert not notes_of(path) and not notes_of(copied).replace("image IMAGE, mask MASK", "")
    np.testing.assert_allclose(sky_of(copied), expected, atol=TOLERANCE)
    # Without the tables it is elsewhere: by a pixel, about.
    plain = np.array(WCS(fits.Header(SKY)).all_pix2world(*np.meshgrid([0, 4, 8], [0, 4, 8]), 0))
    assert np.abs(plain - expected).max() > 3e-6


def test_lookup_tables_of_a_part(tmp_path):
    """Tables are in pixels, which a part of an image counts from elsewhere."""
    path, copied = write(tmp_path / "x.fits", *lookup_hdus()), tmp_path / "y.fits"
    part = read_exposure(path)[Box2I(Point2I(5, 7), Extent2I(10, 12))]
    write_exposure(part, copied)
    np.testing.assert_allclose(sky_of(copied), sky_of(path, "SCI", at=(5, 7)), atol=TOLERANCE)
    again = read_exposure(copied)
    assert again.getXY0() == Point2I(5, 7)
    sky = again.wcs.all_pix2world([9.0], [11.0], 0)
    np.testing.assert_allclose(
        np.ravel(sky), sky_of(path, "SCI", at=(5, 7))[:, 1, 1], atol=TOLERANCE
    )


def test_a_missing_table_is_told(tmp_path):
    path = write(tmp_path / "x.fits", lookup_hdus()[0])
    assert "WCS cannot be used, and its keywords are kept" in notes_of(path)
    read = read_exposure(path)
    assert read.wcs is None and read.metadata["CRVAL1"] == 10.0


def test_what_cannot_be_copied_is_told(tmp_path):
    """Coordinates in a table, -TAB: astropy writes no such table."""
    coordinates = np.array([[10.0, 10.01, 10.03]]), np.array([[20.0, 20.01, 20.03]])
    columns = [
        fits.Column(name, "3D", array=values, dim="(1,3)")
        for name, values in zip(("RA", "DEC"), coordinates, strict=True)
    ]
    table = fits.BinTableHDU.from_columns(columns, name="TABLE")
    header = {"CTYPE1": "RA---TAB", "CTYPE2": "DEC--TAB", "CRPIX1": 1.0, "CRPIX2": 1.0}
    header |= {f"PS{n}_{m}": text for n, name in ((1, "RA"), (2, "DEC"))
               for m, text in ((0, "TABLE"), (1, name))}  # fmt: skip
    path = write(tmp_path / "x.fits", hdu(IMAGE, "SCI", **header), table)
    assert read_exposure(path).wcs is None
    assert "WCS cannot be" in notes_of(path)


def test_the_wcs_of_another_hdu_is_taken(tmp_path):
    path = write(tmp_path / "x.fits", hdu(IMAGE, "SCI"), **SKY)
    read = read_exposure(path)
    np.testing.assert_allclose(
        read.wcs.all_pix2world([0.0], [0.0], 0), WCS(fits.Header(SKY)).all_pix2world([0], [0], 0)
    )
    assert notes_of(path) == "WCS of the HDU PRIMARY"
    assert not {"CTYPE1", "CRVAL1", "CD1_1"} & set(read.metadata)
    # That of the image comes before it.
    other = SKY | {"CRVAL1": 11.0}
    path = write(tmp_path / "y.fits", hdu(IMAGE, "SCI", **other), **SKY)
    assert read_exposure(path).wcs.wcs.crval[0] == 11.0 and notes_of(path) == ""


@pytest.mark.parametrize("more", [{}, {"LTM1_1": 1.0, "LTM2_2": 1.0}])
def test_ltv_tells_the_origin(tmp_path, more):
    path, copied = tmp_path / "x.fits", tmp_path / "y.fits"
    write_primary(path, IMAGE, LTV1=-32.0, LTV2=5.0, **SKY, **more)
    read = read_exposure(path)
    assert read.getXY0() == Point2I(32, -5)
    assert notes_of(path) == "pixels are counted from (32, -5), as LTV says"
    assert not {"LTV1", "LTM1_1"} & set(read.metadata)
    write_exposure(read, copied)
    header = fits.getheader(copied, "IMAGE")
    assert (header["LTV1"], header["LTV2"]) == (-32, 5)
    np.testing.assert_allclose(sky_of(copied), sky_of(path, 0), atol=TOLERANCE)
    assert read_exposure(copied).getXY0() == Point2I(32, -5)


@pytest.mark.parametrize("odd", [{"LTV1": -3.5}, {"LTM1_1": 0.5}, {"LTV1": -3.0, "LTM2_2": 2.0}])
def test_origins_that_are_no_whole_pixels_are_told(tmp_path, odd):
    path = write_primary(tmp_path / "x.fits", IMAGE, **odd)
    read = read_exposure(path)
    assert read.getXY0() == Point2I(0, 0) and odd.items() <= dict(read.metadata).items()
    assert notes_of(path).startswith("pixels are counted from 0: LTV")


def test_no_word_of_astropy_on_the_screen(tmp_path, capfd):
    """SIP without -SIP, and an old date, of which nobody wants to hear."""
    header = SKY | {"A_ORDER": 2, "B_ORDER": 2, "A_2_0": 1e-5, "B_0_2": 1e-5}
    header |= {"DATE-OBS": "12/03/97"}
    path, copied = write_primary(tmp_path / "x.fits", IMAGE, **header), tmp_path / "y.fits"
    write_exposure(read_exposure(path), copied)
    assert capfd.readouterr() == ("", "")
    assert notes_of(path).startswith("WCS was mended: ") and "Inconsistent SIP" in notes_of(path)
    assert "datfix" not in notes_of(path)
    distorted = read_exposure(path).wcs.all_pix2world([[0.0, 0.0]], 0)
    np.testing.assert_allclose(
        read_exposure(copied).wcs.all_pix2world([[0.0, 0.0]], 0), distorted, atol=TOLERANCE
    )


def test_axes_of_length_1_keep_what_is_said_of_them(tmp_path):
    header = SKY | {"CTYPE3": "FREQ", "CRVAL3": 1.4e9, "CRPIX3": 1.0, "CDELT3": 1e6, "CD3_3": 1e6}
    path, copied = write_primary(tmp_path / "x.fits", IMAGE[None], **header), tmp_path / "y.fits"
    write_exposure(read_exposure(path), copied)
    with fits.open(path) as hdus:
        expected = WCS(hdus[0].header, naxis=2).all_pix2world([[3.0, 4.0]], 0)
    sky = read_exposure(copied).wcs.all_pix2world([[3.0, 4.0]], 0)
    np.testing.assert_allclose(sky, expected, atol=TOLERANCE)
    metadata = read_exposure(copied).metadata
    assert (metadata["CTYPE3"], metadata["CRVAL3"]) == ("FREQ", 1.4e9)


def test_an_exposure_without_a_wcs_has_no_tables(tmp_path):
    write_exposure(Exposure(image=IMAGE), tmp_path / "x.fits")
    with fits.open(tmp_path / "x.fits") as hdus:
        assert [hdu.name for hdu in hdus] == ["PRIMARY", "IMAGE", "MASK"]
