"""Manifests, results, and workers that die, for tests of ``whitediff batch``."""

from __future__ import annotations

import os
import signal
import time

from astropy.table import Table

from command_line import run_command
from whitediff.cli.batch import pool
from whitediff.cli.batch.row import whiten_row

COLUMNS = ("science", "template", "difference", "kernel", "output")
N_PAIRS = 3
SHAPE = (150, 131)


def simulate_pairs(directory):
    """Input files ``NUMBER/science.fits`` and so on."""
    for number in range(N_PAIRS):
        pair = directory / str(number)
        assert run_command("simulate", pair, "--shape", *SHAPE, "--seed", number) == 0


def row_of(pairs, number, **changed):
    """A row of a manifest for a simulated pair."""
    files = {name: f"{pairs}/{number}/{name}.fits" for name in COLUMNS[:4]}
    return {**files, "output": f"white{number}.fits", **changed}


def write_manifest(path, rows):
    """A manifest in the format CSV."""
    columns = list(dict.fromkeys(name for row in rows for name in row))
    lines = [",".join(str(row.get(name, "")) for name in columns) for row in rows]
    path.write_text("\n".join([",".join(columns), *lines, ""]))
    return path


def read_results(path):
    """The table of results."""
    return Table.read(path, format="ascii.ecsv")


def let_die(output, times):
    """Let the process that makes an output die, so many times."""
    output.with_suffix(".deaths").write_text(str(times))


def mortal_row(row, job):
    """Do a row, in a process that dies of it as often as `let_die` said."""
    deaths = job.output.with_suffix(".deaths")
    left = int(deaths.read_text()) if deaths.exists() else 0
    if left:
        deaths.write_text(str(left - 1))
        # News of the beginning of the row leaves a worker of a cluster within a few milliseconds.
        time.sleep(0.1)
        os.kill(os.getpid(), signal.SIGKILL)
    return whiten_row(row, job)


def serve_mortally(connection):
    """What a process of the pool runs, with rows that it may die of."""
    pool.whiten_row = mortal_row
    pool._serve(connection)


def on_mortal_worker(topic, version, row, job):
    """What a worker of a cluster runs, with rows that it may die of."""
    from whitediff.cli.batch import cluster

    cluster.whiten_row = mortal_row
    return cluster._on_worker(topic, version, row, job)
