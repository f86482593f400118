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
from whitediff.io.plain_wcs import is_plain
from whitediff.wcs_cards import WcsCards

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


def without(*keywords):
    return {key: value for key, value in SKY.items() if not key.startswith(keywords)}


SIP = SKY | {"CTYPE1": "RA---TAN-SIP", "CTYPE2": "DEC--TAN-SIP"}
SIP |= {"A_ORDER": 2, "B_ORDER": 3, "A_2_0": 1e-4, "B_0_2": 2e-4, "B_2_1": 3e-6, "A_DMAX": 1.5}
INVERSE = {"AP_ORDER": 2, "BP_ORDER": 2, "AP_2_0": -1e-4, "BP_0_2": -2e-4}
TPV = SKY | {"CTYPE1": "RA---TPV", "CTYPE2": "DEC--TPV"}
TPV |= {"PV1_0": 1e-6, "PV1_1": 1.0, "PV1_4": 0.3, "PV2_1": 1.0, "PV2_39": 2.0}
SCALE = {"CDELT1": -1e-5, "CDELT2": 1.1e-5}
PLAIN = {
    "CD": SKY,
    "two of CD": without("CD1_2", "CD2_1"),
    "CDELT": without("CD") | SCALE,
    "PC": without("CD") | SCALE | {"PC1_2": 0.1, "PC2_1": -0.1},
    "all that is usual": SKY | {
        "WCSAXES": 2, "WCSNAME": "mine", "CUNIT1": "deg", "CUNIT2": "deg", "RADESYS": "FK5",
        "EQUINOX": 2000.0, "LONPOLE": 170.0, "LATPOLE": 20.0, "DATE-OBS": "12/03/97",
        "OBSGEO-X": 1e6,
    },
    "declination first": SKY | {"CTYPE1": "DEC--TAN", "CTYPE2": "RA---TAN"},
    **{name: SKY | {"CTYPE1": f"RA---{name}", "CTYPE2": f"DEC--{name}"}
       for name in ("SIN", "STG", "ARC", "ZEA")},
    "SIP": SIP,
    "SIP both ways": SIP | INVERSE,
    "TPV": TPV,
    "at an origin": SKY | {"LTV1": -32.0, "LTV2": 5.0},
}  # fmt: skip


@pytest.mark.filterwarnings("ignore:'(dat|obs)fix' made the change")
@pytest.mark.parametrize("name", PLAIN)
def test_plain_coordinates_are_copied_card_by_card(tmp_path, name):
    """What is copied means the same to the last bit, and is what astropy makes of the file."""
    header = fits.Header([(key, value, f"why {key}") for key, value in PLAIN[name].items()])
    path, copied = tmp_path / "x.fits", tmp_path / "y.fits"
    fits.writeto(path, IMAGE, header)
    assert "WCS" not in notes_of(path)
    read = read_exposure(path)
    assert isinstance(read.wcs_or_cards, WcsCards)
    write_exposure(read, copied)
    cards = fits.getheader(copied, "IMAGE").cards
    for key in PLAIN[name].keys() - {"DATE-OBS", "OBSGEO-X", "LTV1", "LTV2"}:
        assert tuple(cards[key]) == tuple(header.cards[key])
    expected = sky_of(path, 0)
    np.testing.assert_array_equal(sky_of(copied), expected)
    x0, y0 = read.getXY0()
    x, y = np.meshgrid(x0 + np.arange(0, 9, 4), y0 + np.arange(0, 9, 4))
    np.testing.assert_allclose(read.wcs.all_pix2world(x, y, 0), expected, rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize(
    "header",
    [
        without("CTYPE2"), without("CRVAL1"), without("CRPIX2"), without("CD"),
        SKY | {"CTYPE2": "DEC--SIN"}, SKY | {"CTYPE2": "RA---TAN"}, SKY | {"CTYPE1": "GLON-TAN"},
        SKY | {"CTYPE1": "RA---TNX", "CTYPE2": "DEC--TNX"},
        SKY | {"CTYPE1": "RA---CAR", "CTYPE2": "DEC--CAR"},
        SKY | {"CD2_1": 0.0, "CD2_2": 0.0}, SKY | {"CD2_1": -1e-5, "CD1_2": 1e-5}, SKY | SCALE,
        SKY | {"PC1_1": 1.0}, SKY | {"CROTA2": 0.0}, SKY | {"CUNIT1": "arcsec"},
        SKY | {"CRVAL2": True}, SKY | {"WCSAXES": 3}, SKY | {"NAXIS": 3},
        SKY | {"CTYPE3": "FREQ"}, SKY | {"RADECSYS": "FK5"}, SKY | {"EPOCH": 1950.0},
        SKY | {"CRVAL2": 91.0}, SKY | {"RADESYS": "FK4"},
        SKY | {"PV1_1": 1.0}, TPV | {"PV1_40": 1.0}, TPV | {"PV3_1": 1.0},
        SIP | SKY, SIP | {"A_ORDER": 1}, SIP | {"A_3_0": 1e-6}, SIP | {"AP_ORDER": 2},
        TPV | {"A_ORDER": 2, "B_ORDER": 2}, SIP | {"CTYPE2": "DEC--TAN"},
        SKY | {"CTYPE1": "RA---TAN-SIP", "CTYPE2": "DEC--TAN-SIP"},
        SKY | {"CPDIS1": "LOOKUP"}, SKY | {"D2IMEXT": "x.fits"}, SKY | {"PS1_0": "TABLE"},
    ],
)  # fmt: skip
def test_doubtful_coordinates_are_not_plain(header):
    assert not is_plain(fits.Header(header))


def test_coordinates_that_are_there_twice_are_not_plain():
    header = fits.Header(SKY)
    assert is_plain(header)
    header.append(("CRVAL1", 11.0))
    assert not is_plain(header)


def test_a_change_of_plain_coordinates_is_written(tmp_path):
    path, copied = write_primary(tmp_path / "x.fits", IMAGE, **SKY), tmp_path / "y.fits"
    exposure = read_exposure(path)
    part = exposure[Box2I(Point2I(3, 2), Extent2I(9, 9))]
    exposure.wcs.wcs.crval += 1.0
    write_exposure(part, copied)
    header = fits.Header(SKY | {"CRVAL1": 11.0, "CRVAL2": 21.0})
    expected = WCS(header).all_pix2world([[3.0, 2.0]], 0)[0]
    np.testing.assert_allclose(sky_of(copied)[:, 0, 0], expected, rtol=0, atol=TOLERANCE)


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
