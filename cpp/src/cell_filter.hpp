#pragma once

#include <complex>
#include <memory>
#include <vector>

#include "fft.hpp"
#include "noise_spectrum.hpp"
#include "whitediff/whiten.hpp"

namespace whitediff {

/// The filter of one position, sampled for the transform of a cell and divided by its size, so
/// that forward transform, filter and inverse transform need no further factor.
template <class T>
class CellFilter {
 public:
  using Complex = std::complex<T>;

  CellFilter(Shape transform, const FilterOptions& options, const FilterSupport& support,
             VariancePropagation variance);

  /// Makes the filter for the noise at one position.
  void set(const LocalNoise& noise);

  /// mean over k of |c_i|^2 of every source.
  const std::vector<double>& gains() const { return gains_; }
  long clipped_modes() const { return clipped_modes_; }

  /// Multiplies a batch of columns of a spectrum, rows of `spectrum` stride() apart.
  void multiply(int first, Complex* columns) const;
  /// The transform of the squared response of a source, if variances are propagated in full.
  const fft::Buffer<Complex>& squared_response(std::size_t source) const {
    return squared_responses_[source];
  }

 private:
  void set_whitening(const LocalNoise& noise);
  /// The transform of a small image whose middle pixel stands for no shift.
  void sample(const Image<double>& image, fft::Buffer<Complex>& spectrum) const;

  std::shared_ptr<const fft::RealTransform<T>> transform_;
  FilterOptions options_;
  FilterSupport support_;
  VariancePropagation variance_;
  NoiseSpectrum noise_;
  fft::Buffer<double> squares_;
  fft::Buffer<T> whitening_;
  fft::Buffer<Complex> score_;
  std::vector<fft::Buffer<Complex>> squared_responses_;
  std::vector<double> gains_;
  long clipped_modes_ = 0;
};

}  // namespace whitediff
