#pragma once

#include <complex>
#include <cstddef>
#include <memory>

#include "fft.hpp"
#include "whitediff/image.hpp"

namespace whitediff {

/// The autocorrelation A[dy, dx] = sum K[v, u] K[v + dy, u + dx] of one small kernel image after
/// another. It is even, so dy < 0 is left out. Not thread-safe.
class Autocorrelation {
 public:
  /// The most pixels of a kernel whose products are added up one by one; above them a padded FFT
  /// takes less time.
  static constexpr std::size_t direct_pixels = 500;

  void set(ImageView<const double> kernel);

  /// A[dy, 0] for 0 <= dy < height; A[dy, dx] lies dx elements from there, |dx| < width.
  const double* row(int dy) const { return values_.data() + dy * stride_ + origin_; }

 private:
  void sum_products(ImageView<const double> kernel);
  void transform(ImageView<const double> kernel);

  std::size_t stride_ = 0;
  std::size_t origin_ = 0;
  fft::Buffer<double> values_;
  fft::Buffer<double> padded_;
  fft::Buffer<std::complex<double>> spectrum_;
  std::shared_ptr<const fft::RealTransform> transform_;
};

}  // namespace whitediff
