"""``whitediff detect``: from files to a catalogue."""

import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.table import Table
from astropy.wcs import WCS

from command_line import fail, options, succeed
from whitediff import read_exposure, write_exposure
from whitediff.detection import detect
from whitediff.io.point_sources import read_point_sources

ORIGIN = (400, -30)


@pytest.fixture(scope="module")
def score(tmp_path_factory):
    """A score image of a simulation, at another origin and with a WCS, and the truth."""
    from command_line import run_command

    directory = tmp_path_factory.mktemp("simulation")
    assert run_command("simulate", directory, "--shape", 310, 900, "--seed", 3) == 0
    arguments = [*options(directory), "-o", directory / "plain.fits"]
    assert run_command("decorrelate", *arguments, "--mode", "score") == 0
    wcs = WCS(naxis=2)
    wcs.wcs.ctype, wcs.wcs.crval = ["RA---TAN", "DEC--TAN"], [150.0, 2.0]
    wcs.wcs.cdelt, wcs.wcs.crpix = [-1e-4, 1e-4], [500.0, 100.0]
    with fits.open(directory / "plain.fits") as hdus:
        for hdu in hdus[1:]:
            if hdu.name not in ("IMAGE", "MASK", "UNCERT", "SIGNIFICANCE"):
                continue
            header = wcs.to_header()
            hdu.header.update(header)
            for n, origin in enumerate(ORIGIN, start=1):
                hdu.header[f"LTV{n}"] = -origin
                hdu.header[f"CRVAL{n}A"] = origin
        hdus.writeto(directory / "score.fits")
    return directory / "score.fits", Table.read(directory / "truth.ecsv")


def test_a_catalogue_has_what_the_functions_give(score, tmp_path, capsys):
    path, truth = score
    output = tmp_path / "catalogue.ecsv"
    printed = succeed(capsys, "detect", path, "-o", output, "--threshold", 6)
    table = Table.read(output)
    expected = detect(read_point_sources(path), 6.0)
    assert f"{len(table)} sources" in printed and len(table) == len(expected) > 5
    np.testing.assert_allclose(table["x"], expected["x"] + ORIGIN[0])
    np.testing.assert_allclose(table["y"], expected["y"] + ORIGIN[1])
    np.testing.assert_array_equal(table["flux"], expected["flux"])
    assert str(table["flux"].unit) == str(table["flux_error"].unit) == "electron"
    exposure = read_exposure(path)
    sky = exposure.wcs.pixel_to_world_values(table["x"], table["y"])
    np.testing.assert_allclose([table["ra"], table["dec"]], sky)
    assert table["ra"].unit == table["dec"].unit == "deg"
    # The saturated star leaves sources that are none, and says so.
    assert table["saturated"].any() and not table["saturated"].all()
    # What is bright and has no flag is a transient: its flux is within five errors.
    transients = truth[truth["transient"]]
    good = table[~table["saturated"] & ~table["near_edge"] & ~table["dipole"]]
    for source in good:
        distance = np.hypot(
            transients["x"] + ORIGIN[0] - source["x"], transients["y"] + ORIGIN[1] - source["y"]
        )
        nearest = np.argmin(distance)
        assert distance[nearest] < 2
        assert abs(source["flux"] - transients["flux"][nearest]) < 5 * source["flux_error"]


def test_forced_photometry_is_at_the_positions(score, tmp_path, capsys):
    path, truth = score
    positions = tmp_path / "positions.csv"
    truth = truth.copy()
    truth["x"] += ORIGIN[0]
    truth["y"] += ORIGIN[1]
    truth[truth["transient"]]["x", "y"].write(positions)
    output = tmp_path / "forced.fits"
    printed = succeed(capsys, "detect", path, "-o", output, "--positions", positions)
    assert fits.getheader(output, 1)["TUNIT5"] == "electron"
    # Not a unit of the FITS standard.
    table = Table.read(output, unit_parse_strict="silent")
    assert f"{len(table)} positions" in printed
    np.testing.assert_allclose(table["x"], truth["x"][truth["transient"]], rtol=1e-12)
    usable = ~table["near_edge"] & ~table["saturated"]
    pulls = ((table["flux"] - truth["flux"][truth["transient"]]) / table["flux_error"])[usable]
    assert usable.sum() > 5 and abs(pulls).max() < 5


def test_what_cannot_be_is_refused(score, tmp_path, capsys):
    path, _ = score
    plain = tmp_path / "plain.fits"
    write_exposure(read_exposure(path), plain)
    arguments = ["-o", tmp_path / "o.ecsv"]
    assert "must be an image of mode score, got one without" in fail(
        capsys, "detect", plain, *arguments
    )
    assert "output must be an .ecsv or a .fits file" in fail(
        capsys, "detect", path, "-o", tmp_path / "o.txt"
    )
    Table({"ra": [1.0]}).write(tmp_path / "p.csv")
    assert f"{tmp_path / 'p.csv'}: positions must have columns x and y, got ['ra']" in fail(
        capsys, "detect", path, *arguments, "--positions", tmp_path / "p.csv"
    )
    assert not (tmp_path / "o.ecsv").exists()


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda content: content.replace(b"NAXIS2  =  ", b"NAXIS2  = -"), "NAXIS2 of HDU 1 must"),
        (lambda content: content.replace(b"TTYPE1  = 'x ", b"TTYPE1  = 'y "), "positions.fits: "),
        (lambda content: content[:-1000], "is truncated"),
        (lambda content: b"neither\0text nor FITS", "is not a FITS file"),
    ],
)
def test_positions_that_cannot_be_read_are_refused(score, tmp_path, capsys, damage, message):
    positions = tmp_path / "positions.fits"
    Table({"x": [30.0, 64.25], "y": [20.5, 40.0]}).write(positions)
    positions.write_bytes(damage(positions.read_bytes()))
    said = fail(capsys, "detect", score[0], "-o", tmp_path / "o.ecsv", "--positions", positions)
    assert message in said and str(positions) in said


def test_positions_that_are_no_numbers_are_refused(score, tmp_path, capsys):
    positions = tmp_path / "positions.csv"
    positions.write_text("x,y\n30.5,a\n64.25,b\n")
    said = fail(capsys, "detect", score[0], "-o", tmp_path / "o.ecsv", "--positions", positions)
    assert f"{positions}: y must be numbers, got dtype" in said


def test_positions_that_are_missing_are_measured_nowhere(score, tmp_path, capsys):
    positions = tmp_path / "positions.ecsv"
    table = Table({"x": [30.0, 64.25, np.inf, np.inf], "y": [20.5, 40.0, 3.0, 3.0]}, masked=True)
    table["x"].mask[1] = True
    table.write(positions)
    output = tmp_path / "o.ecsv"
    succeed(capsys, "detect", score[0], "-o", output, "--positions", positions)
    found = Table.read(output)
    assert np.isfinite(found["x"]).tolist() == [True, False, False, False]
    # All are beyond the frame, too.
    assert found["near_edge"].all()


def test_sources_beside_a_gap_have_a_flux_and_a_flag(score, tmp_path, capsys):
    path, truth = score
    with fits.open(path) as hdus:
        height, width = hdus["IMAGE"].shape
        inside = (abs(truth["x"] - width / 2) < 300) & (abs(truth["y"] - height / 2) < 100)
        bright = truth[truth["transient"] & inside]
        at = bright[np.argmax(abs(bright["flux"]))]
        x, y = round(at["x"]), round(at["y"])
        for name in ("IMAGE", "UNCERT", "SIGNIFICANCE", "PSFFLUX", "PSFFLUXERR"):
            hdus[name].data[y + 3, x] = np.nan
        hdus.writeto(tmp_path / "gap.fits")
    succeed(capsys, "detect", tmp_path / "gap.fits", "-o", tmp_path / "o.ecsv")
    found = Table.read(tmp_path / "o.ecsv")
    assert np.isfinite(found["flux"]).all()
    distance = np.hypot(found["x"] - at["x"] - ORIGIN[0], found["y"] - at["y"] - ORIGIN[1])
    (here,) = np.flatnonzero(distance < 2)
    assert found["near_edge"][here]
    assert abs(found["flux"][here] - at["flux"]) < 5 * found["flux_error"][here]


@pytest.mark.parametrize("types", [("DEC--TAN", "RA---TAN"), ("GLON-TAN", "GLAT-TAN")])
def test_positions_on_the_sky_are_right_ascension_and_declination(score, tmp_path, capsys, types):
    path, _ = score
    with fits.open(path) as hdus:
        for hdu in hdus[1:]:
            if "CTYPE1" in hdu.header:
                hdu.header["CTYPE1"], hdu.header["CTYPE2"] = types
                hdu.header["CRVAL1"], hdu.header["CRVAL2"] = 30.0, 40.0
        hdus.writeto(tmp_path / "other.fits")
    succeed(capsys, "detect", f"{tmp_path / 'other.fits'}[IMAGE]", "-o", tmp_path / "o.ecsv")
    found = Table.read(tmp_path / "o.ecsv")
    center = SkyCoord(30, 40, unit="deg", frame="galactic").icrs
    if types[0] == "DEC--TAN":
        center = SkyCoord(40, 30, unit="deg")
    # A frame of 0.1 degrees.
    assert (SkyCoord(found["ra"], found["dec"], unit="deg").separation(center).deg < 0.1).all()


def test_names_of_files_may_hold_any_letter(score, tmp_path, capsys):
    folder = tmp_path / "na\u00efve"
    folder.mkdir()
    (folder / "score.fits").write_bytes(score[0].read_bytes())
    succeed(capsys, "detect", folder / "score.fits", "-o", folder / "o.fits")
    assert fits.getheader(folder / "o.fits", 1)["FILE"].endswith("na\\xefve/score.fits")


def test_a_catalogue_in_fits_tells_its_threshold_in_silence(score, tmp_path, capsys):
    """Warnings are errors here: the name has more letters than a keyword."""
    output = tmp_path / "catalogue.fits"
    succeed(capsys, "detect", score[0], "-o", output, "--threshold", 6)
    header = fits.getheader(output, 1)
    assert (header["THRESHOLD"], header["FILE"]) == (6, str(score[0]))
