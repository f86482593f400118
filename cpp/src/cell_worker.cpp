#include "cell_worker.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <string>
#include <variant>

#include "cell_plan.hpp"
#include "finite.hpp"
#include "line_products.hpp"
#include "multiversion.hpp"
#include "usable_sum.hpp"

namespace whitediff {
namespace {

template <class T>
WHITEDIFF_ALWAYS_INLINE bool add_scaled_row(T factor, const T* values, int size, T* sums) {
  int unusual = 0;
  for (int x = 0; x < size; ++x) {
    sums[x] += factor * values[x];
    unusual |= !(values[x] >= T(0));
  }
  return unusual != 0;
}

/// sums += factor * values; says whether a value is negative or not a number.
WHITEDIFF_MULTIVERSION bool add_scaled(float factor, const float* values, int size, float* sums) {
  return add_scaled_row(factor, values, size, sums);
}
WHITEDIFF_MULTIVERSION bool add_scaled(double factor, const double* values, int size,
                                       double* sums) {
  return add_scaled_row(factor, values, size, sums);
}

// Rows of a cell are too short for the hardware to foresee the next one: they are called in so many
// rows before they are needed.
constexpr int prefetch_rows = 8;

enum class Access { read, write };

template <Access access, class T>
void prefetch(const T* begin, int size) {
  constexpr int line = 64 / sizeof(T);
  for (int x = 0; x < size; x += line) __builtin_prefetch(begin + x, access == Access::write);
  __builtin_prefetch(begin + size - 1, access == Access::write);
}

/// Calls the row of a box in that comes prefetch_rows after y.
template <Access access, class Pixel>
void prefetch_ahead(ImageView<Pixel> image, const Box& box, int y) {
  if (y + prefetch_rows < box.y1) {
    prefetch<access>(image.row(y + prefetch_rows) + box.x0, box.width());
  }
}

/// Replaces what is not finite.
template <class T>
void fill_gaps(T* row, int size, T value) {
  for (int x = 0; x < size; ++x) {
    if (!std::isfinite(row[x])) row[x] = value;
  }
}

/// Puts the values that are not finite back.
template <class T>
void restore_gaps(const T* original, int size, T* out) {
  if (all_finite(original, size)) return;
  for (int x = 0; x < size; ++x) {
    if (!std::isfinite(original[x])) out[x] = original[x];
  }
}

/// The rows that the taller tile reads.
int height_of(const std::array<Cell, 2>& tiles) {
  return std::max(tiles[0].expanded.height(), tiles[1].expanded.height());
}

}  // namespace

template <class T>
void CellWorker<T>::run(std::size_t cell, const LocalNoise& noise) {
  const Box& box = task_.cells[cell].box;
  weights_.resize(box.width());
  row_.resize(box.width());
  filter_image(cell);
  if (task_.variance == VariancePropagation::full) propagate_variance(cell, noise);
}

template <class T>
void CellWorker<T>::add_row(const Box& box, const Blend::Run& alone, const T* values,
                            T* out) const {
  const double* weights = weights_.data() - box.x0;
  values -= box.x0;
  for (int x = box.x0; x < alone.begin; ++x) out[x] += static_cast<T>(weights[x]) * values[x];
  std::copy(values + alone.begin, values + alone.end, out + alone.begin);
  for (int x = alone.end; x < box.x1; ++x) out[x] += static_cast<T>(weights[x]) * values[x];
}

template <class T>
bool CellWorker<T>::load_image(const Tiles& tiles, std::optional<T> filling) {
  bool complete = true;
  transform_.load(height_of(tiles), [&](int tile, int y, T* row) {
    const Box& expanded = tiles[tile].expanded;
    if (y >= expanded.height()) return;
    prefetch_ahead<Access::read>(task_.image, expanded, expanded.y0 + y);
    std::copy_n(task_.image.row(expanded.y0 + y) + expanded.x0, expanded.width(), row);
    if (all_finite(row, expanded.width())) return;
    complete = false;
    if (filling) fill_gaps(row, expanded.width(), *filling);
  });
  return complete;
}

template <class T>
template <class Visit>
void CellWorker<T>::read(const Tiles& tiles, const Visit& visit) {
  const auto first_row = [](const Cell& tile) { return tile.box.y0 - tile.expanded.y0; };
  int begin = first_row(tiles[0]);
  int end = begin + tiles[0].box.height();
  if (!tiles[1].box.empty()) {
    begin = std::min(begin, first_row(tiles[1]));
    end = std::max(end, first_row(tiles[1]) + tiles[1].box.height());
  }
  transform_.read(begin, end, [&](int tile, int y_in_tile, const T* row) {
    const auto& [box, expanded] = tiles[tile];
    const int y = expanded.y0 + y_in_tile;
    if (y >= box.y0 && y < box.y1) visit(y, row + (box.x0 - expanded.x0));
  });
}

template <class T>
void CellWorker<T>::filter_image(std::size_t cell) {
  const Box& box = task_.cells[cell].box;
  const Tiles tiles = tiles_of(task_.cells[cell], task_.border);
  const bool complete = load_image(tiles, std::nullopt);
  if (!complete) {
    const double mean =
        task_.filling ? *task_.filling
                      : usable_sum(task_.image, task_.mask, task_.cells[cell].expanded).mean();
    load_image(tiles, static_cast<T>(mean));
  }
  transform_.filter_columns([&](int first, auto* lines) { filter_.multiply(first, lines); });
  read(tiles, [&](int y, const T* row) {
    const Blend::Run alone = task_.blend.row(cell, y, weights_.data());
    prefetch_ahead<Access::write>(task_.image_out, box, y);
    prefetch_ahead<Access::write>(task_.variance_out, box, y);
    T* out = task_.image_out.row(y);
    add_row(box, alone, row, out);
    if (!complete) restore_gaps(task_.image.row(y) + box.x0, box.width(), out + box.x0);
    if (task_.variance == VariancePropagation::estimate) {
      estimate_variance(box, y);
      T* variance_out = task_.variance_out.row(y);
      add_row(box, alone, row_.data(), variance_out);
      restore_gaps(row_.data(), box.width(), variance_out + box.x0);
    }
  });
}

template <class T>
void CellWorker<T>::estimate_variance(const Box& box, int y) {
  T constant = 0;
  for (std::size_t i = 0; i < task_.sources.size(); ++i) {
    const auto* number = std::get_if<double>(&task_.sources[i].variance);
    if (number) constant += static_cast<T>(filter_.gains()[i] * *number);
  }
  std::fill(row_.begin(), row_.end(), constant);
  for (std::size_t i = 0; i < task_.sources.size(); ++i) {
    const auto* plane = std::get_if<ImageView<const T>>(&task_.sources[i].variance);
    if (!plane) continue;
    prefetch_ahead<Access::read>(*plane, box, y);
    const bool unusual = add_scaled(static_cast<T>(filter_.gains()[i]), plane->row(y) + box.x0,
                                    box.width(), row_.data());
    if (unusual) check_variance(task_.sources[i], *plane, box, y);
  }
}

template <class T>
void CellWorker<T>::check_variance(const NoiseSource<T>& source, ImageView<const T> plane,
                                   const Box& box, int y) const {
  const T* row = plane.row(y);
  for (int x = box.x0; x < box.x1; ++x) {
    const bool masked = !source.mask.empty() && (source.mask(y, x) & task_.mask.ignore);
    if (row[x] < T(0) && std::isfinite(row[x]) && !masked) {
      throw std::invalid_argument(source.name + ": expected values >= 0, got " +
                                  std::to_string(row[x]) + " at (x, y) = (" + std::to_string(x) +
                                  ", " + std::to_string(y) + ")");
    }
  }
}

template <class T>
void CellWorker<T>::propagate_variance(std::size_t cell, const LocalNoise& noise) {
  const Box& box = task_.cells[cell].box;
  const Tiles tiles = tiles_of(task_.cells[cell], task_.border);
  const std::size_t batch_size = transform_.batch * transform_.pitch();
  variance_lines_.assign(transform_.lines_size(), std::complex<T>(0));
  for (std::size_t i = 0; i < task_.sources.size(); ++i) {
    const auto* plane = std::get_if<ImageView<const T>>(&task_.sources[i].variance);
    const auto filling = static_cast<T>(noise.sources[i].variance);
    transform_.load(height_of(tiles), [&](int tile, int y, T* row) {
      const Box& expanded = tiles[tile].expanded;
      if (y >= expanded.height()) return;
      if (!plane) {
        std::fill_n(row, expanded.width(), filling);
        return;
      }
      prefetch_ahead<Access::read>(*plane, expanded, expanded.y0 + y);
      std::copy_n(plane->row(expanded.y0 + y) + expanded.x0, expanded.width(), row);
      if (!all_finite(row, expanded.width())) fill_gaps(row, expanded.width(), filling);
    });
    const auto& response = filter_.squared_response(i);
    transform_.transform_columns([&](int first, const auto* lines) {
      const std::size_t begin = first * transform_.pitch();
      multiply_add(lines, response.data() + begin, batch_size, variance_lines_.data() + begin);
    });
  }
  transform_.restore_columns([&](int first, auto* lines) {
    std::copy_n(variance_lines_.data() + first * transform_.pitch(), batch_size, lines);
  });
  read(tiles, [&](int y, const T* row) {
    const Blend::Run alone = task_.blend.row(cell, y, weights_.data());
    T* out = task_.variance_out.row(y);
    add_row(box, alone, row, out);
    std::fill(row_.begin(), row_.end(), T(0));
    for (const auto& source : task_.sources) {
      if (const auto* plane = std::get_if<ImageView<const T>>(&source.variance)) {
        const bool unusual = add_scaled(T(1), plane->row(y) + box.x0, box.width(), row_.data());
        if (unusual) check_variance(source, *plane, box, y);
      }
    }
    restore_gaps(row_.data(), box.width(), out + box.x0);
  });
}

template class CellWorker<float>;
template class CellWorker<double>;

}  // namespace whitediff
