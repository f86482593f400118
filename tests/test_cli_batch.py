"""``whitediff batch``: manifests, results, and going on where it stopped."""

import os
import shutil

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import MaskedColumn, Table

import whitediff
from batch_files import N_PAIRS, read_results, row_of, simulate_pairs, write_manifest
from command_line import fail, options, run_command, succeed, write_plain
from whitediff.cli.batch.cores import shares_of_cores


@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
    directory = tmp_path_factory.mktemp("pairs")
    simulate_pairs(directory)
    return directory


@pytest.fixture
def manifest(pairs, tmp_path):
    return write_manifest(tmp_path / "night.csv", [row_of(pairs, n) for n in range(N_PAIRS)])


@pytest.fixture
def results(tmp_path):
    """Path of the results beside the manifest."""
    return tmp_path / "night.results.ecsv"


def batch(*arguments, status=0):
    """Run in one process, which costs the time to start it."""
    assert run_command("batch", *arguments, "--jobs", 1) == status


def made_at(path):
    return path.stat().st_mtime_ns


def test_outputs_are_those_of_decorrelate(pairs, manifest, results, tmp_path, capsys):
    printed = succeed(capsys, "batch", manifest)
    assert printed == f"{results}: 3 of 3 rows done, 0 failed\n"
    for n in range(N_PAIRS):
        single = tmp_path / f"single{n}.fits"
        succeed(capsys, "decorrelate", *options(pairs / str(n)), "-o", single)
        with fits.open(single) as expected, fits.open(tmp_path / f"white{n}.fits") as found:
            assert len(found) == len(expected)
            for one, other in zip(found, expected, strict=True):
                np.testing.assert_array_equal(one.data, other.data)
            assert len(found[0].header["WDBATCH"]) == 16
    names = {path.name for path in tmp_path.iterdir()}
    assert not {name for name in names if name.startswith(".")}


def test_table_of_results(pairs, tmp_path, results):
    rows = [row_of(pairs, 0, visit=17, detector="S01"), row_of(pairs, 1, visit=18, detector="N31")]
    manifest = write_manifest(tmp_path / "night.csv", rows)
    batch(manifest, "--carry", "visit", "--carry", "detector", "--threads", 1)
    table = read_results(results)
    assert list(table["visit"]) == [17, 18] and list(table["detector"]) == ["S01", "N31"]
    assert list(table["output"]) == ["white0.fits", "white1.fits"]
    assert list(table["status"]) == ["done", "done"] and table["reason"].mask.all()
    assert list(table["attempts"]) == [1, 1] and (table["seconds"] > 0).all()
    assert str(table["seconds"].unit) == "s" and str(table["border"].unit) == "pix"
    assert set(table["image_unit"]) == {"electron"}
    assert set(table["whitediff_version"]) == {whitediff.__version__}
    header = fits.getheader(tmp_path / "white0.fits")
    for name, keyword in (("cells", "WDCELLS"), ("border", "WDBORDER")):
        assert table[name][0] == header[keyword]
    np.testing.assert_array_equal(table["science_variance_mean"], 100)
    np.testing.assert_array_equal(table["template_variance_mean"], 300)
    # White now, and not before; 4.5 sampling errors in six numbers are passed once in 24 000 seeds.
    for name, white in (("variance_ratio", 1), ("correlation_x", 0), ("correlation_y", 0)):
        for when, is_white in (("after", True), ("before", False)):
            errors = abs(table[f"{name}_{when}"] - white) / table[f"{name}_{when}_error"]
            assert ((errors < 4.5) == is_white).all(), (name, when)
    # 19 650 pixels, nearly all of them used.
    np.testing.assert_allclose(table["correlation_x_after_error"], 19650**-0.5, rtol=0.1)


def test_what_is_known_of_the_colour(pairs, tmp_path, results, capsys):
    lags = write_plain(tmp_path / "lags.fits", np.outer([0.2, 1.0, 0.2], [0.1, 1.0, 0.1]))
    of_inputs = {
        "science_covariance": '"lanczos3:0.2,0.5"',
        "template_covariance": "lags.fits",
        "covariance": "none",
        "shared_variance": 20.5,
    }
    rows = [
        row_of(pairs, 0, **of_inputs),
        row_of(pairs, 1, covariance="lags.fits"),
        {"difference": f"{pairs}/2/difference.fits", "output": "white2.fits"},
    ]
    manifest = write_manifest(tmp_path / "night.csv", rows)
    batch(manifest, "--covariance", "measured")
    headers = [fits.getheader(tmp_path / f"white{n}.fits") for n in range(N_PAIRS)]
    assert [header["WDCOV"] for header in headers] == ["none", "given", "measured"]
    extra = ["--science-covariance", "lanczos3:0.2,0.5", "--template-covariance", lags]
    extra += ["--covariance", "none", "--shared-variance", 20.5]
    single = tmp_path / "single.fits"
    succeed(capsys, "decorrelate", *options(pairs / "0"), "-o", single, *extra)
    np.testing.assert_array_equal(
        fits.getdata(tmp_path / "white0.fits", 1), fits.getdata(single, 1)
    )
    table = read_results(results)
    assert list(table["status"]) == ["done"] * 3
    assert table["covariance_applied"].tolist() == [None, True, True]
    for column, keyword in (
        ("covariance_power", "WDCPOW"),
        ("covariance_psf_scale", "WDCPSF"),
        ("covariance_psf_scale_error", "WDCPSFE"),
    ):
        np.testing.assert_allclose(table[column][1:], [header[keyword] for header in headers[1:]])
    assert table["covariance_pixels"].mask.tolist() == [True, True, False]
    # The last row has nothing but a difference.
    assert table["science_variance_mean"].mask.tolist() == [False, False, True]
    assert table["difference_variance_mean"][2] == headers[2]["WDDVAR"]
    assert table["variance_ratio_after"][2] == pytest.approx(1, abs=0.05)
    message = fail(capsys, "batch", manifest, "--covariance", "auto")
    assert "covariance was measured and is auto" in message
    made = made_at(tmp_path / "white2.fits")
    batch(manifest, "--covariance", "measured")
    assert made_at(tmp_path / "white2.fits") == made


def test_cells_of_a_row_are_options(pairs, tmp_path, capsys, results):
    plane = np.full((150, 131), 90.0, np.float32)
    write_plain(tmp_path / "plane.fits", plane)
    write_plain(tmp_path / "psf.fits", np.outer([1.0, 2.0, 1.0], [1.0, 3.0, 1.0]))
    table = Table([row_of(pairs, 0), row_of(pairs, 1)])
    table["science_variance"] = MaskedColumn(["plane.fits", ""], mask=[False, True])
    table["template_variance"] = MaskedColumn([250.0, 0], mask=[False, True])
    table["psf"] = MaskedColumn(["psf.fits", ""], mask=[False, True])
    table["convolved"] = ["template", ""]
    table["scale"] = MaskedColumn([1.0, 7.0], mask=[False, True])
    manifest = tmp_path / "night.ecsv"
    table.write(manifest)
    batch(manifest, "--constant", "--variance", "full")
    given = ["--science-variance", tmp_path / "plane.fits", "--template-variance", 250]
    given += ["--psf", tmp_path / "psf.fits", "--convolved", "template", "--scale", 1]
    for n, extra in ((0, given), (1, [])):
        single = tmp_path / "single.fits"
        arguments = ["--constant", "--variance", "full", "--overwrite", *extra]
        succeed(capsys, "decorrelate", *options(pairs / str(n)), "-o", single, *arguments)
        with fits.open(single) as expected, fits.open(tmp_path / f"white{n}.fits") as found:
            for one, other in zip(found, expected, strict=True):
                np.testing.assert_array_equal(one.data, other.data)
    assert read_results(results)["science_variance_mean"][0] == 90


def test_bad_row_fails_alone(pairs, tmp_path, results, capsys):
    broken = tmp_path / "broken.fits"
    broken.write_bytes((pairs / "1/template.fits").read_bytes()[:9000])
    (tmp_path / "white2.fits").write_text("precious")
    rows = [row_of(pairs, n) for n in range(N_PAIRS)]
    rows[1]["template"] = "broken.fits"
    rows += [row_of(pairs, 0, output="nowhere/white.fits"), row_of("gone", 1, output="g.fits")]
    manifest = write_manifest(tmp_path / "night.csv", rows)
    batch(manifest, status=1)
    captured = capsys.readouterr()
    assert captured.out == f"{results}: 1 of 5 rows done, 4 failed\n"
    table = read_results(results)
    assert list(table["status"]) == ["done", *["failed"] * 4]
    reasons = [
        (2, f"{broken} is truncated"),
        (3, f"{tmp_path / 'white2.fits'} exists: give --overwrite to replace it"),
        (4, f"directory {tmp_path / 'nowhere'} of white.fits does not exist"),
        (5, f"{tmp_path / 'gone/1/science.fits'}: No such file or directory"),
    ]
    for row, reason in reasons:
        assert reason in table["reason"][row - 1]
        assert f"row {row} failed: {table['reason'][row - 1]}\n" in captured.err
    assert captured.err.count("\n") == 4
    assert table["variance_ratio_after"].mask.tolist() == [False, *[True] * 4]
    assert (tmp_path / "white2.fits").read_text() == "precious"
    # Once it is mended only what had failed is done.
    before = made_at(tmp_path / "white0.fits")
    broken.write_bytes((pairs / "1/template.fits").read_bytes())
    write_manifest(manifest, rows[:3])
    batch(manifest, "--overwrite")
    assert capsys.readouterr().out == f"{results}: 3 of 3 rows done (1 of them before), 0 failed\n"
    assert made_at(tmp_path / "white0.fits") == before
    assert fits.getheader(tmp_path / "white2.fits")["WDVERSN"]


def test_a_batch_with_a_file_of_lags_goes_on_where_it_stopped(pairs, manifest, results, tmp_path):
    lags = write_plain(tmp_path / "lags.fits", np.outer([0.1, 1, 0.1], [0.1, 1, 0.1]))
    batch(manifest, "--covariance", lags)
    before = [made_at(tmp_path / f"white{n}.fits") for n in range(N_PAIRS)]
    batch(manifest, "--covariance", lags)
    assert [made_at(tmp_path / f"white{n}.fits") for n in range(N_PAIRS)] == before
    # Other lags are another noise.
    lags.unlink()
    write_plain(lags, np.outer([0.2, 1, 0.2], [0.1, 1, 0.1]))
    batch(manifest, "--covariance", lags)
    assert made_at(tmp_path / "white0.fits") != before[0]


def test_only_what_has_changed_is_done_again(pairs, tmp_path, results, capsys):
    rows = [row_of(pairs, n) for n in range(N_PAIRS)]
    own = tmp_path / "kernel.fits"
    own.write_bytes((pairs / "2/kernel.fits").read_bytes())
    rows[2]["kernel"] = "kernel.fits"
    manifest = write_manifest(tmp_path / "night.csv", rows)
    outputs = [tmp_path / f"white{n}.fits" for n in range(N_PAIRS)]

    def done_again():
        before = [made_at(path) if path.exists() else None for path in outputs]
        batch(manifest, *(["--carry", "visit"] if "visit" in rows[0] else []))
        after = [made_at(path) for path in outputs]
        assert all(read_results(results)["status"] == "done")
        return [n for n in range(N_PAIRS) if before[n] != after[n]]

    assert done_again() == [0, 1, 2]
    assert done_again() == []
    # The table follows the manifest where there is nothing to do.
    write_manifest(manifest, rows[1:])
    batch(manifest)
    assert len(read_results(results)) == 2
    write_manifest(manifest, rows)
    assert done_again() == [0]
    # What is carried along changes no output.
    for n, row in enumerate(rows):
        row["visit"] = n
    rows[1]["science_variance"] = 80
    write_manifest(manifest, rows)
    outputs[0].unlink()
    later = made_at(outputs[2]) + 10**9
    os.utime(own, ns=(later, later))
    assert done_again() == [0, 1, 2]
    table = read_results(results)
    assert list(table["visit"]) == [0, 1, 2]
    # Planes have wings of stars, which float32 hardly shows.
    assert list(table["science_variance_mean"]) == pytest.approx([100, 80, 100], rel=1e-7)


def test_other_settings_are_refused_or_begin_anew(manifest, results, tmp_path, capsys):
    batch(manifest, "--ignore-plane", "SAT", "--ignore-plane", "BAD")
    capsys.readouterr()
    before = results.read_bytes()
    batch(manifest, "--ignore-plane", "BAD", "--ignore-plane", "SAT")
    assert "3 of them before" in capsys.readouterr().out
    message = fail(capsys, "batch", manifest, "--constant", "--ignore-plane", "BAD")
    assert f"{results} has results of other settings: constant was False and is True" in message
    assert "ignore_planes was ['BAD', 'SAT'] and is ['BAD']" in message
    assert results.read_bytes() == before
    batch(manifest, "--constant", "--overwrite")
    assert "before" not in capsys.readouterr().out
    assert not fits.getheader(tmp_path / "white1.fits")["WDVARY"]


@pytest.fixture
def own_kernel(pairs, tmp_path):
    """A manifest of one row, done, and its kernel."""
    own = tmp_path / "kernel.fits"
    own.write_bytes((pairs / "0/kernel.fits").read_bytes())
    manifest = write_manifest(tmp_path / "night.csv", [row_of(pairs, 0, kernel="kernel.fits")])
    return manifest, own


@pytest.mark.parametrize("seconds", [-(10**6), -1, 0, 1, 10**6])
def test_inputs_of_any_age_are_up_to_date_while_they_stay(own_kernel, tmp_path, seconds):
    manifest, own = own_kernel
    time = own.stat().st_mtime_ns + seconds * 10**9
    os.utime(own, ns=(time, time))
    batch(manifest)
    before = made_at(tmp_path / "white0.fits")
    batch(manifest)
    assert made_at(tmp_path / "white0.fits") == before


def older(own, output):
    time = own.stat().st_mtime_ns - 10**12
    os.utime(own, ns=(time, time))


def replaced_by_a_copy(own, output):
    copy = own.with_name("copy.fits")
    shutil.copy2(own, copy)
    copy.replace(own)


def cut_short(own, output):
    os.truncate(output, output.stat().st_size - 2880)


def cut_to_nothing_but_its_header(own, output):
    end = output.read_bytes().index(b"END".ljust(80)) + 80
    os.truncate(output, -(-end // 2880) * 2880)


def rewritten_in_place(own, output):
    content = output.read_bytes()
    output.write_bytes(content[::-1])
    output.write_bytes(content)


@pytest.mark.parametrize(
    "change",
    [older, replaced_by_a_copy, cut_short, cut_to_nothing_but_its_header, rewritten_in_place],
)
def test_files_that_are_others_are_done_again(own_kernel, tmp_path, change):
    manifest, own = own_kernel
    output = tmp_path / "white0.fits"
    batch(manifest)
    content, before = output.read_bytes(), output.stat().st_ino
    change(own, output)
    batch(manifest)
    assert output.stat().st_ino != before
    assert output.read_bytes() == content


def test_an_input_that_is_gone_changes_nothing(own_kernel, tmp_path):
    manifest, own = own_kernel
    batch(manifest)
    before = made_at(tmp_path / "white0.fits")
    own.unlink()
    batch(manifest)
    assert made_at(tmp_path / "white0.fits") == before


BAD_TABLES = [
    ("", "expected a table, CSV or ECSV: No header line found"),
    (
        "science,template,difference,kernel\na,b,c,d\n",
        "none named output among science, template, ",
    ),
    ("science,template,difference,kernel,output\n", "expected at least one row"),
    ("science,template,difference,kernel,output\na,b,c,d,e,f\n", "expected a table, CSV or ECSV"),
    (
        "science,template,difference,kernel,output,scael\na,b,c,d,e,1\n",
        "unknown column scael, expected science, template, difference, kernel, output, and",
    ),
    ("science,template,difference,kernel,output\na,b,c,d,e\na,b,,d,f\n", "row 2: expected a file "),
    (
        "science,template,difference,kernel,output\na,b,c,d,e\na,b,c,d,x/../e\n",
        "e is the output of row 1 and the output of row 2",
    ),
    (
        "science,template,difference,kernel,output\na,b,c,d,e\ne,b,c,d,f\n",
        "e is an input of row 2 and the output of row 1",
    ),
    ("science,template,difference,kernel,output\na,b,c,d,night.csv\n", "is the manifest and the"),
    (
        "science,template,difference,kernel,output\na,b,c,d,night.results.ecsv\n",
        "is the output of row 1 and the table of results",
    ),
    (
        "science,template,difference,kernel,output,scale\na,b,c,d,e,two\n",
        "row 1: scale must be a number, got two",
    ),
    (
        "science,template,difference,kernel,output,convolved\na,b,c,d,e,both\n",
        "row 1: convolved must be template or science, got both",
    ),
    (
        "science,template,difference,kernel,output,science_variance\na,b,c,d,e,-1\n",
        "row 1: science_variance must be a finite number >= 0, got -1",
    ),
    (
        "science,template,difference,kernel,output,psf\na,b,c,d,e,e\n",
        "e is an input of row 1 and the output of row 1",
    ),
    (
        "science,template,difference,kernel,output\na,b,c,,e\n",
        "row 1: kernel is missing: give science, template and kernel, or none",
    ),
    (
        "science,template,difference,kernel,output,shared_variance\na,b,c,d,e,some\n",
        "row 1: shared_variance must be a number, got some",
    ),
    ("difference,output,scale\nc,e,2\n", "row 1: scale needs science, template and kernel"),
    ("difference,kernel,output\nc,d,e\n", "got none named science, template"),
    (
        "science,template,difference,kernel,output,template_covariance\na,b,c,d,e,lanczos3:1\n",
        "row 1: template_covariance: phases of lanczos3 must be two numbers",
    ),
    ("\xff\xfe", "expected a table"),
]


@pytest.mark.parametrize(("text", "message"), BAD_TABLES)
def test_bad_manifest(tmp_path, capsys, text, message):
    manifest = tmp_path / "night.csv"
    manifest.write_text(text, encoding="latin-1")
    assert message in fail(capsys, "batch", manifest)
    assert list(tmp_path.iterdir()) == [manifest]


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        (["--carry", "visit"], "no column visit to carry"),
        (["--scheduler", "tcp://localhost:1", "--jobs", 2], "not used with --scheduler"),
        (["--jobs", 0], "0 is not in the range"),
        (["--results", "night.csv"], "is the manifest and the table of results"),
        (["--ignore-plane"], "requires an argument"),
    ],
)
def test_bad_option(manifest, tmp_path, capsys, monkeypatch, extra, message):
    monkeypatch.chdir(tmp_path)
    assert message in fail(capsys, "batch", manifest, *extra)
    assert list(tmp_path.iterdir()) == [manifest]


def test_column_of_the_results_is_not_carried(pairs, tmp_path, capsys):
    manifest = write_manifest(tmp_path / "night.csv", [row_of(pairs, 0, status="good")])
    message = fail(capsys, "batch", manifest, "--carry", "status")
    assert "the column status would be one of the results as well" in message


def test_foreign_table_is_not_replaced(manifest, results, capsys):
    results.write_text("a,b\n1,2\n")
    message = fail(capsys, "batch", manifest, "--overwrite")
    assert "night.results.ecsv" in message
    Table({"a": [1]}).write(results, overwrite=True)
    assert "is no table of results" in fail(capsys, "batch", manifest, "--overwrite")
    assert list(read_results(results)["a"]) == [1]


@pytest.mark.parametrize("about", [[], {"settings": {}}, {"settings": 3, "batch": "a"}])
def test_table_that_tells_other_things_of_itself_is_not_replaced(manifest, results, capsys, about):
    Table({"status": ["done"]}, meta={"whitediff": about}).write(results)
    assert "is no table of results" in fail(capsys, "batch", manifest)


def test_columns_that_ecsv_describes_and_lacks(manifest, capsys):
    table = manifest.with_suffix(".ecsv")
    Table({"difference": ["a"], "output": ["b"]}).write(table)
    table.write_text(table.read_text().replace("{name: output,", "{"))
    assert f"{table} is incomplete: it has no 'name'" in fail(capsys, "batch", table)


def test_files_are_named_from_the_manifest(pairs, tmp_path, capsys, monkeypatch):
    (tmp_path / "lists").mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "ink").symlink_to(pairs)
    rows = [row_of("../ink", 0, output="../weiß.fits")]
    write_manifest(tmp_path / "lists/night.csv", rows)
    monkeypatch.chdir(tmp_path / "elsewhere")
    printed = succeed(capsys, "batch", "../lists/night.csv", "--results", "r.ecsv", "--jobs", 1)
    assert printed == "r.ecsv: 1 of 1 rows done, 0 failed\n"
    assert (tmp_path / "weiß.fits").exists()
    assert sorted(path.name for path in tmp_path.glob("*/*.ecsv")) == ["r.ecsv"]


@pytest.mark.parametrize(
    ("jobs", "threads", "n_rows", "shares"),
    [
        (None, None, 100, (8, 1)),
        (None, None, 3, (3, 2)),
        (None, 2, 100, (4, 2)),
        (None, 99, 100, (1, 99)),
        (2, None, 100, (2, 4)),
        (3, None, 100, (3, 2)),
        (50, None, 100, (50, 1)),
        (50, None, 1, (1, 8)),
        (4, 4, 100, (4, 4)),
    ],
)
def test_processes_and_threads_share_the_cores(monkeypatch, jobs, threads, n_rows, shares):
    monkeypatch.setattr("whitediff.cli.batch.cores.usable_cores", lambda: 8)
    assert shares_of_cores(jobs, threads, n_rows) == shares
