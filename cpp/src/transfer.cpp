#include "transfer.hpp"

#include <algorithm>
#include <cmath>

namespace whitediff {
namespace {

/// The transform of a small image whose zero shift is `center`.
fft::Buffer<std::complex<double>> transfer_of(ImageView<const double> pixels, KernelCenter center,
                                              const fft::RealTransform& transform) {
  const Shape grid = transform.shape();
  fft::Buffer<double> image(grid.size());
  fft::Buffer<std::complex<double>> transfer(transform.spectrum_size());
  const auto wrapped = [](int shift, int size) { return ((shift % size) + size) % size; };
  for (int v = 0; v < pixels.height(); ++v) {
    const int y = wrapped(v - center.y, grid.height);
    for (int u = 0; u < pixels.width(); ++u) {
      const int x = wrapped(u - center.x, grid.width);
      image[static_cast<std::size_t>(y) * grid.width + x] += pixels(v, u);
    }
  }
  transform.forward(image.data(), transfer.data());
  return transfer;
}

}  // namespace

void multiply_transfer(const KernelImage& kernel, const fft::RealTransform& transform,
                       std::complex<double>* spectrum) {
  const auto transfer = transfer_of(kernel.pixels, kernel.center, transform);
  for (std::size_t k = 0; k < transfer.size(); ++k) spectrum[k] *= transfer[k];
}

void multiply_root(const NoiseCovariance& covariance, const fft::RealTransform& transform,
                   std::complex<double>* spectrum) {
  const ImageView<const double> lags = covariance.lags();
  const auto power = transfer_of(lags, {lags.height() / 2, lags.width() / 2}, transform);
  for (std::size_t k = 0; k < power.size(); ++k) {
    spectrum[k] *= std::sqrt(std::max(power[k].real(), covariance.floor()));
  }
}

}  // namespace whitediff
