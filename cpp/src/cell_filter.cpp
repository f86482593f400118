#include "cell_filter.hpp"

#include <algorithm>
#include <cmath>

#include "line_products.hpp"
#include "multiversion.hpp"

namespace whitediff {
namespace {

/// squares = P(0) / P and filter = norm * sqrt(squares).
template <class T>
WHITEDIFF_ALWAYS_INLINE void whitening_row(double power_at_zero, double norm, const double* power,
                                           int columns, T* squares, T* filter) {
  const double unit = 1.0 / power_at_zero;
  const auto factor = static_cast<T>(norm);
  for (int x = 0; x < columns; ++x) {
    squares[x] = T(1) / static_cast<T>(unit * power[x]);
    filter[x] = factor * std::sqrt(squares[x]);
  }
}

WHITEDIFF_MULTIVERSION
void write_whitening(double power_at_zero, double norm, const double* power, int columns,
                     float* squares, float* filter) {
  whitening_row(power_at_zero, norm, power, columns, squares, filter);
}

WHITEDIFF_MULTIVERSION
void write_whitening(double power_at_zero, double norm, const double* power, int columns,
                     double* squares, double* filter) {
  whitening_row(power_at_zero, norm, power, columns, squares, filter);
}

/// The noise of the image with x and y exchanged. Keeps the kernel images.
class Transposed {
 public:
  explicit Transposed(const LocalNoise& noise) {
    for (const LocalSource& source : noise.sources) {
      LocalSource& turned = noise_.sources.emplace_back(source);
      for (KernelImage& kernel : turned.kernels) kernel = transposed(kernel);
      for (NoiseCovariance& covariance : turned.covariances) covariance = transposed(covariance);
    }
  }

  const LocalNoise& noise() const { return noise_; }

 private:
  KernelImage transposed(const KernelImage& kernel) {
    const auto [height, width] = kernel.pixels.shape();
    Image<double>& image = images_.emplace_back(Shape{width, height});
    for (int v = 0; v < height; ++v) {
      for (int u = 0; u < width; ++u) image(u, v) = kernel.pixels(v, u);
    }
    return {image.view(), {kernel.center.x, kernel.center.y}};
  }

  /// What several sources share stays shared.
  NoiseCovariance transposed(const NoiseCovariance& covariance) {
    for (const auto& [of, turned] : covariances_) {
      if (of.is(covariance)) return turned;
    }
    return covariances_.emplace_back(covariance, covariance.transposed()).second;
  }

  std::vector<Image<double>> images_;
  std::vector<std::pair<NoiseCovariance, NoiseCovariance>> covariances_;
  LocalNoise noise_;
};

}  // namespace

template <class T>
CellFilter<T>::CellFilter(Shape transform, const FilterOptions& options,
                          const FilterSupport& support, VariancePropagation variance)
    : shape_(transform),
      pitch_(fft::LineTransform<T>::get(transform.height)->pitch()),
      options_(options),
      support_(support),
      variance_(variance),
      noise_({transform.width, transform.height}, options),
      squares_(noise_.stride()) {}

template <class T>
void CellFilter<T>::set(const LocalNoise& noise, CellTransform<T>& transform) {
  if (options_.mode == Mode::difference) {
    set_whitening(noise);
  } else {
    const FilterImage filter = filter_image(noise, options_, support_);
    sample(filter.image, transform, score_);
    gains_ = filter.gains;
    const int radius = filter.image.shape().width / 2;
    at_zero_ = 0.0;
    moment_ = {};
    for (int dy = -radius; dy <= radius; ++dy) {
      for (int dx = -radius; dx <= radius; ++dx) {
        const double value = filter.image(dy + radius, dx + radius);
        at_zero_ += value;
        moment_.x += dx * value;
        moment_.y += dy * value;
      }
    }
    clipped_modes_ = filter.clipped_modes;
  }
  if (variance_ == VariancePropagation::full) {
    const auto responses = squared_responses(noise, options_, support_);
    squared_responses_.resize(responses.size());
    for (std::size_t i = 0; i < responses.size(); ++i) {
      sample(responses[i], transform, squared_responses_[i]);
    }
  }
}

template <class T>
void CellFilter<T>::set_whitening(const LocalNoise& noise) {
  const Transposed transposed(noise);
  noise_.set(transposed.noise());
  const int half = noise_.columns();
  const double norm = 1.0 / static_cast<double>(shape_.size());
  whitening_.resize(shape_.width * pitch_);
  gains_.assign(noise.sources.size(), 0.0);
  clipped_modes_ = 0;
  noise_.for_each_row([&](const NoiseSpectrum::Row& row) {
    T* line = whitening_.data() + row.y * pitch_;
    write_whitening(noise_.power_at_zero(), norm, row.power, half, squares_.data(), line);
    // F(-k) = F(k): the other half of the line at -kx.
    T* mirrored = whitening_.data() + (shape_.width - row.y) % shape_.width * pitch_;
    std::reverse_copy(line + 1, line + half - 1, mirrored + half);
    for (std::size_t i = 0; i < gains_.size(); ++i) {
      gains_[i] += row.sources[i] ? NoiseSpectrum::mode_sum(squares_.data(), row.sources[i], half)
                                  : NoiseSpectrum::mode_sum(squares_.data(), half);
    }
    clipped_modes_ += row.clipped;
  });
  for (std::size_t i = 0; i < gains_.size(); ++i) {
    gains_[i] *= norm * (noise_.is_white(i) ? noise_.squared_weights()[i] : 1.0);
  }
}

template <class T>
void CellFilter<T>::multiply(int first, Complex* lines) const {
  const std::size_t begin = first * pitch_;
  const std::size_t size = fft::LineTransform<T>::batch * pitch_;
  if (options_.mode == Mode::difference) {
    whitediff::multiply(whitening_.data() + begin, size, lines);
  } else {
    whitediff::multiply(score_.data() + begin, size, lines);
  }
}

template <class T>
void CellFilter<T>::sample(const Image<double>& image, CellTransform<T>& transform,
                           fft::Buffer<Complex>& lines) const {
  const double norm = 1.0 / static_cast<double>(shape_.size());
  const auto index = [](int shift, int size) { return ((shift % size) + size) % size; };
  const int height = image.shape().height, width = image.shape().width;
  lines.resize(transform.lines_size());
  transform.transform_small(
      height / 2,
      [&](int y, T* row) {
        std::fill_n(row, shape_.width, T(0));
        // An image larger than the transform wraps around.
        for (int v = index(y + height / 2, shape_.height); v < height; v += shape_.height) {
          for (int u = 0; u < width; ++u) {
            row[index(u - width / 2, shape_.width)] += static_cast<T>(norm * image(v, u));
          }
        }
      },
      lines.data());
}

template class CellFilter<float>;
template class CellFilter<double>;

}  // namespace whitediff
