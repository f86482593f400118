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
# By chance, a value of continuous noise in single precision does not recur so often.
_LEAST_COUNT = 16
# Fewer values than these show no distribution that one of them could stand out from.
_LEAST_VALUES = 8
_NEIGHBOURS = 8
_EXCESS = 3.0


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
    sample = _sampled(image)[_sampled(usable)]
    values, counts = np.unique(sample, return_counts=True)
    if len(values) < _LEAST_VALUES:
        return []
    recurring = counts > 1
    values, counts = values[recurring], counts[recurring]
    least = max(_LEAST_COUNT, _LEAST_FRACTION * sample.size)
    found: list[FillValue] = []
    # One fill value may hide another: what is found is taken out before the next look.
    while outstanding := dict(_outstanding(counts, least)):
        found += [
            # Adding zero makes 0 of -0.
            FillValue(float(values[index]) + 0.0, expected > _LEAST_COUNT)
            for index, expected in outstanding.items()
        ]
        values, counts = (np.delete(array, list(outstanding)) for array in (values, counts))
    return sorted(found, key=lambda fill: fill.value)


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


def _sampled(plane: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Pixels evenly spread over all rows and columns."""
    step = 1 + plane.size // _SAMPLE
    while gcd(step, plane.shape[1]) > 1:
        step += 1
    return plane.reshape(-1)[::step]


def _outstanding(counts: npt.NDArray[np.int64], least: float) -> Iterator[tuple[int, float]]:
    """Indices of counts that are far above what their neighbours let expect, and that number."""
    for index in np.flatnonzero(counts >= least).tolist():
        below = counts[max(0, index - _NEIGHBOURS) : index][::-1]
        above = counts[index + 1 : index + 1 + _NEIGHBOURS]
        # Two of the neighbours may be fill values too.
        around = np.sort(np.concatenate([below, above]))
        expected = float(around[-3]) if len(around) > 2 else 0.0
        # Integers whose noise is less than a step fall off by orders from one to the next, and
        # the logarithm of a normal distribution falls off ever faster.
        for side in (below, above):
            if len(side) > 1:
                expected = max(expected, float(side[0]) ** 2 / float(side[1]))
        if counts[index] > _EXCESS * expected:
            yield index, expected
