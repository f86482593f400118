#pragma once

#include <algorithm>
#include <cstddef>

#include "parallel.hpp"
#include "whitediff/geometry.hpp"
#include "whitediff/image.hpp"

namespace whitediff {

/// Runs body(begin, end) for bands of rows of a plane on `threads` threads. A band is as large as
/// two huge pages, unless threads would have none: two of them are seldom the first in one page.
template <class T, class Body>
void for_each_band(Shape shape, int threads, const Body& body) {
  constexpr std::size_t pixels_of_band = (std::size_t{4} << 20) / sizeof(T);
  const std::size_t width = std::max(shape.width, 1);
  const std::size_t share = (static_cast<std::size_t>(shape.height) + threads - 1) / threads;
  const std::size_t rows = std::min(pixels_of_band / width + 1, share);
  const std::size_t bands = rows > 0 ? (shape.height + rows - 1) / rows : 0;
  parallel_for(bands, threads, [&](std::size_t n) {
    const int begin = static_cast<int>(n * rows);
    body(begin, std::min(begin + static_cast<int>(rows), shape.height));
  });
}

/// Makes all pixels zero.
template <class Pixel>
void clear(ImageView<Pixel> pixels, int threads) {
  for_each_band<Pixel>(pixels.shape(), threads, [&](int begin, int end) {
    for (int y = begin; y < end; ++y) std::fill_n(pixels.row(y), pixels.width(), Pixel(0));
  });
}

}  // namespace whitediff
