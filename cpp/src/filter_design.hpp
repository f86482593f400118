#pragma once

#include <complex>
#include <memory>
#include <vector>

#include "fft.hpp"
#include "noise_spectrum.hpp"
#include "whitediff/filter.hpp"

namespace whitediff {

/// The filter of one position on the whole of a Fourier grid, in float64. Not thread-safe.
class FilterDesign {
 public:
  /// @param grid  even width, height a multiple of 4.
  FilterDesign(Shape grid, const FilterOptions& options);

  Shape grid() const { return noise_.grid(); }
  const fft::RealTransform& transform() const { return *transform_; }

  /// @throws std::invalid_argument if the power at k = 0 is zero, or a score filter has no PSF.
  void set(const LocalNoise& noise);

  /// mean over k of |F a_i|^2, for every source.
  const std::vector<double>& gains() const { return gains_; }
  long clipped_modes() const { return clipped_modes_; }

  /// P(k), with the floor; rows stride() apart.
  const double* power() const { return power_.data(); }
  std::size_t stride() const { return noise_.stride(); }

  /// F(k), in the layout of transform().
  void write_spectrum(std::complex<double>* filter) const;

  /// The product of kernels, filtered, in real space; with covariances, times the roots of their
  /// spectra.
  /// @param image  grid().size() values, zero shift in pixel [0, 0].
  void write_filtered(const std::vector<KernelImage>& kernels, double* image,
                      const std::vector<NoiseCovariance>& covariances = {}) const;

 private:
  void set_psf(const std::vector<KernelImage>& psf);

  FilterOptions options_;
  NoiseSpectrum noise_;
  std::shared_ptr<const fft::RealTransform> transform_;
  fft::Buffer<double> power_;
  fft::Buffer<double> squares_;
  fft::Buffer<std::complex<double>> psf_;
  std::vector<double> gains_;
  long clipped_modes_ = 0;
};

}  // namespace whitediff
