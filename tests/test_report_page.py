"""The page about a whitened image: what it says is what is in the file, and it asks nobody."""

import re
import sys

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table
from astropy.wcs import WCS

from command_line import fail, options, run_command, succeed
from pages import Page, assert_self_contained
from whitediff import read_exposure
from whitediff.options import WhitenOptions
from whitediff.report import write_report
from whitediff.subtraction import Job, whiten_files
from whitediff.subtraction.masks import left_out
from whitediff.whiteness import whiteness

SHAPE = (310, 433)
SECTIONS = [
    "Detections before and after",
    "Noise over the frame",
    "Noise power",
    "Filters",
    "Detections against threshold",
    "What images and kernel do not make",
    "Detections",
    "How it was made",
]


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    """Files of a simulation whose difference has a WCS."""
    directory = tmp_path_factory.mktemp("inputs & <outputs>")
    assert run_command("simulate", directory, "--shape", *SHAPE, "--seed", 2) == 0
    wcs = WCS(naxis=2)
    wcs.wcs.ctype, wcs.wcs.crval = ["RA---TAN", "DEC--TAN"], [150.0, 2.0]
    wcs.wcs.cdelt, wcs.wcs.crpix = [-1e-4, 1e-4], [200.0, 100.0]
    with fits.open(directory / "difference.fits", mode="update") as hdus:
        for hdu in hdus[1:3]:
            hdu.header.update(wcs.to_header())
    return directory


def whitened(directory, output, **changed):
    names = ("science", "template", "difference", "kernel")
    return whiten_files(
        Job(**{name: directory / f"{name}.fits" for name in names}, output=output, **changed)
    )


def page_of(result, **options):
    path = result.job.output.with_suffix(".html")
    write_report(result, path, **options)
    page = Page(path.read_text())
    assert_self_contained(page)
    assert page.titles == SECTIONS
    assert not {"#010203", "var(--ink)#"} & set(page.source)
    return page


@pytest.fixture(scope="module")
def result(inputs):
    return whitened(inputs, inputs / "white.fits", covariance="auto")


@pytest.fixture(scope="module")
def page(result):
    return page_of(result)


def tile(page, label):
    """Numbers of a tile: before and after, with their errors."""
    found = re.search(
        rf"{label} before ([-\d.]+)(?: ± ([\d.]+))? after ([-\d.]+)(?: ± ([\d.]+))?",
        page.text["whole"],
    )
    return [None if number is None else float(number) for number in found.groups()]


def test_the_verdict_is_on_top(page, result):
    assert result.verdict.summary in page.text["verdict"]
    assert page.all("section")[0] == {
        "class": f"verdict {result.verdict.status}",
        "id": "verdict",
        "aria-label": "Verdict",
    }


def test_numbers_are_those_of_the_noise(page, result):
    white, difference = (read_exposure(p) for p in (result.job.output, result.job.difference))
    ignored = left_out(white, result.planes)
    for image, n in ((difference.image.array, 0), (white.image.array, 2)):
        noise = whiteness(image, white.variance.array, mask=ignored)
        value, error = tile(page, "Variance of pixels over the plane")[n : n + 2]
        # Of the same pixels but for those near the borders of meshes, whose surroundings count.
        assert value == pytest.approx(noise.variance, abs=error)
        value, error = tile(page, "Correlation of neighbouring pixels")[n : n + 2]
        assert value == pytest.approx((noise.in_x[0] + noise.in_y[0]) / 2, abs=2 * error)
    value, error = tile(page, "Noise on the scale of a star over the plane")[2:]
    # As the run measured it, on parts of the image.
    assert value == pytest.approx(result.facts.covariance_psf_scale, abs=3 * error)


def test_facts_are_those_of_the_header(page, result):
    header = fits.getheader(result.job.output)
    rows = {row[0]: row[1] for row in page.tables[-1][1:]}
    assert set(rows) == set(result.facts.cards)
    for keyword, shown in rows.items():
        value = header[keyword]
        if isinstance(value, float):
            assert float(shown) == pytest.approx(value, rel=1e-5)
        else:
            assert shown == str(value)


def test_everything_that_was_assumed_is_told(page, result):
    told = [*result.assumptions, *result.facts.notices]
    assert told and len(page.all("li")) == len(told)
    for notice in told:
        assert notice in page.text["making"]
    # Names of files hold what would be markup.
    assert "inputs & <outputs>" in page.text["making"] and "<outputs>" not in page.source
    for name in ("science", "template", "difference", "kernel"):
        assert str(getattr(result.job, name)) in page.text["making"]


def test_the_table_has_the_sources(page, result, inputs):
    head, *rows = page.tables[0]
    assert [cell.strip() for cell in head] == [
        "x (pixel)", "y (pixel)", "RA (deg)", "Dec (deg)", "flux (electron)", "S/N", "flags",
        "before",
    ]  # fmt: skip
    truth = Table.read(inputs / "truth.ecsv")
    transients = truth[truth["transient"]]
    wcs = read_exposure(result.job.output).wcs
    significances = [abs(float(row[5])) for row in rows]
    assert significances == sorted(significances, reverse=True) and min(significances) >= 5
    unflagged = [row for row in rows if not row[6].strip()]
    for row in unflagged:
        x, y, ra, dec = map(float, row[:4])
        flux, error = map(float, row[4].split(" ± "))
        distance = np.hypot(transients["x"] - x, transients["y"] - y)
        nearest = np.argmin(distance)
        assert distance[nearest] < 2
        # The error is that of a source's middle, too large for bright ones.
        assert abs(flux - transients["flux"][nearest]) < 5 * error
        np.testing.assert_allclose(wcs.pixel_to_world_values(x, y), [ra, dec], atol=2e-6)
    # All but the faintest are found.
    bright = transients[transients["flux"] > 1500]
    assert len(bright) > 3
    for source in bright:
        assert any(
            np.hypot(float(row[0]) - source["x"], float(row[1]) - source["y"]) < 2 for row in rows
        )
    before, _, after, _ = tile(page, "Detections beyond 5 σ")
    assert after == len([row for row in rows if not {"near edge", "saturated"} & set(
        flag.strip() for flag in row[6].split(",")
    )])  # fmt: skip
    # Scatter on the scale of the PSF is 1.5 times what independent pixels have: of a peak in 400
    # beyond 3.2 sigma there are some 30 in this frame.
    assert before > after + 10


def test_every_stamp_shows_both_on_one_scale(page):
    stamps = [a for a in page.all("svg") if a.get("class") == "stamp"]
    assert {a["viewbox"] for a in stamps} == {"0 0 64 64"}
    labels = [a["aria-label"] for a in stamps]
    for start, ends in (("Significance", ("before", "after")), ("Pixels", ("difference", "left"))):
        shown = [label for label in labels if label.startswith(start)]
        assert len(shown) % 2 == 0 and len(shown) >= 4
        for one, other in zip(shown[::2], shown[1::2], strict=True):
            assert ends[0] in one and ends[1] in other
            assert one.split(",")[:2] == other.split(",")[:2]


def test_a_threshold_of_ones_own(result, tmp_path):
    path = tmp_path / "page.html"
    write_report(result, path, threshold=9.5)
    page = Page(path.read_text())
    assert min(abs(float(row[5])) for row in page.tables[0][1:]) >= 9.5
    assert "Detections beyond 9.5 σ" in page.text["whole"]


def test_a_difference_alone(inputs, tmp_path):
    job = Job(difference=inputs / "difference.fits", output=tmp_path / "blind.fits")
    page = page_of(whiten_files(job))
    assert "Neither images nor kernel are known" in page.text["residuals"]
    assert "nothing but the difference is known" in page.text["making"]
    assert "Pixels" not in "".join(a.get("aria-label", "") for a in page.all("svg"))


@pytest.mark.parametrize("preconvolved", [False, True])
def test_a_score_image(inputs, tmp_path, preconvolved):
    result = whitened(
        inputs,
        tmp_path / "score.fits",
        options=WhitenOptions(mode="score"),
        preconvolved=preconvolved,
    )
    page = page_of(result)
    assert "not meant to be white" in page.text["maps"]
    assert page.text["power"].endswith("Not measured.")
    assert ("it is no image to detect in" in page.text["stamps"]) == preconvolved
    assert ("before" in page.tables[0][0]) != preconvolved


def test_a_task_keeps_no_filters(inputs, tmp_path, capsys):
    path = tmp_path / "task.html"
    arguments = ["-o", tmp_path / "task.fits", "-c", "spatiallyVarying=True", "--report", path]
    succeed(capsys, "decorrelate", *options(inputs), *arguments)
    page = Page(path.read_text())
    assert_self_contained(page)
    assert page.titles == SECTIONS
    assert page.text["filters"].endswith("The task keeps no filters.")
    assert "no model to compare with" in page.text["power"]


def test_no_sky_and_no_source(tmp_path, rng):
    """A frame that is smaller than a mesh, and mostly gap."""
    pixels = np.full((41, 60), np.nan, np.float32)
    pixels[:, 30:] = rng.normal(size=(41, 30))
    names = {name: tmp_path / f"{name}.fits" for name in ("science", "template", "difference")}
    for name, path in names.items():
        fits.writeto(path, pixels if name == "difference" else rng.normal(size=pixels.shape))
    kernel = tmp_path / "kernel.fits"
    fits.writeto(kernel, np.outer([0.25, 0.5, 0.25], [0.25, 0.5, 0.25]))
    page = page_of(
        whiten_files(
            Job(
                **names,
                kernel=kernel,
                output=tmp_path / "w.fits",
                science_variance=1.0,
                template_variance=1.0,
            )
        )
    )
    assert "None beyond 5 σ" in page.text["sources"]
    assert "the scale of the difference: 1, by assumption" in page.text["making"]


def test_what_cannot_be_is_refused_before_any_work(inputs, tmp_path, capsys, monkeypatch):
    output = tmp_path / "white.fits"
    arguments = ["decorrelate", *options(inputs), "-o", output, "--report"]
    assert "expected a page named *.html" in fail(capsys, *arguments, tmp_path / "page.pdf")
    (tmp_path / "page.html").write_text("mine")
    assert "exists: give --overwrite" in fail(capsys, *arguments, tmp_path / "page.html")
    assert (tmp_path / "page.html").read_text() == "mine"
    monkeypatch.setitem(sys.modules, "jinja2", None)
    with pytest.raises(ModuleNotFoundError) as error:
        run_command(*arguments, tmp_path / "other.html")
    assert error.value.name == "jinja2"
    assert not output.exists()
