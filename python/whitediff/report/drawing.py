"""Figures that take colours and letters from the page around them: SVG within HTML."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from html import escape
from itertools import count
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.image import imsave
from numpy.typing import NDArray

__all__ = ["AFTER", "BEFORE", "CHANCE", "INK", "data_uri", "figure", "svg"]

# Stand-ins, which no other part of a figure has, for what the style sheet of the page says.
INK, FAINT, BEFORE, AFTER, CHANCE = "#010203", "#010204", "#010205", "#010206", "#010207"
_COLOURS = {
    INK: "var(--ink)",
    FAINT: "var(--faint)",
    BEFORE: "var(--before)",
    AFTER: "var(--after)",
    CHANCE: "var(--chance)",
}
_STYLE: Any = {
    "axes.edgecolor": FAINT,
    "axes.facecolor": "none",
    "axes.grid": False,
    "axes.labelcolor": INK,
    "axes.linewidth": 0.8,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlecolor": INK,
    "axes.titlelocation": "left",
    "axes.titlesize": 10,
    "figure.facecolor": "none",
    "font.size": 9,
    "legend.frameon": False,
    "legend.labelcolor": INK,
    "lines.linewidth": 1.6,
    "savefig.facecolor": "none",
    "svg.fonttype": "none",
    "text.color": INK,
    "xtick.color": FAINT,
    "xtick.labelcolor": INK,
    "ytick.color": FAINT,
    "ytick.labelcolor": INK,
}
_NO_METADATA: dict[str, Any] = dict.fromkeys(("Creator", "Date", "Format", "Type"))
_FONT = re.compile(r"font: (?:[a-z]+ )*([\d.]+)px [^;\"]*")
_FAMILY = re.compile(r"font-family: [^;\"]*;?")
_numbers = count()


@contextmanager
def figure(width: float, height: float) -> Iterator[Figure]:
    """Yield an empty figure in the style of pages; sizes in inches."""
    with mpl.rc_context(_STYLE):
        yield Figure(figsize=(width, height), layout="constrained")


def svg(drawn: Figure, text: str) -> str:
    """Give a figure as an element of a page.

    Parameters
    ----------
    drawn : Figure
        In the style of `figure`.
    text : str
        What it shows, for those who do not see it.
    """
    file = io.StringIO()
    # Names within the figure are to be its own, among all figures of the page.
    with mpl.rc_context(_STYLE | {"svg.hashsalt": f"figure{next(_numbers)}"}):
        drawn.savefig(file, format="svg", metadata=_NO_METADATA)
    code = file.getvalue()
    code = re.sub(r"<metadata>.*?</metadata>", "", code[code.index("<svg") :], flags=re.S)
    code = _FAMILY.sub("", _FONT.sub(r"font-size: \1px", code))
    for stand_in, colour in _COLOURS.items():
        code = code.replace(stand_in, colour)
    used = set(re.findall(r"(?:url\(#|href=\"#)([^\")]+)", code))
    code = re.sub(r' id="([^"]*)"', lambda m: m.group(0) if m.group(1) in used else "", code)
    box = re.search(r'viewBox="[^"]*"', code)
    assert box is not None
    head = (
        f'<svg {box.group(0)} role="img" aria-label="{escape(text)}" '
        'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink">'
    )
    return head + code[code.index(">") + 1 :]


def data_uri(pixels: NDArray[Any], colours: str, norm: Normalize) -> str:
    """Give an image [y, x] as a PNG in the address of itself, its first row at the bottom.

    Pixels that are not finite are transparent.
    """
    mapped = mpl.colormaps[colours](norm(np.nan_to_num(np.asarray(pixels, np.float64))))
    mapped[~np.isfinite(pixels)] = 0
    file = io.BytesIO()
    imsave(file, np.ascontiguousarray(np.round(mapped[::-1] * 255).astype(np.uint8)), format="png")
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()
