#pragma once

#include <array>

#include "autocorrelation.hpp"
#include "fft.hpp"
#include "whitediff/noise_model.hpp"

namespace whitediff {

/// Samples |K(k)|^2 of small kernel images, and the spectra of covariances, on the half grid
/// ky = 0 .. h - 1, kx = 0 .. w / 2.
///
/// |K|^2 is the Fourier transform of the kernel's autocorrelation, which is even and small: two
/// real matrix products, separable in the axes, beat a padded FFT.
class PowerSpectrum {
 public:
  /// Rows that come at once: ky, h - ky, h / 2 - ky and h / 2 + ky share their sums.
  static constexpr int rows_at_once = 4;

  /// A kernel or a covariance, transformed in x.
  struct Prepared {
    int terms = 0;
    fft::Buffer<double> cosine_rows, sine_rows;
  };

  /// @param grid  even width, height a multiple of 4.
  explicit PowerSpectrum(Shape grid);

  Shape grid() const { return grid_; }
  int columns() const { return grid_.width / 2 + 1; }
  /// Doubles of a row, columns() rounded up to whole vectors; those behind columns() are zero.
  std::size_t stride() const { return stride_; }

  void prepare(const KernelImage& kernel, Prepared& prepared);
  void prepare(const NoiseCovariance& covariance, Prepared& prepared);
  /// The indices of the rows that come with ky = 0 .. h / 4; some may be equal.
  std::array<int, rows_at_once> indices(int ky) const;
  /// Writes those rows, stride() apart.
  void rows(const Prepared& prepared, int ky, double* power) const;

 private:
  /// One period of the longest waves.
  struct Waves {
    explicit Waves(int period);
    fft::Buffer<double> cosine, sine;
  };

  void extend_waves(int terms);
  /// @param row  (dy) -> values at the shifts dx = 0 .. w - 1, with those at -1 .. -(w - 1) before.
  template <class Row>
  void prepare_rows(Shape shape, const Row& row, Prepared& prepared);

  Shape grid_;
  std::size_t stride_;
  Waves in_y_, in_x_;
  // A row for every shift in x, sampled at all kx.
  fft::Buffer<double> cosine_x_, sine_x_;
  Autocorrelation autocorrelation_;
};

}  // namespace whitediff
