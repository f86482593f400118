#pragma once

#include <complex>
#include <memory>
#include <vector>

#include "fft.hpp"
#include "power_spectrum.hpp"
#include "whitediff/filter.hpp"

namespace whitediff {

/// The filter of one position on the half grid of a Fourier transform, in float64.
///
/// Not thread-safe: `set` keeps the spectra of the position last set.
class FilterDesign {
 public:
  FilterDesign(Shape grid, const FilterOptions& options);

  Shape grid() const { return grid_; }

  /// @throws std::invalid_argument if the power at k = 0 is zero, or a score filter has no PSF.
  void set(const LocalNoise& noise);

  /// mean over k of |F a_i|^2, for every source.
  const std::vector<double>& gains() const { return gains_; }
  long clipped_modes() const { return clipped_modes_; }

  /// P(k), floor applied, rows `stride()` apart.
  const double* power() const { return power_.data(); }
  std::size_t stride() const { return spectrum_.stride(); }

  /// Writes norm * psi(k), rows `stride` apart, zero behind the last column. Mode difference only.
  template <class T>
  void write_whitening(double norm, T* filter, std::size_t stride) const;

  /// F(k), in the layout of RealTransform<double>.
  void write_spectrum(std::complex<double>* filter) const;

  /// The product of kernels, filtered, in real space.
  /// @param image  grid().size() values, zero shift in pixel [0, 0].
  void write_filtered(const std::vector<KernelImage>& kernels, double* image) const;

  const fft::RealTransform<double>& transform() const { return *transform_; }

 private:
  void set_psf(const std::vector<KernelImage>& psf);
  void multiply_transfer(const KernelImage& kernel, std::complex<double>* spectrum) const;
  double mean(const double* power) const;

  Shape grid_;
  FilterOptions options_;
  PowerSpectrum spectrum_;
  std::shared_ptr<const fft::RealTransform<double>> transform_;
  fft::Buffer<double> power_;
  fft::Buffer<double> squared_filter_;
  std::vector<fft::Buffer<double>> source_powers_;
  fft::Buffer<double> scratch_power_;
  fft::Buffer<std::complex<double>> psf_;
  double power_at_zero_ = 0.0;
  std::vector<double> gains_;
  long clipped_modes_ = 0;
};

}  // namespace whitediff
