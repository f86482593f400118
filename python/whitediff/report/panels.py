"""The figures of a page, one panel each: as wide as a phone, or some of them side by side."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from ..whiteness import Whiteness
from ..whitening import Whitening
from .alarms import Found
from .drawing import AFTER, BEFORE, CHANCE, INK, figure, svg
from .figure import predicted_power

__all__ = ["alarms_panel", "map_panel", "power_panel"]

Floats = NDArray[np.float64]

_COLOURS = 31


def map_panel(
    values: Floats, shape: tuple[int, int], middle: float, reach: float, text: str
) -> str:
    """Draw what was measured in each mesh of a frame.

    Parameters
    ----------
    values : numpy.ndarray of float64, [rows, columns]
        NaN where nothing was.
    shape : tuple [int, int]
        Height and width of the frame.
    middle, reach : float
        The value of white noise, and how far colours go from it.
    text : str
        What it shows.
    """
    height, width = shape
    with figure(3.4, 2.7) as drawn:
        axes = drawn.subplots()
        shown = axes.imshow(
            values,
            origin="lower",
            cmap=_diverging(),
            vmin=middle - reach,
            vmax=middle + reach,
            interpolation="none",
            extent=(-0.5, width - 0.5, -0.5, height - 0.5),
        )
        axes.set(xlabel="x (pixel)", ylabel="y (pixel)")
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_locator(MaxNLocator(4, integer=True))
        for spine in axes.spines.values():
            spine.set_visible(False)
        bar = drawn.colorbar(shown, ax=axes, ticks=MaxNLocator(5), shrink=0.9, aspect=14)
        bar.outline.set_visible(False)
        return svg(drawn, text)


def _diverging() -> Any:
    import matplotlib as mpl

    return mpl.colormaps["RdBu_r"].resampled(_COLOURS)


def power_panel(before: Whiteness, after: Whiteness | None, whitening: Whitening | None) -> str:
    """Draw noise power against frequency, over that of the variance plane, with the model of it."""
    with figure(4.8, 3.0) as drawn:
        axes = drawn.subplots()
        axes.axhline(1, color=INK, lw=0.9, ls="--", label="as the variance plane says")
        for noise, colour, name in ((before, BEFORE, "before"), (after, AFTER, "after")):
            if noise is None:
                continue
            frequency, power, error = noise.radial_power_spectrum()
            level = noise.variance * power
            low, high = (noise.variance * (power + sign * error) for sign in (-1, 1))
            axes.fill_between(frequency, low, high, color=colour, alpha=0.25, lw=0)
            axes.plot(frequency, level, color=colour, label=name)
        if whitening is not None:
            frequency, power = predicted_power(whitening, before.max_lag)
            axes.plot(frequency, power, color=INK, lw=1.4, ls=":", label="before, as modelled")
        axes.set(
            xlabel="spatial frequency (cycles per pixel)",
            ylabel="noise power over variance plane",
            xlim=(0, 0.5),
        )
        axes.set_ylim(bottom=0)
        axes.legend(fontsize=8.5)
        return svg(drawn, "Noise power against spatial frequency, before and after whitening")


def alarms_panel(
    thresholds: Floats, before: Found | None, after: Found, chance: Floats, threshold: float
) -> str:
    """Draw how many peaks are beyond thresholds, with what noise alone would make."""
    with figure(4.8, 3.3) as drawn:
        axes = drawn.subplots()
        for found, colour, name in ((before, BEFORE, "before"), (after, AFTER, "after")):
            if found is None:
                continue
            for sign, style, word in ((-1, "-", "negative"), (1, (0, (1.5, 1.5)), "positive")):
                counts = found.counts(thresholds, sign).astype(float)
                counts[counts == 0] = np.nan
                axes.plot(
                    thresholds,
                    counts,
                    color=colour,
                    ls=style,
                    drawstyle="steps-post",
                    label=f"{name}, {word}",
                )
        axes.plot(thresholds, chance, color=CHANCE, lw=1.4, ls="--", label="by chance, each sign")
        axes.axvline(threshold, color=INK, lw=0.7, alpha=0.5)
        axes.set(
            xlabel="threshold (standard deviations)",
            ylabel="peaks beyond it",
            yscale="log",
            xlim=(thresholds[0], thresholds[-1]),
        )
        axes.set_ylim(bottom=0.3)
        axes.legend(fontsize=8.5)
        return svg(drawn, "Number of detections against threshold, before and after whitening")
