"""The benchmark runner, on a frame so small that its figures mean nothing."""

from __future__ import annotations

import ctypes.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

BENCH = Path(__file__).parents[1] / "bench"


@pytest.fixture
def bench_modules(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCH))


@pytest.mark.skipif(not ctypes.util.find_library("fftw3f"), reason="no FFTW to compare with")
def test_run_writes_results(tmp_path):
    output = tmp_path / "bench.json"
    subprocess.run(
        [sys.executable, str(BENCH / "run.py"), "--size", "256", "--repeat", "2", "--threads", "1"]
        + ["--case", "decorrelate", "memory", "scale", "--output", str(output)],
        check=True,
    )
    record = json.loads(output.read_text())
    results = {row["case"]: row for row in record["results"]}
    assert list(results) == ["decorrelate", "memory", "scale"]
    assert results["scale"]["outcome"] == "skipped"
    assert "--large" in results["scale"]["reason"]
    timed = results["decorrelate"]
    assert timed["outcome"] in ("pass", "miss")
    assert len(timed["values"]) == 2
    assert timed["range"][0] <= timed["median"] <= timed["range"][1]
    assert timed["seconds"]["decorrelate"] > 0
    assert record["machine"]["FFTW"].startswith("fftw-3")


def test_unknown_case_is_refused():
    done = subprocess.run(
        [sys.executable, str(BENCH / "run.py"), "--case", "nothing"], capture_output=True, text=True
    )
    assert done.returncode == 2
    assert "nothing" in done.stderr


@pytest.mark.usefixtures("bench_modules")
def test_wrong_answers_are_found():
    from contestants import constant, decorrelate
    from errors import AnswerError
    from scene import make_scene

    scene = make_scene(256)
    timed = decorrelate(scene, 1)
    whitened = timed.run()
    timed.check(whitened)

    whitened.image[...] = scene.difference
    with pytest.raises(AnswerError, match="variance"):
        timed.check(whitened)

    one_filter = constant(scene, 1)
    whitened = one_filter.run()
    one_filter.check(whitened)
    whitened.image[128, 128] += 2.0
    with pytest.raises(AnswerError, match="one filter"):
        one_filter.check(whitened)


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
