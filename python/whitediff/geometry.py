"""Points, extents and boxes with the names and meaning of lsst.geom.

Pixel (i, j) is centred on the position (i, j) and covers half a pixel around it. Integer boxes
include their maximum; floating-point boxes do not.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Iterator
from numbers import Number
from typing import Any, ClassVar, Self

__all__ = ["Box2D", "Box2I", "Extent2D", "Extent2I", "Point2D", "Point2I"]


class _Pair:
    """An (x, y) pair of numbers of one kind, immutable."""

    __slots__ = ("_x", "_y")
    _integer: ClassVar[bool] = False

    def __init__(self, x: Any = 0, y: Any = None) -> None:
        if y is None:
            x, y = (x, x) if isinstance(x, Number) else self._nearest(x)
        number = operator.index if self._integer else float
        self._x, self._y = number(x), number(y)

    def _nearest(self, pair: Any) -> Any:
        """Find the pixel of a floating-point position, where pixels are asked for."""
        if self._integer and isinstance(pair, _Pair) and not pair._integer:
            return math.floor(pair.x + 0.5), math.floor(pair.y + 0.5)
        return pair

    @property
    def x(self) -> Any:
        return self._x

    @property
    def y(self) -> Any:
        return self._y

    def getX(self) -> Any:
        return self._x

    def getY(self) -> Any:
        return self._y

    def __iter__(self) -> Iterator[Any]:
        return iter((self._x, self._y))

    def __getitem__(self, index: int) -> Any:
        return (self._x, self._y)[index]

    def __len__(self) -> int:
        return 2

    def __eq__(self, other: object) -> bool:
        if isinstance(other, _Pair) and _is_extent(self) == _is_extent(other):
            return tuple(self) == tuple(other)
        return NotImplemented

    def __hash__(self) -> int:
        return hash((_is_extent(self), self._x, self._y))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._x!r}, {self._y!r})"

    def __add__(self, other: object) -> Any:
        if not isinstance(other, _Pair) or not (_is_extent(self) or _is_extent(other)):
            return NotImplemented
        extent = _is_extent(self) and _is_extent(other)
        return _pair(extent, self, other)(self._x + other._x, self._y + other._y)

    def __sub__(self, other: object) -> Any:
        if not isinstance(other, _Pair) or (_is_extent(self) and not _is_extent(other)):
            return NotImplemented
        extent = _is_extent(self) == _is_extent(other)
        return _pair(extent, self, other)(self._x - other._x, self._y - other._y)


class Point2D(_Pair):
    """A position."""

    __slots__ = ()


class Point2I(_Pair):
    """The position of a pixel."""

    __slots__ = ()
    _integer = True


class Extent2D(_Pair):
    """A difference of positions, or a size."""

    __slots__ = ()


class Extent2I(_Pair):
    """A difference of pixel positions, or a size in pixels."""

    __slots__ = ()
    _integer = True


def _is_extent(pair: _Pair) -> bool:
    return isinstance(pair, (Extent2D, Extent2I))


def _pair(extent: bool, a: _Pair, b: _Pair) -> type[_Pair]:
    """Type of the sum or difference of two pairs."""
    if a._integer and b._integer:
        return Extent2I if extent else Point2I
    return Extent2D if extent else Point2D


class _Box:
    """A rectangle, held as the half-open range [x0, x1) x [y0, y1)."""

    __slots__ = ("_x0", "_x1", "_y0", "_y1")
    _point: ClassVar[type[_Pair]]
    _extent: ClassVar[type[_Pair]]
    # Distance between the largest position of a box and the end of its half-open range.
    _last: ClassVar[int]

    def __init__(self, minimum: Any = None, maximum: Any = None, invert: bool = True) -> None:
        if minimum is None:
            self._set(0, 0, 0, 0)
            return
        if isinstance(minimum, _Box):
            self._copy(minimum)
            return
        x0, y0 = self._point(minimum)
        if isinstance(maximum, (Extent2I, Extent2D)):
            width, height = self._extent(maximum)
            if width < 0 or height < 0:
                raise ValueError(f"dimensions must not be negative, got {maximum}")
            self._set(x0, y0, x0 + width, y0 + height)
            return
        x1, y1 = self._point(maximum)
        if invert:
            (x0, x1), (y0, y1) = sorted((x0, x1)), sorted((y0, y1))
        self._set(x0, y0, x1 + self._last, y1 + self._last)

    def _copy(self, box: _Box) -> None:
        if type(box) is not type(self):
            raise TypeError(f"box must be a {type(self).__name__}, got {box!r}")
        self._set(box._x0, box._y0, box._x1, box._y1)

    def _set(self, x0: Any, y0: Any, x1: Any, y1: Any) -> None:
        if x1 <= x0 or y1 <= y0:
            x0 = y0 = x1 = y1 = 0
        self._x0, self._y0, self._x1, self._y1 = x0, y0, x1, y1

    def isEmpty(self) -> bool:
        return bool(self._x1 == self._x0)

    def getMinX(self) -> Any:
        return self._x0

    def getMinY(self) -> Any:
        return self._y0

    def getMaxX(self) -> Any:
        return self._x1 - self._last

    def getMaxY(self) -> Any:
        return self._y1 - self._last

    def getMin(self) -> Any:
        return self._point(self._x0, self._y0)

    def getMax(self) -> Any:
        return self._point(self.getMaxX(), self.getMaxY())

    def getWidth(self) -> Any:
        return self._x1 - self._x0

    def getHeight(self) -> Any:
        return self._y1 - self._y0

    def getArea(self) -> Any:
        return self.getWidth() * self.getHeight()

    def getDimensions(self) -> Any:
        return self._extent(self.getWidth(), self.getHeight())

    def getCenterX(self) -> float:
        return float(self._x0 + self._x1 - self._last) / 2

    def getCenterY(self) -> float:
        return float(self._y0 + self._y1 - self._last) / 2

    def getCenter(self) -> Point2D:
        return Point2D(self.getCenterX(), self.getCenterY())

    minX = property(getMinX)
    minY = property(getMinY)
    maxX = property(getMaxX)
    maxY = property(getMaxY)
    width = property(getWidth)
    height = property(getHeight)
    area = property(getArea)
    dimensions = property(getDimensions)
    centerX = property(getCenterX)
    centerY = property(getCenterY)
    center = property(getCenter)

    def contains(self, other: Any, y: Any = None) -> bool:
        """Whether a point (or x, y), or the whole of another box, lies in this box."""
        if isinstance(other, _Box):
            return other.isEmpty() or bool(
                self._x0 <= other._x0 and other._x1 <= self._x1
                and self._y0 <= other._y0 and other._y1 <= self._y1
            )  # fmt: skip
        px, py = self._point(other, y)
        return bool(self._x0 <= px < self._x1 and self._y0 <= py < self._y1)

    __contains__ = contains

    def overlaps(self, other: Self) -> bool:
        return not self.clippedTo(other).isEmpty()

    def grow(self, buffer: Any) -> None:
        """Move every side out by a number, or by the (x, y) of an extent; in place."""
        dx, dy = buffer if isinstance(buffer, _Pair) else (buffer, buffer)
        if not self.isEmpty():
            self._set(self._x0 - dx, self._y0 - dy, self._x1 + dx, self._y1 + dy)

    def shift(self, offset: Any) -> None:
        """Move the box by an extent; in place."""
        dx, dy = self._extent(offset)
        if not self.isEmpty():
            self._set(self._x0 + dx, self._y0 + dy, self._x1 + dx, self._y1 + dy)

    def clip(self, other: Self) -> None:
        """Reduce the box to what it shares with another; in place."""
        self._set(
            max(self._x0, other._x0), max(self._y0, other._y0),
            min(self._x1, other._x1), min(self._y1, other._y1),
        )  # fmt: skip

    def dilatedBy(self, buffer: Any) -> Self:
        result = type(self)(self)
        result.grow(buffer)
        return result

    def erodedBy(self, buffer: Any) -> Self:
        dx, dy = buffer if isinstance(buffer, _Pair) else (buffer, buffer)
        return self.dilatedBy(self._extent(-dx, -dy))

    def shiftedBy(self, offset: Any) -> Self:
        result = type(self)(self)
        result.shift(offset)
        return result

    def clippedTo(self, other: Self) -> Self:
        result = type(self)(self)
        result.clip(other)
        return result

    def __eq__(self, other: object) -> bool:
        if type(other) is type(self):
            return self._range() == other._range()
        return NotImplemented

    def __hash__(self) -> int:
        return hash(self._range())

    def __repr__(self) -> str:
        if self.isEmpty():
            return f"{type(self).__name__}()"
        return (
            f"{type(self).__name__}(minimum={self.getMin()!r}, dimensions={self.getDimensions()!r})"
        )

    def _range(self) -> tuple[Any, Any, Any, Any]:
        return self._x0, self._y0, self._x1, self._y1


class Box2D(_Box):
    """A rectangle of positions, its maximum excluded.

    Parameters
    ----------
    minimum : Point2D, Box2D or Box2I
        Corner with the smallest coordinates, or a box to convert: an integer box becomes the
        area that its pixels cover. Without it the box is empty.
    maximum : Point2D or Extent2D
        Opposite corner, or the size.
    invert : bool
        Whether a maximum below the minimum is exchanged with it (or else gives an empty box).

    Raises
    ------
    ValueError
        If the size is negative.
    """

    __slots__ = ()
    _point, _extent, _last = Point2D, Extent2D, 0

    def _copy(self, box: _Box) -> None:
        if isinstance(box, Box2I) and not box.isEmpty():
            self._set(box._x0 - 0.5, box._y0 - 0.5, box._x1 - 0.5, box._y1 - 0.5)
        elif not isinstance(box, Box2I):
            super()._copy(box)
        else:
            self._set(0, 0, 0, 0)


class Box2I(_Box):
    """A rectangle of pixels, its maximum included.

    Parameters
    ----------
    minimum : Point2I or Box2I
        Pixel with the smallest coordinates, or a box to copy. Without it the box is empty.
    maximum : Point2I or Extent2I
        Opposite pixel, or the size.
    invert : bool
        Whether a maximum below the minimum is exchanged with it (or else gives an empty box).

    Raises
    ------
    ValueError
        If the size is negative.
    TypeError
        If a coordinate is not an integer.
    """

    __slots__ = ()
    _point, _extent, _last = Point2I, Extent2I, 1

    def getBeginX(self) -> int:
        return int(self._x0)

    def getBeginY(self) -> int:
        return int(self._y0)

    def getEndX(self) -> int:
        return int(self._x1)

    def getEndY(self) -> int:
        return int(self._y1)

    def getBegin(self) -> Point2I:
        return Point2I(self._x0, self._y0)

    def getEnd(self) -> Point2I:
        return Point2I(self._x1, self._y1)

    beginX = property(getBeginX)
    beginY = property(getBeginY)
    endX = property(getEndX)
    endY = property(getEndY)
    begin = property(getBegin)
    end = property(getEnd)

    def getSlices(self) -> tuple[slice, slice]:
        """Slices along y and x of an array whose pixel [0, 0] is at (0, 0)."""
        return slice(self._y0, self._y1), slice(self._x0, self._x1)
