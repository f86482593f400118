"""Draw what ``run.py --sweep NAME... --output FILE`` measured.

python bench/plot.py sweeps.json docs draws docs/speed.png, size against time, and docs/cost.png:
how the time grows with pixels, sources, kernel images and kernel size.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.ticker import LogLocator, NullLocator

from sweeps import SWEEPS

Rows = list[dict[str, Any]]

# Label, colour and line of a series: this package in blue, scipy in green, numpy in red.
STYLES = {
    "FFTW round trip": ("bare FFTW round trip (B)", "black", "--"),
    "decorrelate": ("whitediff, numbers for variances", "#08519c", "-"),
    "decorrelate, variance planes": ("whitediff, variance planes", "#3182bd", "-"),
    "decorrelate, full variance": ("whitediff, full variance", "#6baed6", "-"),
    "decorrelate, one filter": ("whitediff, one filter", "#08519c", ":"),
    "DecorrelateALKernelSpatialTask": ("whitediff, Rubin task", "#756bb1", "-"),
    "scipy fftconvolve, one filter": ("scipy fftconvolve, ready filter", "#238b45", "-"),
    "scipy oaconvolve, one filter": ("scipy oaconvolve, ready filter", "#74c476", "-"),
    "numpy full frame, planes and PSF": ("numpy, full frame, planes, PSF", "#cb181d", "-"),
    "numpy full frame, real transforms": ("numpy, real transforms, image", "#fb6a4a", "-"),
    "variances as numbers": ("variances as numbers", "#08519c", "-"),
    "variance planes": ("variance planes", "#3182bd", "-"),
    "full variance": ("full variance", "#6baed6", "-"),
    "polynomials of degree 1": ("polynomials of degree 1", "#08519c", "-"),
    "polynomials of degree 4": ("polynomials of degree 4", "#6baed6", "--"),
}
# Whose time a pixel is drawn.
_A_PIXEL = (
    "FFTW round trip",
    "decorrelate",
    "decorrelate, variance planes",
    "decorrelate, full variance",
    "DecorrelateALKernelSpatialTask",
)


def lines_of(rows: Rows, sweep: str) -> dict[str, dict[int, list[float]]]:
    """Give the values of each series at each point."""
    lines: dict[str, dict[int, list[float]]] = {}
    for row in rows:
        if row["sweep"] == sweep and "values" in row:
            lines.setdefault(row["series"], {})[row["at"]] = row["values"]
    return lines


def draw(axes: Axes, lines: dict[str, dict[int, list[float]]], *, a_pixel: bool = False) -> None:
    """Draw medians, and the range as bars."""
    for name, values in lines.items():
        points = sorted(values)
        scale = [1e9 / point**2 if a_pixel else 1.0 for point in points]
        middle = [median(values[p]) * s for p, s in zip(points, scale, strict=True)]
        low = [m - min(values[p]) * s for p, s, m in zip(points, scale, middle, strict=True)]
        high = [max(values[p]) * s - m for p, s, m in zip(points, scale, middle, strict=True)]
        label, colour, line = STYLES[name]
        axes.errorbar(
            points, middle, [low, high], label=label, color=colour, linestyle=line,
            marker="o", markersize=3, linewidth=1.5, elinewidth=0.8,
        )  # fmt: skip
    axes.set_xticks(sorted({point for values in lines.values() for point in values}))
    axes.grid(which="major", alpha=0.25, linewidth=0.6)
    axes.spines[["top", "right"]].set_visible(False)


def scale_sizes(axes: Axes) -> None:
    """Draw sizes of frames, each twice the last, at equal distances."""
    ticks = axes.get_xticks()
    axes.set_xscale("log", base=2)
    axes.set_xticks(ticks)
    axes.xaxis.set_major_formatter("{x:.0f}")
    axes.xaxis.set_minor_locator(NullLocator())


def spread(heights: Sequence[float], gap: float) -> list[float]:
    """Move heights, given in rising order, so far apart that labels do not touch."""
    groups: list[list[float]] = []
    for height in heights:
        groups.append([height])
        # A group of n labels is centred on the mean of what it labels.
        while len(groups) > 1:
            above, below = groups[-1], groups[-2]
            centres = [sum(group) / len(group) for group in (below, above)]
            if centres[1] - centres[0] >= gap * (len(above) + len(below)) / 2:
                break
            groups[-2:] = [below + above]
    return [
        sum(group) / len(group) + gap * (n - (len(group) - 1) / 2)
        for group in groups
        for n in range(len(group))
    ]


def label_ends(axes: Axes, lines: dict[str, dict[int, list[float]]]) -> None:
    """Write the names of the lines beside their ends, in the right margin."""
    figure = axes.figure
    figure.canvas.draw()
    to_axes = (axes.transData + axes.transAxes.inverted()).transform
    ends = {}
    for name, values in lines.items():
        last = max(values)
        ends[name] = tuple(to_axes((last, median(values[last]))))
    names = sorted(ends, key=lambda name: ends[name][1])
    heights = spread([ends[name][1] for name in names], 0.043)
    for name, height in zip(names, heights, strict=True):
        label, colour, _ = STYLES[name]
        axes.annotate(
            label, xy=ends[name], xytext=(1.06, height), xycoords="axes fraction", color=colour,
            fontsize=9, va="center", annotation_clip=False,
            arrowprops={"arrowstyle": "-", "color": colour, "lw": 0.6, "alpha": 0.6, "shrinkB": 3,
                        "relpos": (0, 0.5)},
        )  # fmt: skip


def plot_speed(record: dict[str, Any], path: Path) -> None:
    """Draw size against time of everything."""
    lines = lines_of(record["sweeps"], "size")
    figure, axes = pyplot.subplots(figsize=(8.5, 5.2))
    figure.subplots_adjust(left=0.09, right=0.65, top=0.92, bottom=0.1)
    draw(axes, lines)
    scale_sizes(axes)
    axes.set_yscale("log")
    sizes = sorted({size for values in lines.values() for size in values})
    lowest = min(min(values[sizes[-1]]) for values in lines.values() if sizes[-1] in values)
    reference = [0.35 * lowest * (size / sizes[-1]) ** 2 for size in sizes]
    axes.plot(sizes, reference, color="0.6", linewidth=1)
    middle = len(sizes) // 2
    axes.annotate(
        "as the pixels", (sizes[middle], reference[middle]), xytext=(6, -9),
        textcoords="offset points", color="0.5", fontsize=8,
    )  # fmt: skip
    label_ends(axes, lines)
    settings, machine = record["settings"], record["machine"]
    clock = {"wall": "elapsed", "cpu": "processor time"}[settings["clock"]]
    axes.set_xlabel("pixels on a side of the frame")
    axes.set_ylabel(f"seconds ({clock}, {threads_of(settings)})")
    axes.set_title(title(machine), fontsize=9, loc="left", color="0.35")
    figure.savefig(path, dpi=150)


def plot_costs(record: dict[str, Any], path: Path) -> None:
    """Draw a panel for everything that time grows with."""
    wanted = {row["sweep"] for row in record["sweeps"]}
    sweeps = [sweep for sweep in SWEEPS if sweep.name in wanted]
    figure, panels = pyplot.subplots(
        (len(sweeps) + 1) // 2, 2, figsize=(9, 3.2 * ((len(sweeps) + 1) // 2)),
        layout="constrained", squeeze=False,
    )  # fmt: skip
    for axes in panels.flat[len(sweeps) :]:
        axes.set_visible(False)
    for axes, sweep in zip(panels.flat, sweeps, strict=False):
        lines = lines_of(record["sweeps"], sweep.name)
        if not sweep.relative:
            lines = {name: lines[name] for name in _A_PIXEL if name in lines}
        draw(axes, lines, a_pixel=not sweep.relative)
        axes.set_xlabel(sweep.axis)
        axes.set_ylabel("time over standard case" if sweep.relative else "ns a pixel")
        if sweep.relative:
            axes.set_ylim(bottom=0)
        else:
            scale_sizes(axes)
            axes.set_yscale("log")
            axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            axes.yaxis.set_major_formatter("{x:g}")
            axes.yaxis.set_minor_formatter("")
            axes.set_ylim(top=4 * axes.get_ylim()[1])  # room for the legend
        axes.legend(fontsize=8, frameon=False)
    machine, settings = record["machine"], record["settings"]
    figure.suptitle(
        f"{title(machine)}, {threads_of(settings)}\nstandard case: decorrelate of "
        f"{settings['size']} x {settings['size']} pixels, variances as numbers, 2 sources, kernel "
        "of 2 images of 21 x 21",
        fontsize=9, x=0.02, ha="left", color="0.35",
    )  # fmt: skip
    figure.savefig(path, dpi=150)


def threads_of(settings: dict[str, Any]) -> str:
    """Say how many threads there were."""
    return "one thread" if settings["threads"] == 1 else f"{settings['threads']} threads"


def title(machine: dict[str, str]) -> str:
    """Say where and when."""
    return f"{machine['processor']}, {machine['FFTW']}, numpy {machine['numpy']}"


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("sweeps", type=Path, help="JSON file of run.py --sweep")
    parser.add_argument("folder", type=Path, help="where the figures go")
    options = parser.parse_args()
    record = json.loads(options.sweeps.read_text())
    if lines_of(record["sweeps"], "size"):
        plot_speed(record, options.folder / "speed.png")
    plot_costs(record, options.folder / "cost.png")


if __name__ == "__main__":
    main()
