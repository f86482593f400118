"""``whitediff batch``: figures, pages and configurations of rows, and the table of pages."""

import os

import pytest
from astropy.io import fits

from batch_files import read_results, row_of, simulate_pairs, write_manifest
from command_line import fail, run_command, succeed
from pages import Page, assert_self_contained


@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
    directory = tmp_path_factory.mktemp("pairs")
    simulate_pairs(directory)
    return directory


def table_of(directory):
    page = Page((directory / "index.html").read_text())
    assert_self_contained(page)
    (table,) = page.tables
    return page, [dict(zip(range(len(table[0])), row, strict=True)) for row in table[1:]]


def test_pages_are_reached_from_a_table_the_worst_first(pairs, tmp_path, capsys):
    rows = [
        row_of(pairs, 0, visit=7),
        # A tenth of what its sky has: suspect.
        row_of(pairs, 1, visit=8, science_variance=10),
        row_of(pairs, 2, visit="<9>", kernel=tmp_path / "none.fits"),
    ]
    manifest = write_manifest(tmp_path / "night.csv", rows)
    arguments = ["batch", manifest, "--jobs", 1, "--carry", "visit"]
    arguments += ["--report", tmp_path / "new/pages"]
    assert run_command(*arguments) == 1
    directory = tmp_path / "new/pages"
    names = ["index.html", "white0.html", "white1.html"]
    assert sorted(path.name for path in directory.iterdir()) == names
    results = read_results(tmp_path / "night.results.ecsv")
    page, shown = table_of(directory)
    assert [row[2] for row in shown] == ["failed", "suspect", results["verdict"][0]]
    assert [row[0] for row in shown] == ["3", "2", "1"]
    # What was carried, and why.
    assert [row[10] for row in shown] == ["<9>", "8", "7"]
    assert shown[0][3] == results["reason"][2] and shown[1][3] == results["cause"][1]
    assert [link["href"] for link in page.all("a")] == ["white1.html", "white0.html"]
    for place, number in ((1, 1), (2, 0)):
        value, error = map(float, shown[place][5].split(" ± "))
        assert value == pytest.approx(results["variance_ratio_after"][number], abs=error / 10)
        assert error == pytest.approx(results["variance_ratio_after_error"][number], rel=0.05)
    for name in names[1:]:
        assert_self_contained(Page((directory / name).read_text()))
    # Done again is what has no page; what has one stays as it is.
    (directory / names[1]).unlink()
    before = (directory / names[2]).stat().st_mtime_ns
    capsys.readouterr()
    assert run_command(*arguments) == 1
    assert "2 of 3 rows done (1 of them before)" in capsys.readouterr().out
    assert (directory / names[1]).exists()
    assert (directory / names[2]).stat().st_mtime_ns == before
    # Rows that come later leave the others alone; outputs of one name have pages of their own.
    (tmp_path / "sub").mkdir()
    more = [row_of(pairs, 1, visit=n, output=f"sub/{name}.fits") for n, name in ((9, "white1"),)]
    write_manifest(manifest, [*more, *rows][::-1])
    assert run_command(*arguments) == 1
    assert "3 of 4 rows done (2 of them before)" in capsys.readouterr().out
    assert (directory / names[2]).stat().st_mtime_ns == before
    assert (directory / "white1-2.html").exists()
    # Another batch keeps off.
    other = write_manifest(tmp_path / "other.csv", rows[:1])
    message = fail(capsys, "batch", other, "--carry", "visit", "--report", directory)
    assert "index.html' exists: give --overwrite to replace it" in message


def test_a_row_has_its_figure_page_and_configuration(pairs, tmp_path, capsys):
    full = "decorrelateMapReduceConfig.mapper.completeVarPlanePropagation=True"
    rows = [
        row_of(pairs, 0, plot="a.svg", report="a.html"),
        row_of(pairs, 1, config="c.py", save_metadata="b.json"),
        row_of(
            pairs, 2, config_override=f"{full}; decorrelateMapReduceConfig.mapper.covariance='none'"
        ),
    ]
    (tmp_path / "c.py").write_text(f"config.{full}\n")
    manifest = write_manifest(tmp_path / "m.csv", rows)
    succeed(capsys, "batch", manifest, "--jobs", 1)
    assert "<svg" in (tmp_path / "a.svg").read_text()
    assert_self_contained(Page((tmp_path / "a.html").read_text()))
    assert "scienceVariance" in (tmp_path / "b.json").read_text()
    propagation = [fits.getheader(tmp_path / f"white{n}.fits")["WDVAR"] for n in range(3)]
    assert propagation == ["estimate", "full", "full"]
    # A figure that is gone, or another configuration, makes a row anew, and no other.
    times = [(tmp_path / f"white{n}.fits").stat().st_mtime_ns for n in range(3)]
    (tmp_path / "a.svg").unlink()
    (tmp_path / "c.py").write_text(f"config.{full.replace('True', 'False')}\n")
    assert "(1 of them before)" in succeed(capsys, "batch", manifest, "--jobs", 1)
    assert (tmp_path / "a.svg").exists()
    assert fits.getheader(tmp_path / "white1.fits")["WDVAR"] == "estimate"
    again = [(tmp_path / f"white{n}.fits").stat().st_mtime_ns for n in range(3)]
    assert [one == other for one, other in zip(times, again, strict=True)] == [False, False, True]


def test_a_configuration_may_change_the_share_of_the_cores(pairs, tmp_path, capsys):
    threads = "decorrelateMapReduceConfig.mapper.nThreads=3"
    manifest = write_manifest(tmp_path / "m.csv", [row_of(pairs, 0, config_override=threads)])
    assert "1 of 1 rows done" in succeed(capsys, "batch", manifest, "--jobs", 1)


def test_what_a_row_cannot_have_is_its_failure(pairs, tmp_path):
    (tmp_path / "mine.html").write_text("mine")
    rows = [
        row_of(pairs, 0, report="mine.html"),
        row_of(pairs, 1, config_override="noSuchField=1"),
        row_of(pairs, 2, report=f"nowhere{os.sep}c.html"),
    ]
    manifest = write_manifest(tmp_path / "m.csv", rows)
    assert run_command("batch", manifest, "--jobs", 1) == 1
    reasons = list(read_results(tmp_path / "m.results.ecsv")["reason"])
    assert "mine.html exists: give --overwrite" in reasons[0]
    assert "noSuchField" in reasons[1] and "config" in reasons[1]
    assert "nowhere" in reasons[2] and "does not exist" in reasons[2]
    assert (tmp_path / "mine.html").read_text() == "mine"
    assert not list(tmp_path.glob("white*"))


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"plot": "figure.txt"}, "expected a figure named"),
        ({"report": "page.pdf"}, "expected a page named"),
        ({"plot": "white0.fits"}, "is the output of row 1 and a file to write of row 1"),
    ],
)
def test_names_that_cannot_be_are_refused_before_any_work(
    pairs, tmp_path, capsys, changed, message
):
    manifest = write_manifest(tmp_path / "m.csv", [row_of(pairs, 0, **changed)])
    assert message in fail(capsys, "batch", manifest)
    assert not (tmp_path / "white0.fits").exists()
