"""Measure how fast whitediff is, against the targets; see README.md beside this file."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from cases import CASES, Case, Settings
from contestants import CONTESTANTS
from errors import AnswerError, SkippedError
from machine import core_count, describe
from scene import make_scene
from timing import CLOCKS, take_turns

SWEEP_SIZES = (512, 1024, 2048, 4096, 8192)
_COLUMNS = ("case", "median", "quartiles", "range", "target", "outcome")


def measure(case: Case, settings: Settings) -> dict[str, Any]:
    """Measure one row of the results, for JSON."""
    row: dict[str, Any] = {
        "case": case.name,
        "what": case.what,
        "unit": case.unit,
        "target": case.target,
        "at_least": case.at_least,
    }
    try:
        measured = case.measure(settings)
    except SkippedError as reason:
        return {**row, "outcome": "skipped", "reason": str(reason)}
    except AnswerError as reason:
        return {**row, "outcome": "wrong", "reason": str(reason)}
    values = measured.values
    middle = median(values)
    return {
        **row,
        "outcome": case.outcome(middle),
        "values": values,
        "median": middle,
        "quartiles": quantiles(values, n=4)[::2] if len(values) > 1 else [middle, middle],
        "range": [min(values), max(values)],
        "seconds": measured.seconds,
    }


def sweep(settings: Settings, sizes: Sequence[int]) -> list[dict[str, Any]]:
    """Time every contestant at every size."""
    rows = []
    for size in sizes:
        scene = make_scene(size)
        for name, contestant in CONTESTANTS.items():
            try:
                function = contestant(scene, settings.threads)
                (seconds,) = take_turns([function], settings.repeat, settings.clock)
            except (SkippedError, AnswerError) as reason:
                print(f"{name}, {size} x {size}: {reason}", file=sys.stderr)
                continue
            print(f"{name}, {size} x {size}: {median(seconds):.4g} s", file=sys.stderr)
            rows.append({"contestant": name, "size": size, "seconds": seconds})
    return rows


def cells(row: dict[str, Any]) -> tuple[str, ...]:
    """Give a row of the results as text, one for each of _COLUMNS."""
    target = ""
    if row["target"] is not None:
        target = f"{'>=' if row['at_least'] else '<='} {row['target']:g} {row['unit']}"
    if "median" not in row:
        return row["case"], "", "", "", target, row["outcome"]
    spread = (f"{low:.3g} .. {high:.3g}" for low, high in (row["quartiles"], row["range"]))
    return row["case"], f"{row['median']:.3g}", *spread, target, row["outcome"]


def print_table(rows: Sequence[dict[str, Any]]) -> None:
    """Print with rich, where it is installed."""
    lines = [cells(row) for row in rows]
    try:
        from rich.console import Console
        from rich.table import Table
    except ImportError:
        widths = [max(map(len, column)) for column in zip(_COLUMNS, *lines, strict=True)]
        for line in (_COLUMNS, *lines):
            print("  ".join(map(str.ljust, line, widths)).rstrip())
    else:
        table = Table(*_COLUMNS)
        styles = {"pass": "green", "miss": "yellow", "wrong": "red", "skipped": "dim"}
        for line in lines:
            table.add_row(*line, style=styles.get(line[-1]))
        Console().print(table)
    for row in rows:
        if "reason" in row:
            print(f"{row['case']}: {row['reason']}")


def main() -> int:
    """Run from the command line.

    Returns
    -------
    `int`
        1 if an answer was wrong, else 0: a missed target is no failure.
    """
    parser = argparse.ArgumentParser(
        description=__doc__,
        epilog="cases:\n" + "\n".join(f"  {case.name:16} {case.what}" for case in CASES),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--size", type=int, default=4096, help="pixels on a side")
    parser.add_argument("--threads", type=int, default=min(2, core_count()))
    parser.add_argument("--repeat", type=int, default=7, help="rounds of every case")
    parser.add_argument(
        "--clock",
        choices=CLOCKS,
        default="wall",
        help="cpu: processor time, for a busy machine with --threads 1",
    )
    parser.add_argument(
        "--case",
        dest="cases",
        action="extend",
        nargs="+",
        choices=[case.name for case in CASES],
        metavar="NAME",
        help="only these",
    )
    parser.add_argument("--large", action="store_true", help="16384 x 16384 too (10 GB, minutes)")
    parser.add_argument(
        "--sweep",
        type=int,
        nargs="*",
        metavar="SIZE",
        help=f"times of everything at these sizes instead (default {SWEEP_SIZES}), for plot.py",
    )
    parser.add_argument("--output", type=Path, help="JSON file for machine, settings and results")
    options = parser.parse_args()
    if min(options.size, options.threads, options.repeat) < 1:
        parser.error("--size, --threads and --repeat must be at least 1")

    settings = Settings(options.size, options.threads, options.repeat, options.clock, options.large)
    try:
        machine = describe()
    except OSError as error:
        parser.exit(2, f"{parser.prog}: {error}\n")
    record: dict[str, Any] = {"machine": machine, "settings": vars(settings)}
    for name, value in {**machine, **record["settings"]}.items():
        print(f"{name:12} {value}", flush=True)
    if options.sweep is not None:
        record["sweep"] = sweep(settings, options.sweep or SWEEP_SIZES)
        failed = False
    else:
        wanted = [case for case in CASES if not options.cases or case.name in options.cases]
        rows = []
        for case in wanted:
            print(f"{case.name} ...", file=sys.stderr, flush=True)
            rows.append(measure(case, settings))
        record["results"] = rows
        print_table(rows)
        failed = any(row["outcome"] == "wrong" for row in rows)
    if options.output:
        options.output.write_text(json.dumps(record, indent=1) + "\n")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
