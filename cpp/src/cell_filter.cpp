#include "cell_filter.hpp"

#include <cmath>

#include "multiversion.hpp"

namespace whitediff {
namespace {

/// columns[y][j] *= filter[y][j] for `batch` columns side by side; real numbers as pairs.
template <class T, int batch>
WHITEDIFF_ALWAYS_INLINE void multiply_real(const T* filter, std::size_t stride, int height, std::complex<T>* columns) {
  T* parts = reinterpret_cast<T*>(columns);
  for (int y = 0; y < height; ++y, filter += stride, parts += 2 * stride) {
    for (int j = 0; j < batch; ++j) {
      parts[2 * j] *= filter[j];
      parts[2 * j + 1] *= filter[j];
    }
  }
}

WHITEDIFF_MULTIVERSION
void multiply_columns(const float* filter, std::size_t stride, int height,
                      std::complex<float>* columns) {
  multiply_real<float, fft::RealTransform<float>::batch>(filter, stride, height, columns);
}

WHITEDIFF_MULTIVERSION
void multiply_columns(const double* filter, std::size_t stride, int height,
                      std::complex<double>* columns) {
  multiply_real<double, fft::RealTransform<double>::batch>(filter, stride, height, columns);
}

/// squares = P(0) / P and filter = norm * sqrt(squares).
template <class T>
WHITEDIFF_ALWAYS_INLINE void whitening_row(double power_at_zero, double norm, const double* power, int columns,
                          double* squares, T* filter) {
  const auto factor = static_cast<T>(norm);
  for (int x = 0; x < columns; ++x) {
    squares[x] = power_at_zero / power[x];
    filter[x] = factor * std::sqrt(static_cast<T>(squares[x]));
  }
}

WHITEDIFF_MULTIVERSION
void write_whitening_row(double power_at_zero, double norm, const double* power, int columns,
                         double* squares, float* filter) {
  whitening_row(power_at_zero, norm, power, columns, squares, filter);
}

WHITEDIFF_MULTIVERSION
void write_whitening_row(double power_at_zero, double norm, const double* power, int columns,
                         double* squares, double* filter) {
  whitening_row(power_at_zero, norm, power, columns, squares, filter);
}

}  // namespace

template <class T>
CellFilter<T>::CellFilter(Shape transform, const FilterOptions& options,
                          const FilterSupport& support, VariancePropagation variance)
    : transform_(fft::RealTransform<T>::get(transform)),
      options_(options),
      support_(support),
      variance_(variance),
      noise_(transform, options.power_floor),
      squares_(noise_.stride()) {}

template <class T>
void CellFilter<T>::set(const LocalNoise& noise) {
  if (options_.mode == Mode::difference) {
    set_whitening(noise);
  } else {
    const FilterImage filter = whitediff::filter_image(noise, options_, support_);
    sample(filter.image, score_);
    gains_ = filter.gains;
    clipped_modes_ = filter.clipped_modes;
  }
  if (variance_ == VariancePropagation::full) {
    const auto responses = whitediff::squared_responses(noise, options_, support_);
    squared_responses_.resize(responses.size());
    for (std::size_t i = 0; i < responses.size(); ++i) sample(responses[i], squared_responses_[i]);
  }
}

template <class T>
void CellFilter<T>::set_whitening(const LocalNoise& noise) {
  noise_.set(noise);
  const int columns = noise_.columns();
  const std::size_t stride = transform_->stride();
  const double norm = 1.0 / static_cast<double>(transform_->shape().size());
  whitening_.resize(transform_->shape().height * stride);
  gains_.assign(noise.sources.size(), 0.0);
  clipped_modes_ = 0;
  noise_.for_each_row([&](const NoiseSpectrum::Row& row) {
    write_whitening_row(noise_.power_at_zero(), norm, row.power, columns, squares_.data(),
                        whitening_.data() + row.y * stride);
    for (std::size_t i = 0; i < gains_.size(); ++i) {
      gains_[i] += row.sources[i] ? NoiseSpectrum::mode_sum(squares_.data(), row.sources[i], columns)
                                  : NoiseSpectrum::mode_sum(squares_.data(), columns);
    }
    clipped_modes_ += row.clipped;
  });
  for (std::size_t i = 0; i < gains_.size(); ++i) {
    gains_[i] *= norm * (noise.sources[i].kernels.empty() ? noise_.squared_weights()[i] : 1.0);
  }
}

template <class T>
void CellFilter<T>::multiply(int first, Complex* columns) const {
  const int height = transform_->shape().height;
  const std::size_t stride = transform_->stride();
  if (options_.mode == Mode::difference) {
    multiply_columns(whitening_.data() + first, stride, height, columns);
    return;
  }
  for (int y = 0; y < height; ++y) {
    for (int j = 0; j < fft::RealTransform<T>::batch; ++j) {
      columns[y * stride + j] *= score_[y * stride + first + j];
    }
  }
}

template <class T>
void CellFilter<T>::sample(const Image<double>& image, fft::Buffer<Complex>& spectrum) const {
  const Shape grid = transform_->shape();
  const double norm = 1.0 / static_cast<double>(grid.size());
  fft::Buffer<T> wrapped(grid.size());
  const auto index = [](int shift, int size) { return ((shift % size) + size) % size; };
  const Shape shape = image.shape();
  for (int v = 0; v < shape.height; ++v) {
    T* row = wrapped.data() +
             static_cast<std::ptrdiff_t>(index(v - shape.height / 2, grid.height)) * grid.width;
    for (int u = 0; u < shape.width; ++u) {
      row[index(u - shape.width / 2, grid.width)] += static_cast<T>(norm * image(v, u));
    }
  }
  spectrum.resize(transform_->spectrum_size());
  transform_->forward(wrapped.data(), spectrum.data());
}

template class CellFilter<float>;
template class CellFilter<double>;

}  // namespace whitediff
