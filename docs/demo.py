"""Say what whitening gains in the files of `whitediff simulate`, whose transients are known.

python docs/demo.py DIRECTORY [PICTURE] whitens the difference in DIRECTORY, prints how many of its
transients are found and how many detections are false, before and after, and draws that, for the
day in PICTURE, and for the night in the file whose name ends in "-dark".
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from astropy.table import Table
from matplotlib.figure import Figure

from whitediff.io.exposure_rows import open_exposure
from whitediff.report.alarms import expected_by_chance, without_counterpart
from whitediff.report.looks import looks, usable_area
from whitediff.report.significance import Box
from whitediff.report.stamps import places
from whitediff.report.survey import survey
from whitediff.subtraction import Job, whiten_files
from whitediff.subtraction.files import open_subtraction
from whitediff.subtraction.masks import left_out_rows

THRESHOLD = 5.0
THRESHOLDS = np.arange(3.2, 8.0, 0.05)
# Of a style of matplotlib, its paper, and the curves before, after and by chance.
DAY = ("default", "white", {"before": "#b34e1b", "after": "#1d5fae", "chance": "0.3"})
NIGHT = ("dark_background", "#14181e", {"before": "#ff9a66", "after": "#7ab8ff", "chance": "0.7"})
SIDE = 160


def main() -> None:
    """Whiten, detect, print, draw."""
    directory = Path(sys.argv[1])
    files: dict[str, Any] = {
        name: directory / f"{name}.fits" for name in ("science", "template", "difference", "kernel")
    }
    job = Job(**files, output=directory / "white.fits", covariance="auto", overwrite=True)
    whitened = whiten_files(job)
    sources = Table.read(directory / "truth.ecsv")
    transients = np.array(sources[sources["transient"]]["x", "y"])
    with open_subtraction(job) as subtraction, open_exposure(job.output) as after:
        assert after.variance is not None
        ignored = left_out_rows(after, whitened.planes)
        noise = {"before": survey(subtraction.difference.image, after.variance, ignored, after.psf)}
        with looks(whitened, subtraction, after, noise) as seen:
            print(f"of {len(transients)} transients, beyond {THRESHOLD:g} sigma:")
            for name, look in seen.items():
                detections = look.found.sources[look.found.beyond(THRESHOLD)]
                n_found = np.count_nonzero(~without_counterpart(transients, detections))
                n_false = np.count_nonzero(without_counterpart(detections, transients))
                print(f"  {name + ':':8}{n_found} found, {n_false} false")
            if len(sys.argv) > 2:
                path = Path(sys.argv[2])
                night = path.with_stem(f"{path.stem}-dark")
                for (style, paper, colours), file in ((DAY, path), (NIGHT, night)):
                    with plt.style.context(style):
                        figure = draw(seen, after.shape, usable_area(after), colours)
                        figure.savefig(file, dpi=100, facecolor=paper)


def draw(seen: Any, shape: tuple[int, int], area: int, colours: dict[str, str]) -> Figure:
    """Draw a part of the frame before and after, and detections against threshold."""
    figure, (*parts, curve) = plt.subplots(
        1, 3, figsize=(12.6, 4.2), width_ratios=(1, 1, 1.25), layout="constrained"
    )
    (first, *_) = places(None, seen["after"].found, THRESHOLD, shape)
    y0, x0 = (
        int(np.clip(at - SIDE // 2, 0, size - SIDE))
        for at, size in zip((first.box.y0 + 32, first.box.x0 + 32), shape, strict=True)
    )
    box = Box(y0, y0 + SIDE, x0, x0 + SIDE)
    for axes, (name, look) in zip(parts, seen.items(), strict=True):
        significance = look.significance.point_sources(box).significance
        extent = (x0 - 0.5, x0 + SIDE - 0.5, y0 - 0.5, y0 + SIDE - 0.5)
        axes.imshow(significance, cmap="gray", vmin=-6, vmax=6, origin="lower", extent=extent)
        beyond = look.found.sources[look.found.beyond(THRESHOLD)]
        for sign, colour, style in ((1, "#ffb000", "-"), (-1, "#35c2ff", "--")):
            chosen = beyond[sign * beyond["flux"] > 0]
            axes.scatter(chosen["x"], chosen["y"], s=170, fc="none", ec=colour, ls=style, lw=1.6)
        axes.set(xlim=extent[:2], ylim=extent[2:], xticks=[], yticks=[])
        inside = (abs(beyond["x"] - x0 - SIDE / 2) < SIDE / 2) & (
            abs(beyond["y"] - y0 - SIDE / 2) < SIDE / 2
        )
        axes.set_title(
            f"{name}: {inside.sum()} beyond {THRESHOLD:g} σ", color=colours[name], loc="left"
        )
        for sign, style in ((-1, "-"), (1, ":")):
            counts = look.found.counts(THRESHOLDS, sign).astype(float)
            counts[counts == 0] = np.nan
            label = f"{name}, {'negative' if sign < 0 else 'positive'}"
            curve.step(THRESHOLDS, counts, style, where="post", color=colours[name], label=label)
    chance = expected_by_chance(seen["after"].significance.noise_power, area, THRESHOLDS)
    curve.plot(THRESHOLDS, chance, "--", color=colours["chance"], lw=1.2, label="by chance")
    curve.set(yscale="log", xlim=(THRESHOLDS[0], 8), xlabel="threshold (σ)")
    curve.set_ylim(bottom=0.3)
    curve.set_title("detections in the whole frame", loc="left")
    curve.spines[["top", "right"]].set_visible(False)
    curve.legend(frameon=False)
    curve.set_facecolor("none")
    return figure


if __name__ == "__main__":
    main()
