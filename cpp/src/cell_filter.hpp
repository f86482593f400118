#pragma once

#include <complex>
#include <vector>

#include "cell_transform.hpp"
#include "noise_spectrum.hpp"
#include "values.hpp"
#include "whitediff/whiten.hpp"

namespace whitediff {

/// The filter of one position, sampled for the transform of a cell and divided by its size, so
/// that forward transform, filter and inverse transform need no further factor. Values lie as the
/// columns of a CellTransform do: line kx holds all ky.
template <class T>
class CellFilter {
 public:
  using Complex = std::complex<T>;

  CellFilter(Shape transform, const FilterOptions& options, const FilterSupport& support,
             VariancePropagation variance);

  /// Makes the filter for the noise at one position.
  /// @param transform  is overwritten.
  void set(const LocalNoise& noise, CellTransform<T>& transform);

  /// mean over k of |c_i|^2 of every source.
  const std::vector<double>& gains() const { return gains_; }
  /// What the filter makes of a level.
  Level of_level(const Level& level) const {
    Level filtered{at_zero_ * level.middle, at_zero_ * level.dx, at_zero_ * level.dy, level.about};
    filtered.middle -= level.dx * moment_.x + level.dy * moment_.y;
    return filtered;
  }
  long clipped_modes() const { return clipped_modes_; }

  /// Filters the columns from `first` on.
  void multiply(int first, Complex* lines) const;
  /// The transform of the squared response of a source, if variances are propagated in full.
  const fft::Buffer<Complex>& squared_response(std::size_t source) const {
    return squared_responses_[source];
  }

 private:
  void set_whitening(const LocalNoise& noise);
  /// The transform of a small image whose middle pixel stands for no shift.
  void sample(const Image<double>& image, CellTransform<T>& transform,
              fft::Buffer<Complex>& lines) const;

  Shape shape_;
  std::size_t pitch_;
  FilterOptions options_;
  FilterSupport support_;
  VariancePropagation variance_;
  NoiseSpectrum noise_;  // of the transposed kernels: a row is a line
  fft::Buffer<T> squares_, whitening_;
  fft::Buffer<Complex> score_;
  std::vector<fft::Buffer<Complex>> squared_responses_;
  std::vector<double> gains_;
  double at_zero_ = 1.0;
  Point moment_;  // the sum of shifts times the filter there; 0 for whitening filters
  long clipped_modes_ = 0;
};

}  // namespace whitediff
