#include "whitediff/psf.hpp"

#include <algorithm>
#include <numeric>

#include "filter_design.hpp"
#include "require.hpp"

namespace whitediff {

Image<double> whitened_psf(const LocalNoise& noise, const FilterOptions& options,
                           const FilterSupport& support) {
  require(!noise.psf.empty(), "psf", "be that of the image", "none");
  // The grid of the support is made for the filter, which in mode difference knows no PSF.
  int side = support.grid;
  for (const KernelImage& kernel : noise.psf) {
    const int extent = std::max(kernel.pixels.height(), kernel.pixels.width());
    if (extent > side) side = fft::fast_size(extent + 2 * support.radius);
  }
  const Shape grid{side, side};
  FilterDesign design(grid, options);
  design.set(noise);
  fft::Buffer<double> whole(grid.size());
  design.write_filtered(noise.psf, whole.data());

  const KernelImage& first = noise.psf.front();
  Image<double> psf(first.pixels.shape());
  for (int v = 0; v < first.pixels.height(); ++v) {
    const int y = (v - first.center.y + grid.height) % grid.height;
    for (int u = 0; u < first.pixels.width(); ++u) {
      const int x = (u - first.center.x + grid.width) % grid.width;
      psf(v, u) = whole[static_cast<std::size_t>(y) * grid.width + x];
    }
  }
  const std::size_t size = psf.shape().size();
  const double total = std::accumulate(psf.data(), psf.data() + size, 0.0);
  require(total != 0.0, "psf", "have a sum other than zero", total);
  for (std::size_t i = 0; i < size; ++i) psf.data()[i] /= total;
  return psf;
}

}  // namespace whitediff
