"""``whitediff batch`` on a cluster of dask.distributed."""

import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from astropy.io import fits

from batch_files import (
    let_die,
    on_mortal_worker,
    read_results,
    row_of,
    simulate_pairs,
    write_manifest,
)
from command_line import fail, run_command, succeed

Client = pytest.importorskip(
    "distributed", reason="no distributed: pip install 'whitediff[dask]'"
).Client

from whitediff.cli.batch import cluster  # noqa: E402  # needs distributed

CLUSTER = [sys.executable, Path(__file__).with_name("batch_cluster.py")]


@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
    directory = tmp_path_factory.mktemp("pairs")
    simulate_pairs(directory)
    return directory


@contextmanager
def running_cluster():
    """A cluster: its process, and the address of its scheduler."""
    with subprocess.Popen(
        CLUSTER, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        address = process.stdout.readline().strip()
        assert address.startswith("tcp://")
        yield process, address
        process.stdin.close()


@pytest.fixture(scope="module")
def scheduler():
    with running_cluster() as (_, address):
        yield address


@pytest.fixture
def mortal(monkeypatch):
    """Let workers die where `let_die` says so."""
    monkeypatch.setattr("whitediff.cli.batch.cluster._on_worker", on_mortal_worker)


def test_outputs_are_those_of_processes_of_this_machine(pairs, tmp_path, capsys, scheduler):
    for name in ("here", "there"):
        rows = [row_of(pairs, n, output=f"{name}{n}.fits") for n in range(3)]
        rows[2]["kernel"] = "gone.fits"
        manifest = write_manifest(tmp_path / f"{name}.csv", rows)
        where = ["--scheduler", scheduler] if name == "there" else ["--jobs", 1]
        assert run_command("batch", manifest, *where) == 1
        captured = capsys.readouterr()
        assert captured.out == f"{tmp_path / name}.results.ecsv: 2 of 3 rows done, 1 failed\n"
        assert captured.err.count("\n") == 1
    for n in range(2):
        here, there = (tmp_path / f"{name}{n}.fits" for name in ("here", "there"))
        with fits.open(here) as expected, fits.open(there) as found:
            for one, other in zip(found, expected, strict=True):
                np.testing.assert_array_equal(one.data, other.data)
            assert found[0].header["WDTHREAD"] == 1
    here, there = (read_results(tmp_path / f"{name}.results.ecsv") for name in ("here", "there"))
    own = ("output", "output_state", "inputs_state", "seconds", "reason")
    for name in set(here.colnames).difference(own):
        for n in range(3):
            assert np.ma.is_masked(there[name][n]) == np.ma.is_masked(here[name][n]), name
            assert np.ma.is_masked(here[name][n]) or there[name][n] == here[name][n], name
    assert there["reason"][2].startswith(f"{here['reason'][2]} (as the worker tcp://")


def test_worker_with_another_version(pairs, tmp_path, capsys, monkeypatch, scheduler):
    monkeypatch.setattr("whitediff.cli.batch.cluster.__version__", "9.9")
    manifest = write_manifest(tmp_path / "night.csv", [row_of(pairs, 0)])
    message = fail(capsys, "batch", manifest, "--scheduler", scheduler, status=1)
    assert "workers need whitediff 9.9, the one at tcp://127.0.0.1" in message


def test_worker_of_another_version_that_comes_late(monkeypatch, tmp_path):
    monkeypatch.setattr(cluster, "get_worker", lambda: SimpleNamespace(address="tcp://late"))
    finished = cluster._on_worker("topic", "9.9", 3, None)
    assert (finished.row, finished.cells) == (3, {})
    assert finished.reason.startswith("workers need whitediff 9.9, the one at tcp://late has ")


@pytest.mark.usefixtures("mortal")
def test_row_of_a_killed_worker_is_done_again(pairs, tmp_path, capsys, scheduler):
    rows = [row_of(pairs, n % 3, output=f"white{n}.fits") for n in range(5)]
    manifest = write_manifest(tmp_path / "night.csv", rows)
    let_die(tmp_path / "white1.fits", 1)
    succeed(capsys, "batch", manifest, "--scheduler", scheduler)
    table = read_results(tmp_path / "night.results.ecsv")
    assert set(table["status"]) == {"done"}
    assert table["attempts"][1] == 2
    assert not list(tmp_path.glob(".*"))


@pytest.mark.usefixtures("mortal")
def test_row_that_kills_its_worker_fails_alone(pairs, tmp_path, capsys, scheduler):
    rows = [row_of(pairs, n % 3, output=f"white{n}.fits") for n in range(4)]
    manifest = write_manifest(tmp_path / "night.csv", rows)
    let_die(tmp_path / "white0.fits", 99)
    assert run_command("batch", manifest, "--scheduler", scheduler) == 1
    table = read_results(tmp_path / "night.results.ecsv")
    assert list(table["status"]) == ["failed", "done", "done", "done"]
    assert table["attempts"][0] == 99 - int((tmp_path / "white0.deaths").read_text())
    assert f"its worker died {table['attempts'][0]} times" in table["reason"][0]


def test_no_scheduler(pairs, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("whitediff.cli.batch.cluster._CONNECT_SECONDS", 0.3)
    manifest = write_manifest(tmp_path / "night.csv", [row_of(pairs, 0, kernel="gone.fits")])
    assert run_command("batch", manifest, "--jobs", 1) == 1
    capsys.readouterr()
    for address in ("tcp://127.0.0.1:9", "tcp://no.such.host.invalid:8786"):
        message = fail(capsys, "batch", manifest, "--scheduler", address, status=1)
        assert f"no scheduler answers at {address}: " in message
    message = fail(capsys, "batch", manifest, "--scheduler", "nonsense")
    assert "--scheduler must be like tcp://host:8786, got nonsense" in message
    # What is known of the row is not forgotten.
    assert "gone.fits" in read_results(tmp_path / "night.results.ecsv")["reason"][0]


def test_scheduler_that_goes_away(pairs, tmp_path):
    rows = [row_of(pairs, n) for n in range(2)]
    rows[1]["kernel"] = "kernel.fits"
    manifest = write_manifest(tmp_path / "night.csv", rows)
    results = tmp_path / "night.results.ecsv"
    command = [sys.executable, "-m", "whitediff", "batch", manifest, "--scheduler"]
    with running_cluster() as (process, address):
        batch = subprocess.Popen([*command, address], stderr=subprocess.PIPE, text=True)
        end = time.monotonic() + 60
        while not results.exists() or list(read_results(results)["status"]) != ["done", "waiting"]:
            assert time.monotonic() < end
            time.sleep(0.05)
        # Its workers leave as well, for want of a parent.
        process.kill()
        _, message = batch.communicate(timeout=60)
    expected = f"whitediff: the scheduler at {address} is gone: give the same command to go on\n"
    assert (batch.returncode, message) == (1, expected)
    assert list(read_results(results)["status"]) == ["done", "waiting"]


def test_missing_package_is_named(pairs, tmp_path):
    manifest = write_manifest(tmp_path / "night.csv", [row_of(pairs, 0)])
    code = "import sys; sys.modules['distributed'] = None; from whitediff.cli import main; main()"
    command = [sys.executable, "-c", code, "batch", manifest, "--scheduler", "tcp://127.0.0.1:9"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    expected = "whitediff: the package distributed is missing: pip install 'whitediff[dask]'\n"
    assert (done.returncode, done.stderr) == (1, expected)


def test_interrupt_leaves_nothing_to_the_scheduler(pairs, tmp_path):
    rows = [row_of(pairs, n % 3, kernel="kernel.fits", output=f"white{n}.fits") for n in range(6)]
    # Who reads it waits, since it is not there.
    manifest = write_manifest(tmp_path / "night.csv", rows)
    command = [sys.executable, "-m", "whitediff", "batch", manifest, "--scheduler"]

    def wait_for_tasks(client, number):
        end = time.monotonic() + 60
        while client.run_on_scheduler(lambda dask_scheduler: len(dask_scheduler.tasks)) != number:
            assert time.monotonic() < end
            time.sleep(0.05)

    with running_cluster() as (process, address):
        batch = subprocess.Popen([*command, address], stderr=subprocess.PIPE, text=True)
        with Client(address, set_as_default=False) as client:
            wait_for_tasks(client, len(rows))
            batch.send_signal(signal.SIGINT)
            _, message = batch.communicate(timeout=60)
            assert batch.returncode == 130 and message.endswith("whitediff: interrupted\n")
            wait_for_tasks(client, 0)
        process.kill()
    assert set(read_results(tmp_path / "night.results.ecsv")["status"]) == {"waiting"}
