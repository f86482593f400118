"""Measure how fast whitediff is, against the targets; see README.md beside this file."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import nullcontext
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from against import cases_against
from cases import CASES, Case, Settings
from errors import AnswerError, SkippedError
from machine import core_count, describe
from sweeps import SWEEPS
from timing import CLOCKS

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
    quarters = quantiles(values, n=4, method="inclusive") if len(values) > 1 else [middle] * 3
    return {
        **row,
        "outcome": case.outcome(middle),
        "values": values,
        "median": middle,
        "quartiles": quarters[::2],
        "range": [min(values), max(values)],
        "seconds": measured.seconds,
    }


def measure_all(
    cases: Sequence[Case], names: Sequence[str] | None, settings: Settings
) -> Iterator[dict[str, Any]]:
    """Measure the cases of these names, or all, one after the other.

    Raises
    ------
    ValueError
        If a name is not that of a case.
    """
    unknown = set(names or ()).difference(case.name for case in cases)
    if unknown:
        raise ValueError(
            f"--case must be among {', '.join(case.name for case in cases)} here, got "
            f"{', '.join(sorted(unknown))}"
        )
    for case in cases:
        if names and case.name not in names:
            continue
        print(f"{case.name} ...", file=sys.stderr, flush=True)
        yield measure(case, settings)


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


def _recorded(
    rows: Iterable[dict[str, Any]], kind: str, record: dict[str, Any], output: Path | None
) -> list[dict[str, Any]]:
    """Gather the rows, and write those that there are: a run that is stopped loses none."""
    record[kind] = []
    for row in rows:
        record[kind].append(row)
        if output is not None:
            output.write_text(json.dumps(record, indent=1) + "\n")
    return list(record[kind])


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
    parser.add_argument(
        "--size", type=int, help="pixels on a side; default: 4096, and 2048 for sweeps"
    )
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
        dest="sweeps",
        action="extend",
        nargs="+",
        choices=[sweep.name for sweep in SWEEPS],
        metavar="NAME",
        help=f"these instead, for plot.py: {', '.join(sweep.name for sweep in SWEEPS)}",
    )
    parser.add_argument(
        "--at", type=int, nargs="+", metavar="N", help="where a sweep measures, not at its points"
    )
    parser.add_argument(
        "--against",
        metavar="REV",
        help="build another revision (or take the package in this folder), and give the time of "
        "the package as it is installed over that of the other",
    )
    parser.add_argument("--output", type=Path, help="JSON file for machine, settings and results")
    options = parser.parse_args()
    if options.size is None:
        options.size = 2048 if options.sweeps else 4096
    if min(options.size, options.threads, options.repeat) < 1:
        parser.error("--size, --threads and --repeat must be at least 1")
    if options.at and len(options.sweeps or ()) != 1:
        parser.error("--at needs one --sweep")

    # New processes start as those of users do, from compiled modules.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    settings = Settings(options.size, options.threads, options.repeat, options.clock, options.large)
    try:
        machine = describe()
    except OSError as error:
        parser.exit(2, f"{parser.prog}: {error}\n")
    record: dict[str, Any] = {"machine": machine, "settings": vars(settings)}
    for name, value in {**machine, **record["settings"]}.items():
        print(f"{name:12} {value}", flush=True)
    if options.sweeps:
        points = (
            row
            for sweep in SWEEPS
            if sweep.name in options.sweeps
            for point in options.at or sweep.points
            for row in sweep.measure(point, settings)
        )
        rows = _recorded(points, "sweeps", record, options.output)
    else:
        try:
            with cases_against(options.against) if options.against else nullcontext(CASES) as cases:
                measured = measure_all(cases, options.cases, settings)
                rows = _recorded(measured, "results", record, options.output)
        except ValueError as error:
            parser.error(str(error))
        print_table(rows)
    return 1 if any(row["outcome"] == "wrong" for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
