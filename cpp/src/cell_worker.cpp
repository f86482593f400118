#include "cell_worker.hpp"

#include <algorithm>
#include <cmath>
#include <span>
#include <variant>

#include "cell_plan.hpp"
#include "finite.hpp"
#include "line_products.hpp"
#include "usable_pixels.hpp"

namespace whitediff {
namespace {

/// The pixels of a row, what is not finite replaced.
template <class T>
std::span<const T> filled(std::span<const T> pixels, T value, T* room) {
  std::replace_copy_if(
      pixels.begin(), pixels.end(), room, [](T pixel) { return !std::isfinite(pixel); }, value);
  return {room, pixels.size()};
}

/// Puts the values that are not finite back.
template <class T>
void restore_gaps(const T* original, int size, T* out) {
  if (all_finite(original, size)) return;
  for (int x = 0; x < size; ++x) {
    if (!std::isfinite(original[x])) out[x] = original[x];
  }
}

}  // namespace

template <class T>
int CellWorker<T>::height() const {
  return std::max(tiles_[0].expanded.height(), tiles_[1].expanded.height());
}

template <class T>
void CellWorker<T>::run(std::size_t cell, const LocalNoise& noise) {
  cell_ = cell;
  box_ = task_.cells[cell].box.moved(0, -task_.input.first);
  expanded_ = task_.cells[cell].expanded.moved(0, -task_.input.first);
  tiles_ = tiles_of({box_, expanded_}, task_.border);
  for (Weights& weights : weights_) {
    weights.row.last = -1;  // no row yet
    weights.shared.resize(box_.width());
  }
  task_.completion.set_gains(cell, filter_.gains());
  const bool complete = filter_image();
  if (!task_.turns.wait(cell, Turns::Part::image)) return;
  give_image(complete);
  task_.turns.finish(cell, Turns::Part::image);
  if (task_.variance == VariancePropagation::estimate) return;
  filter_variance(noise);
  if (!task_.turns.wait(cell, Turns::Part::variance)) return;
  give_variance();
  task_.turns.finish(cell, Turns::Part::variance);
}

template <class T>
const typename CellWorker<T>::Weights& CellWorker<T>::weigh(int tile, int y) {
  Weights& weights = weights_[tile];
  const int row = frame_row(y);
  if (row < weights.first || row > weights.row.last) {
    weights.row = task_.blend.row(cell_, row, weights.shared.data());
    weights.first = row;
  }
  return weights;
}

template <class T>
void CellWorker<T>::add_row(const Weights& weights, const T* values, T* out) const {
  const double* shared = weights.shared.data() - box_.x0;
  values -= box_.x0;
  for (int x = box_.x0; x < weights.row.begin; ++x) out[x] += static_cast<T>(shared[x]) * values[x];
  std::copy(values + weights.row.begin, values + weights.row.end, out + weights.row.begin);
  for (int x = weights.row.end; x < box_.x1; ++x) out[x] += static_cast<T>(shared[x]) * values[x];
}

template <class T>
std::span<const T> CellWorker<T>::tile_row(ImageView<const T> plane, int tile, int y) const {
  const Box& expanded = tiles_[tile].expanded;
  if (y >= expanded.height()) return {};
  return {plane.row(expanded.y0 + y) + expanded.x0, static_cast<std::size_t>(expanded.width())};
}

template <class T>
bool CellWorker<T>::load_image(std::optional<T> filling) {
  bool complete = true;
  transform_.load(height(), [&](int tile, int y, T* room) {
    const std::span<const T> pixels = tile_row(task_.input.image, tile, y);
    if (all_finite(pixels)) return pixels;
    complete = false;
    return filling ? filled(pixels, *filling, room) : pixels;
  });
  return complete;
}

template <class T>
bool CellWorker<T>::filter_image() {
  const bool complete = load_image(std::nullopt);
  if (!complete) {
    const InputRows<T>& input = task_.input;
    const UsablePixels<T> pixels(input.image, input.mask, task_.ignore_mask);
    const double mean = task_.filling ? *task_.filling : pixels.cut(expanded_).sum().mean();
    load_image(static_cast<T>(mean));
  }
  transform_.filter_columns([&](int first, auto* lines) { filter_.multiply(first, lines); });
  return complete;
}

template <class T>
template <class Visit>
void CellWorker<T>::read(const Visit& visit) {
  const auto first_row = [](const Cell& tile) { return tile.box.y0 - tile.expanded.y0; };
  int begin = first_row(tiles_[0]);
  int end = begin + tiles_[0].box.height();
  if (!tiles_[1].box.empty()) {
    begin = std::min(begin, first_row(tiles_[1]));
    end = std::max(end, first_row(tiles_[1]) + tiles_[1].box.height());
  }
  transform_.read(begin, end, [&](int tile, int y_in_tile, const T* row) {
    const auto& [box, expanded] = tiles_[tile];
    const int y = expanded.y0 + y_in_tile;
    if (y >= box.y0 && y < box.y1) visit(tile, y, row + (box.x0 - expanded.x0));
  });
}

template <class T>
void CellWorker<T>::give_image(bool complete) {
  read([&](int tile, int y, const T* row) {
    T* out = task_.output.image.row(output_row(y));
    add_row(weigh(tile, y), row, out);
    if (!complete) restore_gaps(task_.input.image.row(y) + box_.x0, box_.width(), out + box_.x0);
  });
}

template <class T>
void CellWorker<T>::filter_variance(const LocalNoise& noise) {
  const auto& sources = task_.input.sources;
  const std::size_t batch_size = transform_.batch * transform_.pitch();
  variance_lines_.assign(transform_.lines_size(), std::complex<T>(0));
  for (std::size_t i = 0; i < sources.size(); ++i) {
    const auto* plane = std::get_if<ImageView<const T>>(&sources[i].variance);
    const auto filling = static_cast<T>(noise.sources[i].variance);
    transform_.load(height(), [&](int tile, int y, T* room) -> std::span<const T> {
      if (plane) {
        const std::span<const T> pixels = tile_row(*plane, tile, y);
        return all_finite(pixels) ? pixels : filled(pixels, filling, room);
      }
      const Box& expanded = tiles_[tile].expanded;
      if (y >= expanded.height()) return {};
      std::fill_n(room, expanded.width(), filling);
      return {room, static_cast<std::size_t>(expanded.width())};
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
}

template <class T>
void CellWorker<T>::give_variance() {
  read([&](int tile, int y, const T* row) {
    add_row(weigh(tile, y), row, task_.output.variance.row(output_row(y)));
  });
}

template class CellWorker<float>;
template class CellWorker<double>;

}  // namespace whitediff
