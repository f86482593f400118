"""Where the cells of a grid lie: plain integers, one axis at a time.

An interval is half-open, ``(start, stop)``, in pixels counted from the edge of the image.
"""

from __future__ import annotations

from typing import TypeAlias

__all__ = ["Interval", "centered_interval", "covering_intervals", "even_intervals", "expanded"]

Interval: TypeAlias = tuple[int, int]


def covering_intervals(length: int, size: int, step: int, adjust: str) -> list[Interval]:
    """Cover one axis of an image with cells.

    Parameters
    ----------
    length : int
        Length of the axis in pixels.
    size : int
        Size of a cell in pixels.
    step : int
        Distance between the beginnings of neighbouring cells in pixels.
    adjust : {"spacing", "size", "none"}
        What gives way to make the cells fit the axis: their spacing, so that all have the size
        asked for; their size, which then is about `step`, with no overlap; or neither, so that
        the last cell is cut off at the edge of the image.

    Returns
    -------
    intervals : list of Interval
        Cells in ascending order. Each pixel lies in at least one of them, so that cells never
        lie further apart than their size.
    """
    if adjust == "size":
        n = -(-length // step)
        return [(i * length // n, (i + 1) * length // n) for i in range(n)]
    size = min(size, length)
    step = min(step, size)
    n = 1 - (size - length) // step
    if adjust == "spacing":
        starts = [i * (length - size) // max(n - 1, 1) for i in range(n)]
    else:
        starts = [i * step for i in range(n)]
    return [(start, min(start + size, length)) for start in starts]


def centered_interval(length: int, size: int, center: float) -> Interval:
    """Place one cell around a position.

    Parameters
    ----------
    length : int
        Length of the axis in pixels.
    size : int
        Size of the cell in pixels.
    center : float
        Position of the middle of the cell, pixel 0 being centred on 0.

    Returns
    -------
    interval : Interval
        The cell, cut off at the edges; empty (start >= stop) if it lies outside of the image.
    """
    start = int((center - (size - 1) / 2 + 0.5) // 1)
    return max(start, 0), min(start + size, length)


def expanded(inner: Interval, border: int, length: int, *, even: bool = False) -> Interval:
    """Grow a cell on both sides, as far as the image goes.

    Parameters
    ----------
    inner : Interval
        The cell.
    border : int
        Number of pixels to add on each side.
    length : int
        Length of the axis in pixels.
    even : bool, optional
        Make the size even. That needs an even cell, except where the axis has one pixel.

    Returns
    -------
    outer : Interval
        An interval that contains the cell.
    """
    outer = max(inner[0] - border, 0), min(inner[1] + border, length)
    if not even or outer[1] - outer[0] == 1 == length:
        return outer
    grown = even_intervals(outer, length)
    return next(part for part in grown if part[0] <= inner[0] and inner[1] <= part[1])


def even_intervals(interval: Interval, length: int) -> list[Interval]:
    """Give an interval an even size.

    Parameters
    ----------
    interval : Interval
        The interval.
    length : int
        Length of the axis in pixels.

    Returns
    -------
    intervals : list of Interval
        The interval, grown by one pixel if its size is odd. If it is the whole of an odd axis
        there are two, each short of one pixel at the other end. An axis of one pixel stays.
    """
    start, stop = interval
    if (stop - start) % 2 == 0 or length == 1:
        return [interval]
    if stop < length:
        return [(start, stop + 1)]
    if start > 0:
        return [(start - 1, stop)]
    return [(0, length - 1), (1, length)]
