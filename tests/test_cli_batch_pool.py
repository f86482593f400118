"""``whitediff batch`` on one machine: processes that die, interrupts, going on after a kill."""

import os
import pty
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest
from astropy.io import fits

from batch_files import (
    let_die,
    read_results,
    row_of,
    serve_mortally,
    simulate_pairs,
    write_manifest,
)
from command_line import fail, run_command, succeed

COMMAND = [sys.executable, "-m", "whitediff", "batch"]
WAITING = [sys.executable, Path(__file__).with_name("waiting_kernels.py"), "batch"]


@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
    directory = tmp_path_factory.mktemp("pairs")
    simulate_pairs(directory)
    return directory


@pytest.fixture
def mortal(monkeypatch):
    """Let processes die where `let_die` says so."""
    monkeypatch.setattr("whitediff.cli.batch.pool._serve", serve_mortally)


@pytest.fixture
def blocked(pairs, tmp_path):
    """A manifest of three rows, of which the second waits for its kernel, and that kernel."""
    rows = [row_of(pairs, n) for n in range(3)]
    rows[1]["kernel"] = "kernel.fits"
    kernel = tmp_path / "kernel.fits"
    return write_manifest(tmp_path / "night.csv", rows), kernel


def until(condition):
    """Wait for something that must happen soon."""
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def statuses(manifest):
    results = manifest.with_name("night.results.ecsv")
    return list(read_results(results)["status"]) if results.exists() else []


def start_until_blocked(manifest, **options):
    """Run the command until all but the blocked row is done, and that one is begun."""
    process = subprocess.Popen([*WAITING, manifest, "--jobs", "2"], text=True, **options)
    until(lambda: statuses(manifest) == ["done", "waiting", "done"])
    return process


def group_is_gone(group):
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return True
    return False


@pytest.mark.usefixtures("mortal")
def test_row_of_a_killed_process_is_done_again(pairs, tmp_path, capsys):
    manifest = write_manifest(tmp_path / "night.csv", [row_of(pairs, n) for n in range(3)])
    let_die(tmp_path / "white1.fits", 1)
    succeed(capsys, "batch", manifest, "--jobs", 2)
    table = read_results(tmp_path / "night.results.ecsv")
    assert list(table["attempts"]) == [1, 2, 1]


@pytest.mark.usefixtures("mortal")
def test_row_that_kills_its_process_fails_alone(pairs, tmp_path, capsys):
    manifest = write_manifest(tmp_path / "night.csv", [row_of(pairs, n) for n in range(3)])
    let_die(tmp_path / "white0.fits", 99)
    assert run_command("batch", manifest, "--jobs", 2) == 1
    table = read_results(tmp_path / "night.results.ecsv")
    assert list(table["status"]) == ["failed", "done", "done"]
    assert list(table["attempts"]) == [3, 1, 1]
    reason = "its process died 3 times, by SIGKILL: not enough memory?"
    assert table["reason"][0] == reason
    assert f"row 1 failed: {reason}\n" in capsys.readouterr().err
    # It had three lives.
    assert (tmp_path / "white0.deaths").read_text() == "96"


def test_no_place_for_the_socket_of_the_server(pairs, tmp_path):
    # Names of sockets have at most 107 bytes.
    directory = tmp_path / ("t" * 110)
    directory.mkdir()
    manifest = write_manifest(tmp_path / "night.csv", [row_of(pairs, n) for n in range(2)])
    environment = {**os.environ, "TMPDIR": str(directory)}
    done = subprocess.run(
        [*COMMAND, str(manifest)], env=environment, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert "2 of 2 rows done" in done.stdout
    assert list(directory.iterdir()) == []


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_interrupt(blocked, tmp_path, how):
    manifest, kernel = blocked
    # As a terminal does it: every process of the group gets the signal.
    process = start_until_blocked(manifest, stderr=subprocess.PIPE, start_new_session=True)
    os.killpg(process.pid, how)
    _, message = process.communicate(timeout=60)
    assert (process.returncode, message) == (130, "\nwhitediff: interrupted\n")
    until(lambda: group_is_gone(process.pid))
    assert statuses(manifest) == ["done", "waiting", "done"]
    assert not list(tmp_path.glob(".*"))


def test_goes_on_after_it_was_killed(blocked, pairs, tmp_path, capsys):
    manifest, kernel = blocked
    process = start_until_blocked(manifest, start_new_session=True)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    before = [(tmp_path / f"white{n}.fits").stat().st_mtime_ns for n in (0, 2)]
    until(lambda: group_is_gone(process.pid))
    assert statuses(manifest) == ["done", "waiting", "done"]
    assert not (tmp_path / "white1.fits").exists()
    kernel.write_bytes((pairs / "1/kernel.fits").read_bytes())
    printed = succeed(capsys, "batch", manifest)
    assert printed.endswith("night.results.ecsv: 3 of 3 rows done (2 of them before), 0 failed\n")
    after = [(tmp_path / f"white{n}.fits").stat().st_mtime_ns for n in (0, 2)]
    assert after == before
    assert fits.getheader(tmp_path / "white1.fits")["WDVERSN"]
    assert not list(tmp_path.glob(".*"))


def test_two_runs_of_one_manifest(blocked, pairs, tmp_path, capsys):
    manifest, kernel = blocked
    process = start_until_blocked(manifest)
    before = (tmp_path / "night.results.ecsv").read_bytes()
    message = fail(capsys, "batch", manifest)
    assert "night.results.ecsv' is in use by another run" in message
    assert (tmp_path / "night.results.ecsv").read_bytes() == before
    kernel.symlink_to(pairs / "1/kernel.fits")
    assert process.wait(60) == 0
    # The kernel was not there when the row was begun.
    assert "3 of 3 rows done (2 of them before)" in succeed(capsys, "batch", manifest)


def test_output_of_the_same_batch_is_no_obstacle(pairs, tmp_path, capsys):
    manifest = write_manifest(tmp_path / "night.csv", [row_of(pairs, 0)])
    succeed(capsys, "batch", manifest)
    results = tmp_path / "night.results.ecsv"
    # As it is when a batch is killed before it hears that the row is done.
    results.write_text(results.read_text().replace(" done ", " waiting "))
    assert statuses(manifest) == ["waiting"]
    assert "1 of 1 rows done, 0 failed" in succeed(capsys, "batch", manifest)
    # An output of another batch is.
    results.unlink()
    assert run_command("batch", manifest) == 1
    assert "give --overwrite to replace it" in read_results(results)["reason"][0]


def test_progress_on_a_terminal(pairs, tmp_path):
    rows = [row_of(pairs, 0), row_of(pairs, 1, kernel="gone.fits")]
    manifest = write_manifest(tmp_path / "night.csv", rows)
    terminal, other_end = pty.openpty()
    process = subprocess.Popen([*COMMAND, manifest], stdout=subprocess.PIPE, stderr=other_end)
    os.close(other_end)
    shown = b""
    # At the end of what was shown Linux gives an error, other systems nothing.
    with suppress(OSError):
        while part := os.read(terminal, 1 << 16):
            shown += part
    os.close(terminal)
    printed, _ = process.communicate()
    assert process.returncode == 1
    assert b"1 of 2 done, 1 failed" in shown and b"row 2 failed: " in shown
    assert printed.endswith(b"1 of 2 rows done, 1 failed\n")


def test_progress_in_lines(pairs, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("whitediff.cli.batch.display._LINE_SECONDS", 0)
    manifest = write_manifest(tmp_path / "night.csv", [row_of(pairs, n) for n in range(2)])
    assert run_command("batch", manifest, "--jobs", 1) == 0
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].startswith("1 of 2 done, 0 failed, about ") and lines[0].endswith(" s left")
    assert lines[-1] == "2 of 2 done, 0 failed, about 0 s left"


def test_help_loads_nothing_heavy():
    code = (
        "import sys; from whitediff.cli.app import run; status = run(['batch', '--help']); "
        "heavy = {'astropy', 'distributed', 'multiprocessing', 'rich'} & set(sys.modules); "
        "print(sorted(heavy), file=sys.stderr); sys.exit(status)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "[]\n")
