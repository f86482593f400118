"""Measure everything for the documentation: results, figures, and tables.

python bench/figures.py does it all in about a quarter of an hour, on a machine that does nothing
else; results go to build/bench, figures to docs, and tables between the marks ``<!-- NAME: begin
-->`` and ``<!-- NAME: end -->`` of README.md, here, and of docs/performance.md. With --keep, what
is there is not measured again.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from stages import MissingError, check_programs

ROOT = Path(__file__).resolve().parents[1]
BENCH = ROOT / "bench"
PAGES = (ROOT / "docs/performance.md", BENCH / "README.md")
RESULTS = ROOT / "build" / "bench"

Record = dict[str, Any]
Lines = list[str]

_MEASUREMENTS = {
    "cases": ["run.py"],
    "sweeps": ["run.py", "--sweep", "size", "sources", "basis", "kernel"],
    "stages": ["stages.py"],
}


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Lines:
    """Write a table, all columns but the first to the right."""
    rule = ["---", *["---:"] * (len(head) - 1)]
    return ["| " + " | ".join(cells) + " |" for cells in (head, rule, *rows)]


def _number(value: float) -> str:
    return f"{value:.3g}"


def where(record: Record) -> str:
    """Say on what was measured."""
    machine = record["machine"]
    return (
        f"{machine['processor']}, {machine['cores']} cores, {machine['compiler']}, "
        f"flags `{machine['flags']}`, {machine['FFTW']}, numpy {machine['numpy']}, "
        f"Python {machine['Python']}, {machine['date'][:10]}."
    )


def cases(record: Record) -> Lines:
    """Write the results against the targets."""
    outcomes = {"pass": "met", "miss": "missed", "measured": ""}
    rows = []
    for row in record["results"]:
        if "median" not in row:
            rows.append((row["case"], "", "", "", row["reason"]))
            continue
        unit = "" if row["unit"] == "x" else f" {row['unit']}"
        sign = ">=" if row["at_least"] else "<="
        target = "" if row["target"] is None else f"{sign} {row['target']:g}{unit}"
        low, high = map(_number, row["quartiles"])
        middle = _number(row["median"]) + unit
        rows.append((row["case"], middle, f"{low} to {high}", target, outcomes[row["outcome"]]))
    settings = record["settings"]
    clock = {"wall": "elapsed time", "cpu": "processor time"}[settings["clock"]]
    size = settings["size"]
    head = (
        f"{size} x {size} pixels, threads: {settings['threads']}, rounds: {settings['repeat']}, "
        f"{clock}. {where(record)}"
    )
    return [head, "", *table(("case", "median", "quartiles", "target", ""), rows)]


def limits(record: Record) -> Lines:
    """Write what the machine can do."""
    rows = []
    for name, value in record["limits"].items():
        what, unit = name.rsplit(", ", 1)
        rows.append((what, f"{value:.0f} {unit}"))
    return [where(record), "", *table(("one core", ""), rows)]


def stages(record: Record) -> Lines:
    """Write the nanoseconds a pixel of each stage, and the limit of those with variance planes."""
    titles = {
        "decorrelate": "numbers",
        "decorrelate, variance planes": "planes",
        "DecorrelateALKernelSpatialTask": "task",
        "decorrelate, full variance": "full",
    }
    found = {
        case["contestant"]: {row["stage"]: row for row in case["stages"]}
        for case in record["cases"]
    }
    planes = found["decorrelate, variance planes"]
    names = dict.fromkeys(name for case in found.values() for name in case)
    order = sorted(names, key=lambda name: -planes.get(name, {"share": 0.0})["share"])
    rows = []
    for name in order:
        times = [
            f"{found[case][name]['nanoseconds']:.2f}" if name in found[case] else ""
            for case in titles
        ]
        row = planes.get(name, {})
        bound = ["", "", "", ""]
        if row.get("limit"):
            bound = [
                f"{row['flops']:.0f}" if row["flops"] else "",
                f"{row['bytes']:.0f}" if row["bytes"] else "",
                f"{row['limit']:.2f}",
                f"{100 * row['limit'] / row['nanoseconds']:.0f} %",
            ]
        rows.append((name, *times, *bound))
    whole = [
        f"**{case['nanoseconds']:.2f}**"
        for name in titles
        for case in record["cases"]
        if case["contestant"] == name
    ]
    least = sum(row.get("limit", 0.0) for row in planes.values())
    total = sum(row["nanoseconds"] for row in planes.values())
    rows.append(("**all**", *whole, "", "", f"**{least:.2f}**", f"**{100 * least / total:.0f} %**"))
    head = ("stage", *titles.values(), "flops", "bytes", "limit", "limit / planes")
    size = record["size"]
    return [f"Nanoseconds a pixel, one thread, {size} x {size} pixels.", "", *table(head, rows)]


_TABLES: dict[str, tuple[str, Callable[[Record], Lines]]] = {
    "cases": ("cases", cases),
    "limits": ("stages", limits),
    "stages": ("stages", stages),
}


def filled(text: str, name: str, lines: Lines) -> str:
    """Put lines between the marks of a table.

    Raises
    ------
    ValueError
        If the text has no such marks.
    """
    marks = re.compile(rf"(<!-- {name}: begin -->\n).*?(<!-- {name}: end -->)", re.DOTALL)
    content = "\n".join(lines) + "\n"
    text, count = marks.subn(lambda match: match[1] + content + match[2], text)
    if count != 1:
        raise ValueError(f"expected one pair of marks for {name}, got {count}")
    return text


def main() -> None:
    """Measure, draw and fill in."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--keep", action="store_true", help="measure only what is missing")
    parser.add_argument("--large", action="store_true", help="with 16384 x 16384 pixels")
    options = parser.parse_args()
    try:
        check_programs()
    except MissingError as error:
        parser.exit(2, f"{parser.prog}: {error}\n")
    RESULTS.mkdir(parents=True, exist_ok=True)
    for name, command in _MEASUREMENTS.items():
        output = RESULTS / f"{name}.json"
        if options.keep and output.exists():
            continue
        large = ["--large"] if options.large and command[0] == "run.py" else []
        script, *arguments = command
        run = [sys.executable, str(BENCH / script), *arguments, *large, "--output", str(output)]
        subprocess.run(run, check=True)
    figures = [sys.executable, str(BENCH / "plot.py"), str(RESULTS / "sweeps.json")]
    subprocess.run([*figures, str(ROOT / "docs")], check=True)
    for page in PAGES:
        text = page.read_text()
        for name, (source, write) in _TABLES.items():
            if f"<!-- {name}: begin -->" in text:
                record = json.loads((RESULTS / f"{source}.json").read_text())
                text = filled(text, name, write(record))
        page.write_text(text)


if __name__ == "__main__":
    main()
