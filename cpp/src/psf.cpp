#include "whitediff/psf.hpp"

#include <algorithm>
#include <numeric>
#include <span>

#include "filter_design.hpp"
#include "filtered_psf.hpp"
#include "kernel_sums.hpp"
#include "require.hpp"
#include "transfer.hpp"

namespace whitediff {
namespace {

/// The sum of the product of kernels.
double sum_of(const std::vector<KernelImage>& kernels) {
  double product = 1.0;
  for (const KernelImage& kernel : kernels) product *= sums_of(kernel.pixels).plain;
  return product;
}

void scale(Image<double>& psf, double sum) {
  require(sum != 0.0, "psf", "have a sum other than zero", sum);
  for (double& value : std::span(psf.data(), psf.shape().size())) value /= sum;
}

}  // namespace

PsfFilter::PsfFilter(const LocalNoise& noise, const std::vector<KernelImage>& psf,
                     const FilterOptions& options, const FilterSupport& support) {
  require(!psf.empty(), "psf", "be that of the image", "none");
  // The grid of the support is made for the filter, which in mode difference knows no PSF.
  int side = support.grid;
  for (const KernelImage& kernel : psf) {
    const int extent = std::max(kernel.pixels.height(), kernel.pixels.width());
    // A pixel at one end of it must not see the filter of the other end around the grid.
    side = std::max(side, fft::fast_size(extent + support.radius));
  }
  const Shape grid{side, side};
  FilterDesign design(grid, options);
  design.set(noise);
  transform_ = fft::RealTransform::get(grid);
  spectrum_ = fft::Buffer<std::complex<double>>(transform_->spectrum_size());
  design.write_spectrum(spectrum_.data());
}

Image<double> PsfFilter::apply(const std::vector<KernelImage>& psf) const {
  const Shape grid = transform_->shape();
  fft::Buffer<std::complex<double>> response = spectrum_;
  for (const KernelImage& kernel : psf) multiply_transfer(kernel, *transform_, response.data());
  fft::Buffer<double> whole(grid.size());
  transform_->inverse(response.data(), whole.data());

  const double norm = 1.0 / static_cast<double>(grid.size());
  const KernelImage& first = psf.front();
  Image<double> filtered(first.pixels.shape());
  for (int v = 0; v < first.pixels.height(); ++v) {
    const int y = (v - first.center.y + grid.height) % grid.height;
    for (int u = 0; u < first.pixels.width(); ++u) {
      const int x = (u - first.center.x + grid.width) % grid.width;
      filtered(v, u) = norm * whole[static_cast<std::size_t>(y) * grid.width + x];
    }
  }
  scale(filtered, sum_of(psf));
  return filtered;
}

Image<double> whitened_psf(const LocalNoise& noise, const FilterOptions& options,
                           const FilterSupport& support) {
  Image<double> psf = PsfFilter(noise, noise.psf, options, support).apply(noise.psf);
  scale(psf, std::accumulate(psf.data(), psf.data() + psf.shape().size(), 0.0));
  return psf;
}

}  // namespace whitediff
