#pragma once

#include <algorithm>
#include <complex>
#include <memory>

#include "fft.hpp"

namespace whitediff {

/// The Fourier transform of one cell: loaded row by row, filtered column by column, read row by
/// row, so that rows without data cost nothing and columns are multiplied in the nearest cache.
template <class T>
class CellTransform {
 public:
  using Complex = std::complex<T>;
  static constexpr int batch = fft::RealTransform<T>::batch;

  explicit CellTransform(Shape shape)
      : transform_(fft::RealTransform<T>::get(shape)),
        scratch_(transform_->scratch_size()),
        spectrum_(transform_->spectrum_size()) {}

  Shape shape() const { return transform_->shape(); }
  std::size_t stride() const { return transform_->stride(); }
  std::size_t spectrum_size() const { return transform_->spectrum_size(); }

  /// Transforms the rows of an image that fill(y, row) writes, y = 0 .. height - 1, `width` pixels
  /// each; the rest of the transform is zero. Columns are left to do.
  template <class Fill>
  void load(Shape data, const Fill& fill) {
    for (int y = 0; y < data.height; y += batch) {
      std::fill(scratch_.begin(), scratch_.end(), T(0));
      for (int j = 0; j < std::min(batch, data.height - y); ++j) {
        fill(y + j, scratch_.data() + j * transform_->row_stride());
      }
      transform_->forward_rows(scratch_.data(), spectrum_.data() + y * stride());
    }
    std::fill(spectrum_.begin() + static_cast<std::ptrdiff_t>(data.height * stride()),
              spectrum_.end(), Complex(0));
  }

  /// Transforms columns forth, with visit(first, column) after it: `column` points to `batch`
  /// columns side by side from `first` on, rows stride() apart.
  template <class Visit>
  void transform_columns(const Visit& visit) {
    for (int x = 0; x < transform_->columns(); x += batch) {
      transform_->forward_columns(spectrum_.data() + x);
      visit(x, spectrum_.data() + x);
    }
  }

  /// Transforms columns back, with visit(first, column) before it.
  template <class Visit>
  void restore_columns(const Visit& visit) {
    for (int x = 0; x < transform_->columns(); x += batch) {
      visit(x, spectrum_.data() + x);
      transform_->inverse_columns(spectrum_.data() + x);
    }
  }

  /// Both at once, while a batch is in the nearest cache.
  template <class Visit>
  void filter_columns(const Visit& visit) {
    transform_columns([&](int x, Complex* columns) {
      visit(x, columns);
      transform_->inverse_columns(columns);
    });
  }

  /// Transforms rows back, and calls visit(y, row) for begin <= y < end.
  template <class Visit>
  void read(int begin, int end, const Visit& visit) {
    for (int y = begin; y < end; y += batch) {
      transform_->inverse_rows(spectrum_.data() + y * stride(), scratch_.data());
      for (int j = 0; j < std::min(batch, end - y); ++j) {
        visit(y + j, scratch_.data() + j * transform_->row_stride());
      }
    }
  }

 private:
  std::shared_ptr<const fft::RealTransform<T>> transform_;
  fft::Buffer<T> scratch_;
  fft::Buffer<Complex> spectrum_;
};

}  // namespace whitediff
