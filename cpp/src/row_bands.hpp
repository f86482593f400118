#pragma once

#include <algorithm>
#include <cstddef>

#include "parallel.hpp"
#include "whitediff/geometry.hpp"

namespace whitediff {

/// Runs body(begin, end) for bands of rows of a plane on `threads` threads. A band is as large as
/// some huge pages, so that two threads are seldom the first in one page at once.
template <class T, class Body>
void for_each_band(Shape shape, int threads, const Body& body) {
  constexpr std::size_t pixels_of_band = (std::size_t{4} << 20) / sizeof(T);
  const std::size_t width = std::max(shape.width, 1);
  const std::size_t rows = std::min<std::size_t>(pixels_of_band / width + 1, shape.height);
  const std::size_t bands = rows > 0 ? (shape.height + rows - 1) / rows : 0;
  parallel_for(bands, threads, [&](std::size_t n) {
    const int begin = static_cast<int>(n * rows);
    body(begin, std::min(begin + static_cast<int>(rows), shape.height));
  });
}

}  // namespace whitediff
