"""Where the cells of a grid lie."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from whitediff.tasks.cell_grid import (
    centered_interval,
    covering_intervals,
    even_intervals,
    expanded,
)


@pytest.mark.parametrize("adjust", ["spacing", "size", "none"])
def test_every_pixel_of_an_axis_is_covered(adjust: str) -> None:
    lengths, sizes, steps = (*range(1, 30), 57, 64), (1, 2, 3, 7, 10, 31, 64), (1, 2, 3, 5, 10, 80)
    for length, size, step in itertools.product(lengths, sizes, steps):
        intervals = covering_intervals(length, size, step, adjust)
        assert intervals[0][0] == 0 and intervals[-1][1] == length
        assert all(0 <= start < stop <= length for start, stop in intervals)
        assert all(a[0] < b[0] <= a[1] for a, b in itertools.pairwise(intervals))


def test_spacing_keeps_the_size() -> None:
    for length, size, step in itertools.product(range(5, 40), (5, 6), (1, 3, 5, 9)):
        intervals = covering_intervals(length, size, step, "spacing")
        starts = [start for start, _ in intervals]
        assert {stop - start for start, stop in intervals} == {min(size, length)}
        assert max(np.diff(starts), default=0) <= min(step, size)
        # Spread evenly over whole pixels.
        assert np.ptp(np.diff(starts)) <= 1 if len(starts) > 1 else True


def test_size_has_no_overlap() -> None:
    for length, step in itertools.product(range(1, 40), (1, 3, 5, 9)):
        intervals = covering_intervals(length, 7, step, "size")
        assert all(a[1] == b[0] for a, b in itertools.pairwise(intervals))
        sizes = [stop - start for start, stop in intervals]
        assert max(sizes) <= step and max(sizes) - min(sizes) <= 1


def test_none_keeps_size_and_step() -> None:
    assert covering_intervals(20, 7, 5, "none") == [(0, 7), (5, 12), (10, 17), (15, 20)]


def test_a_step_beyond_the_size_leaves_no_gaps() -> None:
    assert covering_intervals(20, 5, 8, "none") == [(0, 5), (5, 10), (10, 15), (15, 20)]


@pytest.mark.parametrize(
    ("center", "interval"),
    [(10.0, (8, 13)), (10.4, (8, 13)), (10.6, (9, 14)), (0.0, (0, 3)), (19.0, (17, 20))],
)
def test_cell_around_a_position(center: float, interval: tuple[int, int]) -> None:
    assert centered_interval(20, 5, center) == interval


@pytest.mark.parametrize("center", [-4.0, 23.0])
def test_cell_around_a_position_outside(center: float) -> None:
    start, stop = centered_interval(20, 5, center)
    assert start >= stop


def test_even_sized_cells_and_borders() -> None:
    for length in range(2, 25):
        for interval in itertools.combinations(range(length + 1), 2):
            parts = even_intervals(interval, length)
            assert all((stop - start) % 2 == 0 for start, stop in parts)
            assert all(0 <= start < stop <= length for start, stop in parts)
            covered = set().union(*(range(*part) for part in parts))
            assert set(range(*interval)) <= covered
            for part, border in itertools.product(parts, (0, 1, 2, 5)):
                outer = expanded(part, border, length, even=True)
                assert (outer[1] - outer[0]) % 2 == 0
                assert 0 <= outer[0] <= part[0] < part[1] <= outer[1] <= length
    assert even_intervals((0, 1), 1) == [(0, 1)]
    assert expanded((0, 1), 3, 1, even=True) == (0, 1)


def test_borders_end_at_the_edge() -> None:
    assert expanded((5, 9), 3, 20) == (2, 12)
    assert expanded((0, 9), 3, 11) == (0, 11)
