"""Parts of a frame to look at."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..io.rows import Rows
from ..kernel import Kernel, Polynomial2D, SpatialKernel, flux_scale
from ..simulate import convolve
from ..subtraction.files import Subtraction
from .alarms import Found, without_counterpart
from .significance import Box

__all__ = ["Place", "places", "residual"]

Floats = NDArray[np.float64]

_SIDE = 64
_EACH = 3


@dataclass(frozen=True)
class Place:
    """A part of the frame that is shown.

    Attributes
    ----------
    box : Box
        Which.
    why : str
        What is to be seen there.
    """

    box: Box
    why: str


def places(
    before: Found | None, after: Found, threshold: float, shape: tuple[int, int]
) -> list[Place]:
    """Choose what to look at: detections, false alarms that are gone, and empty sky."""
    chosen: list[Place] = []
    for x, y, why in _candidates(before, after, threshold):
        box = _box(x, y, shape)
        if all(abs(box.x0 - p.box.x0) + abs(box.y0 - p.box.y0) > _SIDE // 2 for p in chosen):
            chosen.append(Place(box, why))
        if sum(place.why == why for place in chosen) > _EACH:
            chosen.pop()
    if not chosen:
        chosen.append(Place(_box((shape[1] - 1) / 2, (shape[0] - 1) / 2, shape), "middle"))
    return chosen


def _candidates(
    before: Found | None, after: Found, threshold: float
) -> Iterator[tuple[float, float, str]]:
    """Positions in the order in which they are wanted, each with its kind."""
    found = after.sources[after.beyond(threshold)]
    order = np.argsort(-abs(found["significance"]))
    middle = len(order) // 2
    for n in [*order[:1], *order[middle:], *order[1:middle]]:
        yield found["x"][n], found["y"][n], "detection"
    if before is None:
        return
    alarms = before.sources[before.beyond(threshold)]
    # What comes near to the threshold after whitening is no false alarm.
    gone = without_counterpart(alarms, after.sources[abs(after.sources["significance"]) > 4])
    alarms = alarms[gone]
    for n in np.argsort(-abs(alarms["significance"])):
        yield alarms["x"][n], alarms["y"][n], "false alarm before"


def _box(x: float, y: float, shape: tuple[int, int]) -> Box:
    """A square about a position, moved into the frame."""
    spans = []
    for at, size in ((y, shape[0]), (x, shape[1])):
        side = min(_SIDE, size)
        first = int(np.clip(round(at) - side // 2, 0, size - side))
        spans += [first, first + side]
    return Box(*spans)


def residual(subtraction: Subtraction, box: Box) -> tuple[Floats, Floats]:
    """Give the difference in a part of the frame, and what images and kernel do not make of it.

    Parameters
    ----------
    subtraction : Subtraction
        With its pair.
    box : Box
        The part.

    Returns
    -------
    difference, rest : numpy.ndarray of float64, [y, x]
        The second is difference - scale (S - K*T), or - scale (K*S - T), less its median.
    """
    pair = subtraction.pair
    assert pair is not None
    y0, y1, x0, x1 = box
    difference = subtraction.difference.image[y0:y1, x0:x1].astype(np.float64)
    kernel = _around(pair.kernel, box, subtraction.difference.xy0)
    images = {"science": pair.science.image, "template": pair.template.image}
    planes = {
        name: _matched(rows, kernel, box)
        if name == pair.convolved
        else rows[y0:y1, x0:x1].astype(np.float64)
        for name, rows in images.items()
    }
    scale = pair.scale
    if scale is None:
        of = subtraction.difference
        scale = flux_scale(pair.kernel, pair.convolved, of.shape, of.xy0)
    rest = difference - scale * (planes["science"] - planes["template"])
    rest -= np.nanmedian(rest) if np.isfinite(rest).any() else 0.0
    return difference, rest


def _around(kernel: Kernel, box: Box, xy0: tuple[int, int]) -> SpatialKernel:
    """A kernel between its values in the corners of a part, linear in x and in y."""
    y0, y1, x0, x1 = box
    corners = [(x, y) for y in (y0, y1 - 1) for x in (x0, x1 - 1)]
    images = kernel.evaluate(*(np.array(corners, np.float64) + xy0).T)
    in_x, in_y = 1 / max(1, x1 - 1 - x0), 1 / max(1, y1 - 1 - y0)
    both = in_x * in_y
    # (1 - u) (1 - v), u (1 - v), (1 - u) v, u v: terms 1; x, y; x y.
    terms = [(1, -in_x, -in_y, both), (0, in_x, 0, -both), (0, 0, in_y, -both), (0, 0, 0, both)]
    weights = [Polynomial2D([one, x, y, 0.0, xy, 0.0]) for one, x, y, xy in terms]
    return SpatialKernel(images, weights, center=kernel.center)


def _matched(rows: Rows, kernel: SpatialKernel, box: Box) -> Floats:
    """Convolve a part of an image; NaN where a pixel without a value counts, zero beyond it."""
    height, width = rows.shape
    reach = max(kernel.shape)
    y0, y1 = max(0, box.y0 - reach), min(height, box.y1 + reach)
    x0, x1 = max(0, box.x0 - reach), min(width, box.x1 + reach)
    pixels = rows[y0:y1, x0:x1].astype(np.float64)
    # Squares of what no telescope gives have no room in a double.
    known = np.isfinite(pixels) & (abs(pixels) < 1e25)
    origin = (float(x0 - box.x0), float(y0 - box.y0))
    matched = convolve(np.where(known, pixels, 0.0), kernel, xy0=origin)
    unknown = convolve((~known).astype(np.float64), _one(kernel), xy0=origin) > 0.5
    matched[unknown] = np.nan
    return matched[box.y0 - y0 : box.y1 - y0, box.x0 - x0 : box.x1 - x0]


def _one(kernel: SpatialKernel) -> SpatialKernel:
    return SpatialKernel([np.ones(kernel.shape)], [Polynomial2D([1.0])], center=kernel.center)
