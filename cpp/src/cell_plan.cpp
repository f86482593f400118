#include "cell_plan.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "fft.hpp"

namespace whitediff {
namespace {

constexpr int overlap = 8;
constexpr int smallest_box = 32;
constexpr int longest_transform = 1024;
// A transform, its filter and its scratch should stay in the caches next to a core.
constexpr double cache_bytes = 2.2e6;
// Of a float32 transform; cells are the same in float64, so that results are.
constexpr double bytes_per_mode = 14.0;
constexpr double cost_outside_cache = 1.5;
// Every row has some work of its own, worth so many pixels.
constexpr double pixels_of_row = 32.0;
// At the end threads wait for the last cell: about so much of a cell's time is lost.
constexpr double cells_lost = 0.25;
// Work a pixel that does not grow with the transform, in units of one level of an FFT.
constexpr double levels_of_copies = 8.0;

int box_limit(int size, double limit) {
  return std::clamp(static_cast<int>(std::min(limit, double(size))), std::min(smallest_box, size),
                    size);
}

/// Cells along an axis, each of some tiles one after the other.
struct Axis {
  int size, border, longest, tiles;

  /// The number of cells for transforms of about this length.
  int count(int length) const {
    const int box = std::clamp(tiles * (length - 2 * border) - overlap, 1, longest);
    return (size + box - 1) / box;
  }

  /// The length of a transform that serves this number of cells.
  int length(int cells) const {
    const int box = (size + cells - 1) / cells + (cells > 1 ? overlap : 0);
    return fft::fast_size((box + tiles - 1) / tiles + 2 * border);
  }
};

}  // namespace

std::vector<Cell> plan_cells(Shape frame, const CellLimits& limits) {
  const Axis in_y{frame.height, limits.border, box_limit(frame.height, limits.highest), 2};
  const Axis in_x{frame.width, limits.border, box_limit(frame.width, limits.widest), 1};
  const int shortest = 2 * limits.border + overlap + smallest_box;
  int rows = 1, columns = 1;
  double least = std::numeric_limits<double>::infinity();
  for (int length = fft::fast_size(shortest);; length = fft::fast_size(length + 1)) {
    const int n_y = in_y.count(length);
    for (int wide = fft::fast_size(shortest);; wide = fft::fast_size(wide + 1)) {
      const int n_x = in_x.count(wide);
      const double modes = double(in_y.length(n_y)) * in_x.length(n_x);
      const double work = in_y.length(n_y) * (in_x.length(n_x) + pixels_of_row);
      const bool cached = modes * bytes_per_mode < cache_bytes;
      const double cost = (double(n_y) * n_x + cells_lost) * work *
                          (std::log2(modes) + levels_of_copies) *
                          (cached ? 1.0 : cost_outside_cache);
      if (cost < least) {
        least = cost;
        rows = n_y;
        columns = n_x;
      }
      if (n_x == 1 || wide > longest_transform) break;
    }
    if (n_y == 1 || length > longest_transform) break;
  }
  return make_cells(frame, rows, columns, overlap, limits.border);
}

std::array<Cell, 2> tiles_of(const Cell& cell, int radius) {
  const int middle = cell.box.y0 + (cell.box.height() + 1) / 2;
  Cell upper = cell, lower = cell;
  upper.box.y1 = lower.box.y0 = middle;
  upper.expanded.y1 = std::min(cell.expanded.y1, middle + radius);
  lower.expanded.y0 = std::max(cell.expanded.y0, middle - radius);
  if (lower.box.empty()) lower.expanded = lower.box;
  return {upper, lower};
}

Shape transform_shape(const std::vector<Cell>& cells, int radius) {
  const auto length = [radius](int begin, int box_begin, int box_end, int end) {
    const int margin = std::min(box_begin - begin, end - box_end);
    return end - begin + std::max(0, radius - margin);
  };
  Shape shape{1, 1};
  for (const Cell& cell : cells) {
    for (const auto& [box, expanded] : tiles_of(cell, radius)) {
      if (box.empty()) continue;
      shape.height = std::max(shape.height, length(expanded.y0, box.y0, box.y1, expanded.y1));
      shape.width = std::max(shape.width, length(expanded.x0, box.x0, box.x1, expanded.x1));
    }
  }
  return {fft::fast_size(shape.height), fft::fast_size(shape.width)};
}

}  // namespace whitediff
