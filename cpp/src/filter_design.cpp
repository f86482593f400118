#include "filter_design.hpp"

#include <algorithm>
#include <cmath>

#include "multiversion.hpp"
#include "require.hpp"
#include "transfer.hpp"

namespace whitediff {
namespace {

WHITEDIFF_MULTIVERSION
void write_whitening(double power_at_zero, const double* power, int columns,
                     std::complex<double>* filter) {
  auto* parts = reinterpret_cast<double*>(filter);
  for (int x = 0; x < columns; ++x) {
    parts[2 * x] = std::sqrt(power_at_zero / power[x]);
    parts[2 * x + 1] = 0.0;
  }
}

}  // namespace

FilterDesign::FilterDesign(Shape grid, const FilterOptions& options)
    : options_(options),
      noise_(grid, options),
      transform_(fft::RealTransform::get(grid)),
      power_(grid.height * noise_.stride()),
      squares_(noise_.stride()) {}

void FilterDesign::set(const LocalNoise& noise) {
  noise_.set(noise);
  if (options_.mode == Mode::score) set_psf(noise.psf);
  const int columns = noise_.columns();
  const double power_at_zero = noise_.power_at_zero();
  const double norm = 1.0 / static_cast<double>(grid().size());
  gains_.assign(noise.sources.size(), 0.0);
  clipped_modes_ = 0;
  noise_.for_each_row([&](const NoiseSpectrum::Row& row) {
    std::copy_n(row.power, columns, power_.data() + row.y * stride());
    for (int x = 0; x < columns; ++x) {
      squares_[x] = power_at_zero / row.power[x];
      if (options_.mode == Mode::score) {
        squares_[x] *= squares_[x] * std::norm(psf_[row.y * transform_->stride() + x]);
      }
    }
    for (std::size_t i = 0; i < gains_.size(); ++i) {
      gains_[i] +=
          norm * (row.sources[i] ? NoiseSpectrum::mode_sum(squares_.data(), row.sources[i], columns)
                                 : noise_.squared_weights()[i] *
                                       NoiseSpectrum::mode_sum(squares_.data(), columns));
    }
    clipped_modes_ += row.clipped;
  });
}

void FilterDesign::write_spectrum(std::complex<double>* filter) const {
  const double power_at_zero = noise_.power_at_zero();
  for (int y = 0; y < grid().height; ++y) {
    const std::size_t row = y * transform_->stride();
    const double* power = power_.data() + y * stride();
    if (options_.mode == Mode::difference) {
      write_whitening(power_at_zero, power, noise_.columns(), filter + row);
      continue;
    }
    for (int x = 0; x < noise_.columns(); ++x) {
      filter[row + x] = power_at_zero / power[x] * std::conj(psf_[row + x]);
    }
  }
}

void FilterDesign::write_filtered(const std::vector<KernelImage>& kernels, double* image,
                                  const std::vector<NoiseCovariance>& covariances) const {
  fft::Buffer<std::complex<double>> response(transform_->spectrum_size());
  write_spectrum(response.data());
  for (const KernelImage& kernel : kernels) multiply_transfer(kernel, *transform_, response.data());
  for (const NoiseCovariance& covariance : covariances) {
    multiply_root(covariance, *transform_, response.data());
  }
  transform_->inverse(response.data(), image);
  const double norm = 1.0 / static_cast<double>(grid().size());
  for (std::size_t i = 0; i < grid().size(); ++i) image[i] *= norm;
}

void FilterDesign::set_psf(const std::vector<KernelImage>& psf) {
  require(!psf.empty(), "psf", "be given in mode score", "none");
  psf_.assign(transform_->spectrum_size(), 1.0);
  for (const KernelImage& kernel : psf) multiply_transfer(kernel, *transform_, psf_.data());
}

}  // namespace whitediff
