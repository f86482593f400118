"""Points, extents and boxes."""

import numpy as np
import pytest

from whitediff.geometry import Box2D, Box2I, Extent2D, Extent2I, Point2D, Point2I


def test_points_hold_and_convert_their_coordinates():
    point = Point2I(np.int64(3), -4)
    assert (point.x, point.getY(), point[1], tuple(point)) == (3, -4, -4, (3, -4))
    assert Point2I((3, -4)) == point == Point2I(point)
    assert Point2D(point) == Point2D(3.0, -4.0)
    assert Point2I() == Point2I(0, 0)
    assert Extent2I(7) == Extent2I(7, 7)
    assert repr(Point2D(0.5, 2)) == "Point2D(0.5, 2.0)"
    assert hash(Point2I(1, 2)) == hash(Point2D(1.0, 2.0))


def test_a_position_becomes_the_pixel_that_contains_it():
    assert Point2I(Point2D(2.5, -0.5)) == Point2I(3, 0)
    assert Point2I(Point2D(2.49, -0.51)) == Point2I(2, -1)


def test_pixels_have_integer_coordinates():
    with pytest.raises(TypeError):
        Point2I(1.5, 2)


def test_arithmetic_tells_positions_from_differences():
    assert Point2I(5, 7) - Point2I(2, 3) == Extent2I(3, 4)
    assert isinstance(Point2I(5, 7) - Point2D(2, 3), Extent2D)
    assert isinstance(Point2I(5, 7) + Extent2I(1, 1), Point2I)
    assert Point2D(5, 7) - Extent2D(0.5, 0) == Point2D(4.5, 7)
    assert Extent2I(1, 2) + Extent2I(3, 4) == Extent2I(4, 6)
    assert Point2I(1, 2) != Extent2I(1, 2)
    with pytest.raises(TypeError):
        Point2I(1, 2) + Point2I(3, 4)
    with pytest.raises(TypeError):
        Extent2I(1, 2) - Point2I(3, 4)


def test_an_integer_box_includes_its_maximum():
    box = Box2I(Point2I(-2, 3), Point2I(4, 3))
    assert box == Box2I(Point2I(-2, 3), Extent2I(7, 1))
    assert (box.getMinX(), box.getMinY(), box.getMaxX(), box.getMaxY()) == (-2, 3, 4, 3)
    assert (box.getBeginX(), box.beginY, box.getEndX(), box.endY) == (-2, 3, 5, 4)
    assert (box.getMin(), box.getMax()) == (Point2I(-2, 3), Point2I(4, 3))
    assert (box.begin, box.end) == (Point2I(-2, 3), Point2I(5, 4))
    assert (box.getWidth(), box.height, box.getArea()) == (7, 1, 7)
    assert box.getDimensions() == box.dimensions == Extent2I(7, 1)
    assert box.getCenter() == Point2D(1.0, 3.0) == Point2D(box.centerX, box.centerY)
    assert box.getSlices() == (slice(3, 4), slice(-2, 5))
    assert repr(box) == "Box2I(minimum=Point2I(-2, 3), dimensions=Extent2I(7, 1))"
    assert hash(box) == hash(Box2I(box))


def test_a_floating_point_box_covers_the_area_of_its_pixels():
    box = Box2D(Box2I(Point2I(0, 0), Extent2I(4, 3)))
    assert (box.minX, box.minY, box.maxX, box.maxY) == (-0.5, -0.5, 3.5, 2.5)
    assert box.getCenter() == Point2D(1.5, 1.0)
    assert box.contains(Point2D(-0.5, 0)) and not box.contains(Point2D(3.5, 0))
    assert Box2D(Point2D(0, 0), Extent2D(2, 3)) == Box2D(Point2D(0, 0), Point2D(2, 3))
    assert Box2D(Box2I()).isEmpty()
    with pytest.raises(TypeError, match="Box2I"):
        Box2I(box)


def test_corners_are_exchanged_or_give_an_empty_box():
    assert Box2I(Point2I(4, 1), Point2I(2, 5)) == Box2I(Point2I(2, 1), Point2I(4, 5))
    assert Box2I(Point2I(4, 1), Point2I(2, 5), invert=False).isEmpty()
    with pytest.raises(ValueError, match="negative"):
        Box2I(Point2I(0, 0), Extent2I(-1, 2))


def test_contains_and_overlaps():
    box = Box2I(Point2I(10, 20), Extent2I(5, 6))
    assert box.contains(Point2I(10, 20)) and box.contains(14, 25) and Point2I(12, 22) in box
    assert not box.contains(Point2I(15, 20)) and not box.contains(Point2I(10, 26))
    assert box.contains(Point2D(14.4, 25.4)) and not box.contains(Point2D(14.6, 25))
    assert box.contains(Box2I(Point2I(11, 21), Extent2I(4, 5)))
    assert not box.contains(Box2I(Point2I(11, 21), Extent2I(5, 5)))
    assert box.contains(Box2I())
    assert box.overlaps(Box2I(Point2I(14, 25), Extent2I(9, 9)))
    assert not box.overlaps(Box2I(Point2I(15, 25), Extent2I(9, 9)))


def test_boxes_change_in_place_or_as_a_copy():
    box = Box2I(Point2I(0, 0), Extent2I(10, 8))
    assert box.dilatedBy(2) == Box2I(Point2I(-2, -2), Extent2I(14, 12))
    assert box.dilatedBy(Extent2I(1, 0)) == Box2I(Point2I(-1, 0), Extent2I(12, 8))
    assert box.erodedBy(3) == Box2I(Point2I(3, 3), Extent2I(4, 2))
    assert box.erodedBy(4).isEmpty()
    assert box.shiftedBy(Extent2I(5, -5)) == Box2I(Point2I(5, -5), Extent2I(10, 8))
    other = Box2I(Point2I(6, -4), Extent2I(100, 6))
    assert box.clippedTo(other) == Box2I(Point2I(6, 0), Extent2I(4, 2)) == other.clippedTo(box)
    assert box == Box2I(Point2I(0, 0), Extent2I(10, 8))
    box.grow(1)
    box.shift(Extent2I(1, 1))
    box.clip(Box2I(Point2I(5, 5), Extent2I(50, 50)))
    assert box == Box2I(Point2I(5, 5), Extent2I(7, 5))


def test_an_empty_box_stays_empty():
    for box in (Box2I(), Box2I(Point2I(3, 4), Extent2I(0, 9))):
        assert box == Box2I() and box.isEmpty() and box.getArea() == 0
        assert box.dilatedBy(3).isEmpty() and box.shiftedBy(Extent2I(1, 1)).isEmpty()
        assert repr(box) == "Box2I()"
