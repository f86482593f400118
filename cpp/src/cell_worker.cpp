#include "cell_worker.hpp"

#include <algorithm>
#include <cmath>
#include <variant>

#include "multiversion.hpp"

namespace whitediff {
namespace {

/// Zero if all values of the row are finite, else NaN.
template <class T>
inline T finite_probe_of(const T* row, int size) {
  T probe = 0;
#pragma omp simd reduction(+ : probe)
  for (int x = 0; x < size; ++x) probe += row[x] * T(0);
  return probe;
}

WHITEDIFF_MULTIVERSION float finite_probe(const float* row, int size) {
  return finite_probe_of(row, size);
}
WHITEDIFF_MULTIVERSION double finite_probe(const double* row, int size) {
  return finite_probe_of(row, size);
}

template <class T>
bool all_finite(const T* row, int size) {
  return std::isfinite(finite_probe(row, size));
}

WHITEDIFF_MULTIVERSION void add_weighted(const float* weights, const float* values, int size,
                                         float* out) {
  for (int x = 0; x < size; ++x) out[x] += weights[x] * values[x];
}
WHITEDIFF_MULTIVERSION void add_weighted(const double* weights, const double* values, int size,
                                         double* out) {
  for (int x = 0; x < size; ++x) out[x] += weights[x] * values[x];
}

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
  set_weights(cell);
  filter_image(task_.cells[cell]);
  if (task_.variance == VariancePropagation::full) {
    propagate_variance(task_.cells[cell], noise);
  } else {
    estimate_variance(task_.cells[cell]);
  }
}

template <class T>
void CellWorker<T>::set_weights(std::size_t cell) {
  const Box& box = task_.cells[cell].box;
  box_width_ = box.width();
  row_weights_.resize(box_width_);
  weights_.resize(box.shape().size());
  row_.resize(box_width_);
  for (int y = box.y0; y < box.y1; ++y) {
    task_.blend.row(cell, y, row_weights_.data());
    std::copy(row_weights_.begin(), row_weights_.end(),
              weights_.begin() + (y - box.y0) * box_width_);
  }
}

template <class T>
void CellWorker<T>::filter_image(const Cell& cell) {
  const auto& [box, expanded] = cell;
  const int width = expanded.width();
  bool gaps = false;
  for (int y = expanded.y0; y < expanded.y1 && !gaps; ++y) {
    gaps = !all_finite(task_.image.row(y) + expanded.x0, width);
  }
  T filling = 0;
  if (gaps) filling = static_cast<T>(mean_of_usable(task_.image, task_.mask, expanded));
  const bool empty = std::isnan(filling);

  transform_.load(expanded.shape(), [&](int y, T* row) {
    std::copy_n(task_.image.row(expanded.y0 + y) + expanded.x0, width, row);
    if (gaps) fill_gaps(row, width, empty ? T(0) : filling);
  });
  transform_.filter_columns(
      [&](int first, auto* columns) { filter_.multiply(first, columns); });
  transform_.read(box.y0 - expanded.y0, box.y1 - expanded.y0, [&](int y_in_cell, const T* row) {
    const int y = expanded.y0 + y_in_cell;
    T* out = task_.image_out.row(y) + box.x0;
    add_weighted(weights(y - box.y0), row + (box.x0 - expanded.x0), box.width(), out);
    if (gaps) restore_gaps(task_.image.row(y) + box.x0, box.width(), out);
  });
}

template <class T>
void CellWorker<T>::estimate_variance(const Cell& cell) {
  const Box& box = cell.box;
  for (int y = box.y0; y < box.y1; ++y) {
    std::fill(row_.begin(), row_.end(), T(0));
    for (std::size_t i = 0; i < task_.sources.size(); ++i) {
      const double gain = filter_.gains()[i];
      const auto& variance = task_.sources[i].variance;
      if (const auto* plane = std::get_if<ImageView<const T>>(&variance)) {
        add_scaled(static_cast<T>(gain), plane->row(y) + box.x0, box.width(), row_.data());
      } else {
        const auto value = static_cast<T>(gain * std::get<double>(variance));
        for (T& total : row_) total += value;
      }
    }
    T* out = task_.variance_out.row(y) + box.x0;
    add_weighted(weights(y - box.y0), row_.data(), box.width(), out);
    restore_gaps(row_.data(), box.width(), out);
  }
}

template <class T>
void CellWorker<T>::propagate_variance(const Cell& cell, const LocalNoise& noise) {
  const auto& [box, expanded] = cell;
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
    T* out = task_.variance_out.row(y) + box.x0;
    add_weighted(weights(y - box.y0), row + (box.x0 - expanded.x0), box.width(), out);
    std::fill(row_.begin(), row_.end(), T(0));
    for (const auto& source : task_.sources) {
      if (const auto* plane = std::get_if<ImageView<const T>>(&source.variance)) {
        add_scaled(T(1), plane->row(y) + box.x0, box.width(), row_.data());
      }
    }
    restore_gaps(row_.data(), box.width(), out);
  });
}

template class CellWorker<float>;
template class CellWorker<double>;

}  // namespace whitediff
