"""Measure everything for the documentation: results, figures, and tables.

python bench/figures.py does it all in about a quarter of an hour, on a machine that does nothing
else; results go to build/bench, figures to docs, and tables between the marks ``<!-- NAME,
PROCESSOR: begin -->`` and ``<!-- NAME, PROCESSOR: end -->`` of README.md, here, and of
docs/performance.md. Tables of other machines stay as they are; those of a new one come after them.
With --keep, what is there is not measured again. With names of results, what run.py and stages.py
wrote, their tables are filled in and nothing is measured.
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

import roofline
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


_TITLES = {
    "decorrelate": "numbers",
    "decorrelate, variance planes": "planes",
    "DecorrelateALKernelSpatialTask": "task",
    "decorrelate, full variance": "full",
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
    found = {
        case["contestant"]: {row["stage"]: row for row in case["stages"]}
        for case in record["cases"]
    }
    titles = {name: title for name, title in _TITLES.items() if name in found}
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
    machine = record["machine"]
    where_ = f"{machine['processor']}, {machine['date'][:10]}"
    what = f"Nanoseconds a pixel, one thread, {size} x {size} pixels. {where_}."
    return [what, "", *table(head, rows)]


def floor(record: Record) -> Lines:
    """Write what rows of the table of cases ask for, and what share of the machine they get."""
    limits = record["limits"]
    rows = []
    for case in record["cases"]:
        wanted = roofline.demands(case["geometry"], case["contestant"])
        flops, memory, cache = roofline.totals(wanted)
        time, least = case["nanoseconds"], sum(row.get("limit", 0.0) for row in case["stages"])
        rows.append(
            (
                _TITLES[case["contestant"]],
                f"{time:.2f}",
                *(f"{value:.0f}" for value in (flops, memory, cache)),
                f"{least:.2f}",
                f"{100 * least / time:.0f} %",
                f"{100 * flops / time / limits[roofline.PEAK]:.0f} %",
                f"{100 * memory / time / limits[roofline.READ]:.0f} %",
            )
        )
    head = ("case", "ns", "flops", "bytes, memory", "bytes, cache", "limit", "limit / ns")
    return table((*head, "of arithmetic", "of memory"), rows)


_TABLES: dict[str, tuple[str, Callable[[Record], Lines]]] = {
    "cases": ("results", cases),
    "limits": ("limits", limits),
    "stages": ("limits", stages),
    "floor": ("limits", floor),
}


def filled(text: str, name: str, processor: str, lines: Lines) -> str:
    """Put lines between the marks of a table of this processor, made behind the others if needed.

    Raises
    ------
    ValueError
        If the text has no marks of such a table.
    """
    begin, end = (f"<!-- {name}, {processor}: {edge} -->" for edge in ("begin", "end"))
    content = "\n".join([begin, *lines, end])
    marks = re.compile(f"{re.escape(begin)}\n.*?{re.escape(end)}", re.DOTALL)
    text, count = marks.subn(lambda _: content, text)
    if count == 0:
        others = list(re.finditer(f"<!-- {name}, .*: end -->\n", text))
        if not others:
            raise ValueError(f"expected marks of {name}, got none")
        place = others[-1].end()
        text = f"{text[:place]}\n{content}\n{text[place:]}"
    return text


def fill_pages(records: Sequence[Record]) -> None:
    """Write the tables of results into the pages that have tables of the kind."""
    for page in PAGES:
        text = page.read_text()
        for name, (key, write) in _TABLES.items():
            for record in records:
                if key in record and f"<!-- {name}, " in text:
                    text = filled(text, name, record["machine"]["processor"], write(record))
        page.write_text(text)


def main() -> None:
    """Measure, draw and fill in."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--keep", action="store_true", help="measure only what is missing")
    parser.add_argument("--large", action="store_true", help="with 16384 x 16384 pixels")
    parser.add_argument("results", type=Path, nargs="*", help="JSON files to fill in alone")
    options = parser.parse_args()
    if options.results:
        fill_pages([json.loads(path.read_text()) for path in options.results])
        return
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
    fill_pages([json.loads((RESULTS / f"{name}.json").read_text()) for name in _MEASUREMENTS])


if __name__ == "__main__":
    main()
