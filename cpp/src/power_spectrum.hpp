#pragma once

#include <vector>

#include "fft.hpp"
#include "whitediff/noise_model.hpp"

namespace whitediff {

/// Samples |K(k)|^2 of small kernel images on the half grid ky = 0 .. h - 1, kx = 0 .. w / 2.
///
/// |K|^2 is the Fourier transform of the kernel's autocorrelation, which is even and small: two
/// real matrix products, separable in the axes, beat a padded FFT. Not thread-safe: it has scratch.
class PowerSpectrum {
 public:
  explicit PowerSpectrum(Shape grid);

  int columns() const { return grid_.width / 2 + 1; }
  /// Doubles between rows of the output, columns() rounded up; the rest of a row is zero.
  std::size_t stride() const { return stride_; }
  std::size_t size() const { return static_cast<std::size_t>(grid_.height) * stride_; }

  /// Writes size() values.
  void operator()(const KernelImage& kernel, double* power);

 private:
  void extend_waves(int terms);

  Shape grid_;
  std::size_t stride_;
  // One period of the waves in y; in x a row for every shift, sampled at all kx.
  std::vector<double> cosine_y_, sine_y_;
  fft::Buffer<double> cosine_x_, sine_x_;
  fft::Buffer<double> pixels_, autocorrelation_, cosine_rows_, sine_rows_;
};

}  // namespace whitediff
