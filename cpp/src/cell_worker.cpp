#include "cell_worker.hpp"

#include <algorithm>
#include <cmath>
#include <variant>

#include "finite.hpp"
#include "multiversion.hpp"

namespace whitediff {
namespace {

WHITEDIFF_MULTIVERSION void add_scaled(float factor, const float* values, int size, float* out) {
  for (int x = 0; x < size; ++x) out[x] += factor * values[x];
}
WHITEDIFF_MULTIVERSION void add_scaled(double factor, const double* values, int size, double* out) {
  for (int x = 0; x < size; ++x) out[x] += factor * values[x];
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

/// Mean of the finite, unmasked pixels of a box; of the masked ones too if there is no other, and
/// NaN if no pixel is finite.
template <class T>
double mean_of_usable(ImageView<const T> image, const PixelMask& mask, const Box& box) {
  double sum = 0.0, masked_sum = 0.0;
  std::size_t count = 0, masked_count = 0;
  for (int y = box.y0; y < box.y1; ++y) {
    const std::int32_t* bits = mask.active() ? mask.bits.row(y) : nullptr;
    for (int x = box.x0; x < box.x1; ++x) {
      const double value = image(y, x);
      if (!std::isfinite(value)) continue;
      const bool masked = bits && (bits[x] & mask.ignore);
      (masked ? masked_sum : sum) += value;
      ++(masked ? masked_count : count);
    }
  }
  if (count > 0) return sum / static_cast<double>(count);
  return masked_sum / static_cast<double>(masked_count);
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
bool CellWorker<T>::load_image(const Box& expanded, std::optional<T> filling) {
  const int width = expanded.width();
  bool complete = true;
  transform_.load(expanded.shape(), [&](int y, T* row) {
    std::copy_n(task_.image.row(expanded.y0 + y) + expanded.x0, width, row);
    if (all_finite(row, width)) return;
    complete = false;
    if (filling) fill_gaps(row, width, *filling);
  });
  return complete;
}

template <class T>
void CellWorker<T>::filter_image(std::size_t cell) {
  const Box& box = task_.cells[cell].box;
  const Box& expanded = task_.cells[cell].expanded;
  const bool complete = load_image(expanded, std::nullopt);
  if (!complete) {
    const double mean = mean_of_usable(task_.image, task_.mask, expanded);
    load_image(expanded, static_cast<T>(std::isnan(mean) ? 0.0 : mean));
  }
  transform_.filter_columns(
      [&](int first, auto* columns) { filter_.multiply(first, columns); });
  transform_.read(box.y0 - expanded.y0, box.y1 - expanded.y0, [&](int y_in_cell, const T* row) {
    const int y = expanded.y0 + y_in_cell;
    const Blend::Run alone = task_.blend.row(cell, y, weights_.data());
    T* out = task_.image_out.row(y);
    add_row(box, alone, row + (box.x0 - expanded.x0), out);
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
    add_scaled(static_cast<T>(filter_.gains()[i]), plane->row(y) + box.x0, box.width(),
               row_.data());
  }
}

template <class T>
void CellWorker<T>::propagate_variance(std::size_t cell, const LocalNoise& noise) {
  const Box& box = task_.cells[cell].box;
  const Box& expanded = task_.cells[cell].expanded;
  const int width = expanded.width();
  const std::size_t stride = transform_.stride();
  const int height = transform_.shape().height;
  variance_spectrum_.assign(transform_.spectrum_size(), std::complex<T>(0));
  for (std::size_t i = 0; i < task_.sources.size(); ++i) {
    const auto& variance = task_.sources[i].variance;
    const auto filling = static_cast<T>(noise.sources[i].variance);
    transform_.load(expanded.shape(), [&](int y, T* row) {
      if (const auto* plane = std::get_if<ImageView<const T>>(&variance)) {
        std::copy_n(plane->row(expanded.y0 + y) + expanded.x0, width, row);
        if (!all_finite(row, width)) fill_gaps(row, width, filling);
      } else {
        std::fill_n(row, width, filling);
      }
    });
    const auto& response = filter_.squared_response(i);
    transform_.transform_columns([&](int first, const auto* columns) {
      for (int y = 0; y < height; ++y) {
        for (int j = 0; j < transform_.batch; ++j) {
          const std::size_t at = y * stride + first + j;
          variance_spectrum_[at] += columns[y * stride + j] * response[at];
        }
      }
    });
  }
  transform_.restore_columns([&](int first, auto* columns) {
    for (int y = 0; y < height; ++y) {
      std::copy_n(variance_spectrum_.data() + y * stride + first, transform_.batch,
                  columns + y * stride);
    }
  });
  transform_.read(box.y0 - expanded.y0, box.y1 - expanded.y0, [&](int y_in_cell, const T* row) {
    const int y = expanded.y0 + y_in_cell;
    const Blend::Run alone = task_.blend.row(cell, y, weights_.data());
    T* out = task_.variance_out.row(y);
    add_row(box, alone, row + (box.x0 - expanded.x0), out);
    std::fill(row_.begin(), row_.end(), T(0));
    for (const auto& source : task_.sources) {
      if (const auto* plane = std::get_if<ImageView<const T>>(&source.variance)) {
        add_scaled(T(1), plane->row(y) + box.x0, box.width(), row_.data());
      }
    }
    restore_gaps(row_.data(), box.width(), out + box.x0);
  });
}

template class CellWorker<float>;
template class CellWorker<double>;

}  // namespace whitediff
