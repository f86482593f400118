#include "cell_plan.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "fft.hpp"

namespace whitediff {
namespace {

constexpr int overlap = 8;
constexpr int smallest_box = 32;
// A transform, its filter and its scratch should stay in a core's own (second level) cache.
constexpr double cache_bytes = 1 << 20;
constexpr double bytes_per_pixel_of_transform = 1.6;  // in units of the size of a pixel
constexpr double cost_outside_cache = 1.5;
// Work a pixel that does not grow with the transform, in units of one level of an FFT.
constexpr double levels_of_copies = 8.0;

int box_limit(int size, double limit) {
  return std::clamp(static_cast<int>(std::min(limit, double(size))), std::min(smallest_box, size),
                    size);
}

/// The number of boxes along an axis for transforms of about this length.
int box_count(int size, int length, int border, int longest) {
  const int box = std::clamp(length - 2 * border - overlap, 1, longest);
  return (size + box - 1) / box;
}

int transform_length(int size, int count, int border) {
  return fft::fast_size((size + count - 1) / count + (count > 1 ? overlap : 0) + 2 * border);
}

}  // namespace

std::vector<Cell> plan_cells(Shape frame, const CellLimits& limits) {
  const int highest = box_limit(frame.height, limits.highest);
  const int widest = box_limit(frame.width, limits.widest);
  const int shortest = 2 * limits.border + overlap + smallest_box;
  int rows = 1, columns = 1;
  double least = std::numeric_limits<double>::infinity();
  for (int length = fft::fast_size(shortest);; length = fft::fast_size(length + 1)) {
    const int in_y = box_count(frame.height, length, limits.border, highest);
    const int in_x = box_count(frame.width, length, limits.border, widest);
    const double size = double(transform_length(frame.height, in_y, limits.border)) *
                        transform_length(frame.width, in_x, limits.border);
    const bool cached = size * bytes_per_pixel_of_transform * double(limits.pixel_size) < cache_bytes;
    const double cost = double(in_y) * in_x * size * (std::log2(size) + levels_of_copies) *
                        (cached ? 1.0 : cost_outside_cache);
    if (cost < least) {
      least = cost;
      rows = in_y;
      columns = in_x;
    }
    if (in_y == 1 && in_x == 1) break;
    if (length > 2 * shortest && length > 2 * std::max(highest, widest)) break;
  }
  return make_cells(frame, rows, columns, overlap, limits.border);
}

Shape transform_shape(const std::vector<Cell>& cells, int radius) {
  const auto length = [radius](int begin, int box_begin, int box_end, int end) {
    const int margin = std::min(box_begin - begin, end - box_end);
    return end - begin + std::max(0, radius - margin);
  };
  Shape shape{1, 1};
  for (const auto& [box, expanded] : cells) {
    shape.height = std::max(shape.height, length(expanded.y0, box.y0, box.y1, expanded.y1));
    shape.width = std::max(shape.width, length(expanded.x0, box.x0, box.x1, expanded.x1));
  }
  return {fft::fast_size(shape.height), fft::fast_size(shape.width)};
}

}  // namespace whitediff
