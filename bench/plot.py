"""Plot the times that ``run.py --sweep --output FILE`` wrote, size against time."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from statistics import median

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("times", type=Path, help="JSON file of run.py --sweep")
    parser.add_argument("figure", type=Path, help="image file to write")
    options = parser.parse_args()
    record = json.loads(options.times.read_text())
    machine, settings = record["machine"], record["settings"]

    lines: dict[str, dict[int, list[float]]] = {}
    for row in record["sweep"]:
        lines.setdefault(row["contestant"], {})[row["size"]] = row["seconds"]
    figure, axes = pyplot.subplots(figsize=(8, 6), layout="constrained")
    for name, times in lines.items():
        sizes = sorted(times)
        middle = [median(times[size]) for size in sizes]
        spread = [
            [m - min(times[size]) for m, size in zip(middle, sizes, strict=True)],
            [max(times[size]) - m for m, size in zip(middle, sizes, strict=True)],
        ]
        style = "k--" if name == "FFTW round trip" else "o-"
        axes.errorbar(sizes, middle, spread, fmt=style, capsize=2, markersize=4, label=name)
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    axes.set_xticks(sorted({row["size"] for row in record["sweep"]}))
    axes.xaxis.set_major_formatter("{x:.0f}")
    axes.set_xlabel("pixels on a side")
    axes.set_ylabel(f"seconds ({settings['clock']} clock, {settings['threads']} threads)")
    axes.set_title(f"{machine['processor']}, {machine['FFTW']}, {machine['date'][:10]}", size=9)
    axes.grid(which="both", alpha=0.3)
    axes.legend(fontsize=8)
    figure.savefig(options.figure, dpi=150)


if __name__ == "__main__":
    main()
