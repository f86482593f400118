"""The benchmark runner, on a frame so small that its figures mean nothing."""

from __future__ import annotations

import ctypes.util
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

BENCH = Path(__file__).parents[1] / "bench"

needs_fftw = pytest.mark.skipif(
    not ctypes.util.find_library("fftw3f"), reason="no FFTW to compare with"
)


@pytest.fixture
def bench_modules(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCH))


def run(script, *arguments, **options):
    return subprocess.run([sys.executable, str(BENCH / script), *map(str, arguments)], **options)


def measured(output, *arguments):
    run("run.py", "--repeat", 2, "--threads", 1, "--output", output, *arguments, check=True)
    return json.loads(output.read_text())


@needs_fftw
@pytest.mark.usefixtures("bench_modules")
def test_run_writes_results(tmp_path):
    from cases import CASES

    slow = ("first-call", "first-out", "import", "help", "start")
    cases = [
        case.name
        for case in CASES
        if case.name not in slow
        and (not case.name.startswith("memory-") or case.name in ("memory-large", "memory-rubin"))
    ]
    record = measured(tmp_path / "bench.json", "--size", 256, "--case", *cases)
    results = {row["case"]: row for row in record["results"]}
    assert list(results) == cases
    assert all(row["outcome"] != "wrong" for row in results.values())
    for name in ("scale", "memory-large", "bands-memory", "bands-scale"):
        assert results[name]["outcome"] == "skipped"
        assert "--large" in results[name]["reason"]
    for name in ("sfft", "sfft-tiles", "rubin", "memory-rubin", "roman"):
        assert results[name]["outcome"] == "measured" or results[name]["reason"].startswith("no ")
    assert results["numpy"]["outcome"] in ("pass", "miss")
    timed = results["decorrelate"]
    assert timed["outcome"] in ("pass", "miss")
    assert len(timed["values"]) == 2
    assert timed["range"][0] <= timed["median"] <= timed["range"][1]
    assert timed["seconds"]["decorrelate"] > 0
    assert record["machine"]["FFTW"].startswith("fftw-3")


@needs_fftw
@pytest.mark.parametrize(
    ("sweep", "point", "series"),
    [
        ("sources", 3, ["variances as numbers", "variance planes", "full variance"]),
        ("basis", 5, ["polynomials of degree 1", "polynomials of degree 4"]),
        ("kernel", 11, ["variances as numbers", "full variance"]),
    ],
)
def test_sweeps_give_times_over_the_standard_case(tmp_path, sweep, point, series):
    record = measured(tmp_path / "sweep.json", "--size", 256, "--sweep", sweep, "--at", point)
    assert [row["series"] for row in record["sweeps"]] == series
    for row in record["sweeps"]:
        assert (row["sweep"], row["at"], row["outcome"]) == (sweep, point, "measured")
        assert row["seconds"] > 0
        assert all(value > 0 for value in row["values"])


@needs_fftw
def test_sizes_and_their_figure(tmp_path):
    output = tmp_path / "sizes.json"
    rows = measured(output, "--sweep", "size", "--at", 128, 16384)["sweeps"]
    small = [row for row in rows if row["at"] == 128]
    assert all(row["outcome"] in ("measured", "skipped") for row in small)
    assert {"FFTW round trip", "decorrelate"} <= {
        row["series"] for row in small if row["outcome"] == "measured"
    }
    large = [row for row in rows if row["at"] == 16384]
    assert len(large) == len(small)
    assert all(row["outcome"] == "skipped" for row in large)
    assert any("left out above 8192" in row["reason"] for row in large)

    pytest.importorskip("matplotlib")
    run("plot.py", output, tmp_path, check=True)
    for name in ("speed.png", "cost.png"):
        assert (tmp_path / name).read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--case", "nothing"], "nothing"),
        (["--sweep", "nothing"], "nothing"),
        (["--at", "8"], "--at needs one --sweep"),
        (["--repeat", "0"], "at least 1"),
        (["--against", "no-revision"], "got no-revision"),
    ],
)
def test_wrong_arguments_are_refused(arguments, message):
    done = run("run.py", *arguments, capture_output=True, text=True)
    assert done.returncode == 2
    assert message in done.stderr


@pytest.mark.usefixtures("bench_modules")
def test_wrong_answers_are_found():
    from contestants import constant_whole, decorrelate
    from errors import AnswerError
    from scene import make_scene

    scene = make_scene(256)
    timed = decorrelate(scene, 1)
    whitened = timed.run()
    timed.check(whitened)

    whitened.image[...] = scene.difference
    with pytest.raises(AnswerError, match="variance"):
        timed.check(whitened)

    one_filter = constant_whole(scene, 1)
    image, variance, psf = one_filter.run()
    one_filter.check((image, variance, psf))
    with pytest.raises(AnswerError, match="variance"):
        one_filter.check((image, 1.001 * variance, psf))
    with pytest.raises(AnswerError, match="PSF"):
        one_filter.check((image, variance, np.roll(psf, 1)))
    image[128, 128] += 2.0
    with pytest.raises(AnswerError, match="one filter"):
        one_filter.check((image, variance, psf))


@needs_fftw
def test_a_batch_takes_turns_with_single_processes_and_copies(tmp_path):
    pytest.importorskip("distributed")
    output = tmp_path / "batch.json"
    arguments = ["--size", 64, "--rows", 2, "--repeat", 1, "--folder", tmp_path, "--output", output]
    run("batch.py", *arguments, check=True)
    results = json.loads(output.read_text())["results"]
    rates = results.pop("rates")
    assert all(rate > 0 for each in rates.values() for rate in each)
    assert set(results) == {
        f"{name} / {other}"
        for name in ("dask", "pool")
        for other in ("two single processes", "two processes that copy")
    }
    for name, found in results.items():
        above, below = name.split(" / ")
        assert found["ratios"] == [rates[above][0] / rates[below][0]]


@pytest.mark.usefixtures("bench_modules")
def test_patience_ends_the_rounds():
    from timing import Timed, take_turns

    calls = []

    def slow():
        calls.append(None)

    def seconds(patience):
        calls.clear()
        times = take_turns([Timed(slow, lambda _: None)], 5, "wall", patience=patience)
        return len(times[0]), len(calls)

    assert seconds(1000.0)[0] == 5
    rounds, made = seconds(0.0)
    assert rounds == 1
    assert made == 2  # the first calls, and no more


@pytest.mark.usefixtures("bench_modules")
def test_processes_take_turns():
    from errors import SkippedError
    from remote import Remote
    from timing import take_turns

    what = ("decorrelate", 128, 1)
    with Remote([sys.executable], os.environ, *what) as one:
        with Remote([sys.executable], os.environ, *what) as other:
            times = take_turns([one, other], 3, "cpu")
    assert [len(seconds) for seconds in times] == [3, 3]
    assert min(map(min, times)) > 0

    with Remote([sys.executable, "-c", "0"], os.environ, *what) as ended:
        with pytest.raises(SkippedError, match="ended"):
            ended.warm_up("cpu")


@pytest.mark.skipif(not shutil.which("git"), reason="no git")
@pytest.mark.usefixtures("bench_modules")
def test_a_revision_is_unpacked(tmp_path, monkeypatch):
    import builds

    def git(*words):
        who = ["-c", "user.name=a", "-c", "user.email=a@b"]
        subprocess.run(["git", "-C", tmp_path, *who, *words], check=True)

    monkeypatch.setattr(builds, "BENCH", tmp_path / "bench")
    git("init", "--quiet")
    for text in ("old", "new"):
        (tmp_path / "a.txt").write_text(text)
        git("add", "a.txt")
        git("commit", "--quiet", "--message", text)
    builds.unpack("HEAD~1", tmp_path / "there")
    assert (tmp_path / "there" / "a.txt").read_text() == "old"
    with pytest.raises(ValueError, match="HEAD~2"):
        builds.unpack("HEAD~2", tmp_path / "elsewhere")


@pytest.mark.usefixtures("bench_modules")
def test_another_build_is_found_first_and_libraries_where_they_are(tmp_path, monkeypatch):
    import builds

    elsewhere = tmp_path / "elsewhere"
    for package in (tmp_path / "build" / "whitediff", elsewhere / "library_of_a_pth_file"):
        package.mkdir(parents=True)
        (package / "__init__.py").write_text("")
    # What site makes of a .pth file. The package itself may be there once more, as here.
    monkeypatch.syspath_prepend(str(elsewhere))
    code = "import library_of_a_pth_file, numpy, timing, whitediff; print(whitediff.__file__)"
    command, environment = builds.python(tmp_path / "build", ["-c", code])
    done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    assert Path(done.stdout.strip()) == tmp_path / "build" / "whitediff" / "__init__.py"


@pytest.mark.usefixtures("bench_modules")
def test_cases_and_their_targets():
    from cases import CASES

    names = [case.name for case in CASES]
    assert len(set(names)) == len(names)

    over = next(case for case in CASES if case.name == "threads")
    assert over.outcome(over.target) == "pass"
    assert over.outcome(over.target - 0.1) == "miss"
    under = next(case for case in CASES if case.name == "memory")
    assert under.outcome(under.target + 1) == "miss"


@pytest.mark.usefixtures("bench_modules")
@pytest.mark.parametrize(
    ("chain", "stage"),
    [
        (("clear_page [kernel.kallsyms]", "asm_exc_page_fault [kernel.kallsyms]"), "fresh memory"),
        (("autocorrelate", "FilterDesign::set", "whitediff::filter_support"), "planning"),
        (("[unknown] /usr/lib/libfftw3f.so.3", "transform_columns", "run"), "transforms"),
        (("memmove libc.so.6", "load_image", "whitediff::CellWorker<float>::run"), "loads"),
        (("interleave_with<false, float>", "load_row", "load", "load_image"), "loads"),
        (("separate_with<false, float>", "whitediff::CellWorker<float>::run"), "transposes"),
        (("_PyEval_EvalFrameDefault libpython3.so",), "Python, numpy"),
    ],
)
def test_samples_find_their_stage(chain, stage):
    from stages import stage_of

    assert stage_of(chain) == stage


@needs_fftw
def test_missing_perf_is_told(tmp_path):
    environment = {**os.environ, "PATH": str(tmp_path)}
    done = run("stages.py", env=environment, capture_output=True, text=True)
    assert done.returncode == 2
    assert "expected perf (Debian: linux-perf)" in done.stderr


@pytest.mark.skipif(not shutil.which("addr2line"), reason="no addr2line")
@pytest.mark.skipif(not shutil.which("cc"), reason="no compiler")
@pytest.mark.usefixtures("bench_modules")
def test_inlined_functions_are_found(tmp_path):
    from stages import inlined_names

    source, program = tmp_path / "a.c", tmp_path / "a.so"
    source.write_text(
        "static inline __attribute__((always_inline)) int inner(int x) { return x * x + 3; }\n"
        "int outer(int x) { return inner(x); }\n"
    )
    subprocess.run(["cc", "-g", "-O2", "-shared", "-fPIC", source, "-o", program], check=True)
    symbols = subprocess.run(["nm", program], check=True, capture_output=True, text=True).stdout
    start = next(line.split()[0] for line in symbols.splitlines() if line.endswith(" outer"))
    found = inlined_names(str(program), [f"{int(start, 16) + n:x}" for n in range(8)])
    assert ("inner", "outer") in found.values()


@pytest.mark.usefixtures("bench_modules")
def test_limits_are_the_slower_of_arithmetic_and_traffic():
    import roofline

    box = {"border": 16, "box_height": 600, "box_width": 340}
    limits = dict.fromkeys(
        (roofline.PEAK, roofline._FFTW, roofline.READ, roofline._WRITE)
        + (roofline._CACHE, roofline._FRESH),
        10.0,
    )
    case = {
        "contestant": "decorrelate, variance planes",
        "geometry": box,
        "stages": [{"stage": "variance"}, {"stage": "statistics"}, {"stage": "transforms"}],
    }
    roofline.add_limits(case, limits)
    variance, statistics, transforms = case["stages"]
    assert variance["limit"] == pytest.approx(1.2)  # 12 bytes at 10 GB/s; 4 flops take a third
    assert "limit" not in statistics
    # 332 x 372 complex modes for 600 x 340 pixels, there and back.
    modes = 332 * 372
    flops = 2 * 5 * modes * np.log2(modes) / (600 * 340)
    assert transforms["limit"] == pytest.approx(flops / 10)


@pytest.mark.usefixtures("bench_modules")
def test_tables_are_filled_in():
    import figures

    text = "a\n<!-- stages, A: begin -->\nold\n<!-- stages, A: end -->\nb\n"
    once = figures.filled(text, "stages", "A", ["new"])
    assert once == text.replace("old", "new")
    assert figures.filled(once, "stages", "A", ["new"]) == once
    both = figures.filled(once, "stages", "B (r)", ["other"])
    assert both.startswith(once.removesuffix("b\n"))
    assert both.endswith("\n<!-- stages, B (r): begin -->\nother\n<!-- stages, B (r): end -->\nb\n")
    assert figures.filled(both, "stages", "B (r)", ["other"]) == both
    with pytest.raises(ValueError, match="limits"):
        figures.filled(text, "limits", "A", ["new"])
    page = (BENCH / "README.md").read_text()
    for name in figures._TABLES:
        figures.filled(page, name, "A", ["new"])


@pytest.mark.usefixtures("bench_modules")
def test_demands_are_summed_by_where_the_bytes_are():
    import roofline

    box = {"border": 16, "box_height": 600, "box_width": 340}
    wanted = roofline.demands(box, "decorrelate, variance planes")
    flops, memory, cache = roofline.totals(wanted)
    assert flops == pytest.approx(sum(demand[0] for demand in wanted.values()))
    # Pixels read and written, two variance planes read and one written, pages of both outputs.
    assert memory == 4 + 4 + 12 + 8
    assert cache == pytest.approx(wanted["transposes"][1] + wanted["multiply"][1])
