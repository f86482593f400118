"""Measure the throughput of ``whitediff batch`` against single processes, and against the disk.

The single processes do their halves of the rows side by side, with nobody who hands them out; the
disk is read and written by as many processes, which do nothing else with the same bytes:
python bench/batch.py [--size 2048] [--rows 24] [--repeat 5]
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from astropy.io import fits
from click.testing import CliRunner

from errors import AnswerError
from machine import describe
from whitediff.cli.app import app
from whitediff.cli.batch.pool import finished_in_pool
from whitediff.cli.batch.row import Finished, whiten_row
from whitediff.cli.batch.row_job import RowJob
from whitediff.options import WhitenOptions

WORKERS = 2
# Of the rows a second of these.
_ALONE, _DISK = "two single processes", "two processes that copy"
TARGETS = {_ALONE: 0.95, _DISK: 0.8}

Rows = Mapping[int, RowJob]
_CONTEXT = multiprocessing.get_context("spawn")


def make_rows(folder: Path, size: int, number: int) -> Rows:
    """Simulate a pair of images, of which every row makes a file of its own."""
    arguments = ["simulate", str(folder), "--shape", str(size), str(size)]
    CliRunner().invoke(app, arguments, catch_exceptions=False)
    inputs = {
        name: folder / f"{name}.fits" for name in ("science", "template", "difference", "kernel")
    }
    options = WhitenOptions(n_threads=1)
    return {
        n: RowJob(**inputs, output=folder / f"white{n}.fits", options=options, overwrite=True)
        for n in range(number)
    }


def check(finished: Iterable[Finished]) -> None:
    """Refuse rows that have failed."""
    for row in finished:
        if row.reason:
            raise AnswerError(f"row {row.row}: {row.reason}")


def check_equal(rows: Rows) -> None:
    """Refuse outputs that differ: the inputs do not."""
    images = [fits.getdata(row.output, "IMAGE").tobytes() for row in rows.values()]
    if len(set(images)) != 1:
        raise AnswerError("expected the same image in every row")


def serve_alone(connection: Connection) -> None:
    """Do all rows that come in one message, and answer with the seconds that they took."""
    try:
        while True:
            rows: Rows = connection.recv()
            begin = time.perf_counter()
            check([whiten_row(row, job) for row, job in rows.items()])
            connection.send(time.perf_counter() - begin)
    except EOFError:
        pass


@contextmanager
def single_processes() -> Iterator[Callable[[Rows], float]]:
    """Yield a function that gives the sum of the rows a second of single processes."""
    connections, processes = [], []
    for _ in range(WORKERS):
        near, far = _CONTEXT.Pipe()
        process = _CONTEXT.Process(target=serve_alone, args=(far,), daemon=True)
        process.start()
        far.close()
        connections.append(near)
        processes.append(process)

    def rate(rows: Rows) -> float:
        shares = [
            {n: row for n, row in rows.items() if n % WORKERS == worker}
            for worker in range(WORKERS)
        ]
        for connection, share in zip(connections, shares, strict=True):
            connection.send(share)
        seconds = [connection.recv() for connection in connections]
        return sum(len(share) / time for share, time in zip(shares, seconds, strict=True))

    try:
        yield rate
    finally:
        for connection in connections:
            connection.close()
        for process in processes:
            process.join()


def rate_of_disk(rows: Rows) -> float:
    """Rows a second if the inputs were read, and the output written and made safe, and no more."""
    scripts = [
        "set -e\n"
        + "\n".join(
            f"cat {shlex.join(map(str, row.inputs))} > /dev/null; "
            f"cp {shlex.quote(str(row.output))} {copy}; sync {copy}"
            for n, row in rows.items()
            if n % WORKERS == worker
            for copy in [shlex.quote(f"{row.output}.{worker}")]
        )
        for worker in range(WORKERS)
    ]
    begin = time.perf_counter()
    processes = [subprocess.Popen(["sh", "-c", script]) for script in scripts]
    if any([process.wait() for process in processes]):
        raise AnswerError("a copy failed")
    return len(rows) / (time.perf_counter() - begin)


def rate_of(news: Iterable[list[Finished]]) -> float:
    """Rows a second of an executor, its beginning and its end included."""
    begin = time.perf_counter()
    finished = [row for batch in news for row in batch]
    seconds = time.perf_counter() - begin
    check(finished)
    return len(finished) / seconds


def measure(rows: Rows, repeat: int) -> dict[str, list[float]]:
    """Let all take turns, after a round that does not count.

    Returns
    -------
    `dict` of `str` to `list` of `float`
        Rows a second in each round.
    """
    # Processes of the pool import this module, too, as they would not without a bench.
    from distributed import LocalCluster

    from whitediff.cli.batch.cluster import finished_on_cluster

    environment = dict(os.environ)
    cluster = LocalCluster(
        n_workers=WORKERS, threads_per_worker=1, host="127.0.0.1", dashboard_address=None
    )
    # What dask asks of its workers (OMP_NUM_THREADS, MALLOC_TRIM_THRESHOLD_) is not for the others.
    os.environ.clear()
    os.environ.update(environment)
    with cluster, single_processes() as rate_alone:
        contestants: dict[str, Callable[[], float]] = {
            # What it copies are the outputs of the others: it is the last in the first round.
            _DISK: lambda: rate_of_disk(rows),
            _ALONE: lambda: rate_alone(rows),
            "dask": lambda: rate_of(finished_on_cluster(rows, cluster.scheduler_address)),
            "pool": lambda: rate_of(finished_in_pool(rows, WORKERS)),
        }
        rates: dict[str, list[float]] = {name: [] for name in contestants}
        for turn in range(repeat + 1):
            for name in contestants if turn % 2 else reversed(contestants):
                rate = contestants[name]()
                check_equal(rows)
                if turn > 0:
                    rates[name].append(rate)
            print(f"round {turn} of {repeat}", file=sys.stderr, flush=True)
    return rates


def main() -> int:
    """Run from the command line.

    Returns
    -------
    `int`
        1 if an answer was wrong, else 0: a missed target is no failure.
    """
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--size", type=int, default=2048, help="pixels on a side")
    parser.add_argument("--rows", type=int, default=24, help="rows of the manifest")
    parser.add_argument("--repeat", type=int, default=5, help="rounds")
    parser.add_argument("--folder", type=Path, help="where files are written, and removed again")
    parser.add_argument("--output", type=Path, help="JSON file for machine, settings and results")
    options = parser.parse_args()
    if options.size < 64 or options.rows < WORKERS or options.repeat < 1:
        parser.error(f"--size must be at least 64, --rows {WORKERS}, --repeat 1")

    machine = describe()
    for name, value in {**machine, "size": options.size, "rows": options.rows}.items():
        print(f"{name:12} {value}", flush=True)
    try:
        with tempfile.TemporaryDirectory(dir=options.folder) as folder:
            rates = measure(make_rows(Path(folder), options.size, options.rows), options.repeat)
    except AnswerError as reason:
        print(reason, file=sys.stderr)
        return 1
    for name in TARGETS:
        print(f"{name}: {median(rates[name]):.3g} rows a second together")
    results: dict[str, Any] = {"rates": rates}
    for other, target in TARGETS.items():
        for name in ("dask", "pool"):
            ratios = [rate / than for rate, than in zip(rates[name], rates[other], strict=True)]
            middle = median(ratios)
            quarters = (
                quantiles(ratios, n=4, method="inclusive")[::2] if len(ratios) > 1 else ratios * 2
            )
            results[f"{name} / {other}"] = {
                "ratios": ratios,
                "median": middle,
                "quartiles": quarters,
            }
            print(
                f"{name} / {other}: median {middle:.3f}, quartiles {quarters[0]:.3f} .. "
                f"{quarters[1]:.3f}, range {min(ratios):.3f} .. {max(ratios):.3f}, "
                f"target >= {target}: {'pass' if middle >= target else 'miss'}"
            )
    if options.output:
        settings = {name: getattr(options, name) for name in ("size", "rows", "repeat")}
        record = {"machine": machine, "settings": settings, "results": results}
        options.output.write_text(json.dumps(record, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
