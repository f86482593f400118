"""Values that fill pixels without data."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import gcd
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["FillValue", "fill_values", "grown"]

# So many pixels show a value that fills a thousandth of them more than a hundred times.
_SAMPLE = 1 << 17
_LEAST_FRACTION = 1 / 1024
# So many have a value that fills a thousandth 16 times: where none is there three times, none does.
_FIRST_LOOK = 1 << 14
# By chance, a value of continuous noise in single precision does not recur so often.
_LEAST_COUNT = 16
# Fewer values than these show no distribution that one of them could stand out from.
_LEAST_VALUES = 8
_NEIGHBOURS = 8
_EXCESS = 3.0
# Steps of which one is so much longer are no steps from one integer to the next.
_UNEVEN = 1.5
# Stray pixels in the gap beside a value, less than this part of those that have it, do not count.
_GAP_FRACTION = 256


@dataclass(frozen=True)
class FillValue:
    """A value that pixels have because they have no data.

    Attributes
    ----------
    value : float
        The value.
    is_data_too : bool
        Whether many pixels with data have it as well, as in images of integers.
    """

    value: float
    is_data_too: bool

    def pixels(self, image: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
        """Tell which pixels [y, x] it fills: if data have it too, areas of 3 by 3 or more."""
        equal = image == self.value
        return grown(~grown(~equal, 1), 1) if self.is_data_too else equal


def fill_values(image: npt.NDArray[Any], usable: npt.NDArray[np.bool_]) -> list[FillValue]:
    """Find the values that pixels have because they have no data.

    Such a value recurs more than three times as often as the distribution of all others lets
    expect. Where these recur themselves, as in images of integers, neighbouring values tell how
    often that is. What fills less than a thousandth of the pixels is not sought.

    Parameters
    ----------
    image : numpy.ndarray, [y, x]
        Pixels.
    usable : numpy.ndarray of bool, [y, x]
        Those to look at; all are finite.

    Returns
    -------
    list of FillValue
        By increasing value.
    """
    look = _sampled(image, _FIRST_LOOK)[_sampled(usable, _FIRST_LOOK)]
    if look.size > _FIRST_LOOK // 2 and not _recurs(look):
        return []
    sample = _sampled(image, _SAMPLE)[_sampled(usable, _SAMPLE)]
    values, counts = np.unique(sample, return_counts=True)
    if len(values) < _LEAST_VALUES:
        return []
    least = max(_LEAST_COUNT, _LEAST_FRACTION * sample.size)
    found: list[FillValue] = []
    # One fill value may hide another: what is found is taken out before the next look.
    while outstanding := dict(_outstanding(values, counts, least)):
        found += [
            # Adding zero makes 0 of -0.
            FillValue(float(values[index]) + 0.0, expected > _LEAST_COUNT)
            for index, expected in outstanding.items()
        ]
        values, counts = (np.delete(array, list(outstanding)) for array in (values, counts))
    return sorted(found, key=lambda fill: fill.value)


def _recurs(sample: npt.NDArray[Any]) -> bool:
    """Whether a value is there three times; in continuous noise of some 10 000 pixels none is."""
    ordered = np.sort(sample)
    return bool((ordered[2:] == ordered[:-2]).any())


def grown(found: npt.NDArray[np.bool_], radius: int) -> npt.NDArray[np.bool_]:
    """Pixels with one that was found no more than `radius` pixels away in x and in y."""
    for axis in (0, 1):
        view = found.swapaxes(0, axis)
        total = view.copy()
        for shift in range(1, min(radius + 1, len(view))):
            total[shift:] |= view[:-shift]
            total[:-shift] |= view[shift:]
        found = total.swapaxes(0, axis)
    return found


def _sampled(plane: npt.NDArray[Any], number: int) -> npt.NDArray[Any]:
    """So many pixels at most, evenly spread over all rows and columns."""
    step = 1 + plane.size // number
    while gcd(step, plane.shape[1]) > 1:
        step += 1
    return plane.reshape(-1)[::step]


def _outstanding(
    values: npt.NDArray[Any], counts: npt.NDArray[np.int64], least: float
) -> Iterator[tuple[int, float]]:
    """Indices of values that recur far more often than others let expect, and that number."""
    recurring = np.flatnonzero(counts > 1)
    places = np.flatnonzero(counts[recurring] >= least)
    neighbours = [n for n in range(2 * _NEIGHBOURS + 1) if n != _NEIGHBOURS]
    around = np.pad(counts[recurring], _NEIGHBOURS)[places[:, np.newaxis] + neighbours]
    # Two of the neighbours may be fill values too.
    usual = np.sort(around, axis=1)[:, -3]
    totals = np.concatenate([[0], np.cumsum(counts)])
    for n in np.flatnonzero(counts[recurring[places]] > _EXCESS * usual).tolist():
        place, index = int(places[n]), int(recurring[places[n]])
        sides = recurring[max(0, place - 2) : place][::-1], recurring[place + 1 : place + 3]
        expected = max(
            float(usual[n]),
            *(_continued(values, counts, index, side) for side in sides),
            min(_beside(values, counts, totals, index, sign) for sign in (-1, 1)),
        )
        if counts[index] > _EXCESS * expected:
            yield index, expected


def _continued(
    values: npt.NDArray[Any],
    counts: npt.NDArray[np.int64],
    index: int,
    side: npt.NDArray[np.intp],
) -> float:
    """Count that the next two values on one side, in even steps, lead to.

    Integers whose noise is less than a step fall off by orders from one to the next, and the
    logarithm of a normal distribution falls off ever faster.
    """
    if len(side) < 2:
        return 0.0
    first, second = side[:2]
    here, there, beyond = (float(values[n]) for n in (index, first, second))
    step, next_step = abs(there - here), abs(beyond - there)
    if _UNEVEN * next_step < step:
        return 0.0
    # Where the next step has no value, one pixel fewer would have been seen.
    last = counts[second] if next_step <= _UNEVEN * step else 1
    return float(counts[first]) ** 2 / float(last)


def _beside(
    values: npt.NDArray[Any],
    counts: npt.NDArray[np.int64],
    totals: npt.NDArray[np.int64],
    index: int,
    sign: int,
) -> float:
    """Number of pixels in an interval on one side as wide as the gap between it and the value.

    Where rows are quantised one by one, each in its own steps, 0 is the one value that all have.
    The counts before each value add up to `totals`.
    """
    stray = counts[index] // _GAP_FRACTION
    if sign < 0:
        edge = int(np.searchsorted(totals, totals[index] - stray)) - 1
    else:
        edge = int(np.searchsorted(totals, totals[index + 1] + stray, side="right")) - 1
    if not 0 <= edge < len(values):
        return 0.0
    gap = float(values[edge]) - float(values[index])
    ends = sorted(float(values[index]) + factor * gap for factor in (0.5, 1.5))
    first, last = np.searchsorted(values, ends)
    number = float(totals[last] - totals[first])
    # In continuous noise, gaps end where there are more pixels than stray ones, by definition.
    return number if number > 4 * stray else 0.0
