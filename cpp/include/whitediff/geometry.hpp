#pragma once

#include <algorithm>
#include <cstddef>
#include <string>

namespace whitediff {

/// Height and width of an image in pixels. Images are indexed [y, x].
struct Shape {
  int height = 0;
  int width = 0;

  std::size_t size() const {
    return static_cast<std::size_t>(height) * static_cast<std::size_t>(width);
  }
  bool operator==(const Shape&) const = default;
};

/// A position in pixel coordinates; a whole number is the centre of a pixel.
struct Point {
  double x = 0.0;
  double y = 0.0;

  bool operator==(const Point&) const = default;
};

/// A rectangle of pixels, half open: x0 <= x < x1 and y0 <= y < y1.
struct Box {
  int x0 = 0;
  int y0 = 0;
  int x1 = 0;
  int y1 = 0;

  int width() const { return x1 - x0; }
  int height() const { return y1 - y0; }
  Shape shape() const { return {height(), width()}; }
  bool empty() const { return x1 <= x0 || y1 <= y0; }
  /// The mean position of the pixels.
  Point center() const { return {0.5 * (x0 + x1 - 1), 0.5 * (y0 + y1 - 1)}; }
  Box grown(int border) const { return {x0 - border, y0 - border, x1 + border, y1 + border}; }
  Box moved(int dx, int dy) const { return {x0 + dx, y0 + dy, x1 + dx, y1 + dy}; }
  Box clipped(const Box& to) const {
    return {std::max(x0, to.x0), std::max(y0, to.y0), std::min(x1, to.x1), std::min(y1, to.y1)};
  }
  bool overlaps(const Box& other) const { return !clipped(other).empty(); }
  bool contains(const Box& other) const {
    return other.x0 >= x0 && other.y0 >= y0 && other.x1 <= x1 && other.y1 <= y1;
  }
  bool operator==(const Box&) const = default;
};

/// Where part `index` begins, and the one before ends, if so many pixels are cut into equal parts.
inline int begin_of_part(int index, int count, int size) {
  return static_cast<int>(static_cast<long long>(size) * index / count);
}

/// "(height, width)", as messages show shapes.
inline std::string to_string(Shape shape) {
  return "(" + std::to_string(shape.height) + ", " + std::to_string(shape.width) + ")";
}

/// "[x0:x1, y0:y1]", as messages show boxes.
inline std::string to_string(const Box& box) {
  return "[" + std::to_string(box.x0) + ":" + std::to_string(box.x1) + ", " +
         std::to_string(box.y0) + ":" + std::to_string(box.y1) + "]";
}

}  // namespace whitediff
