#include "transfer.hpp"

namespace whitediff {

void multiply_transfer(const KernelImage& kernel, const fft::RealTransform& transform,
                       std::complex<double>* spectrum) {
  const Shape grid = transform.shape();
  fft::Buffer<double> image(grid.size());
  fft::Buffer<std::complex<double>> transfer(transform.spectrum_size());
  const auto wrapped = [](int shift, int size) { return ((shift % size) + size) % size; };
  for (int v = 0; v < kernel.pixels.height(); ++v) {
    const int y = wrapped(v - kernel.center.y, grid.height);
    for (int u = 0; u < kernel.pixels.width(); ++u) {
      const int x = wrapped(u - kernel.center.x, grid.width);
      image[static_cast<std::size_t>(y) * grid.width + x] += kernel.pixels(v, u);
    }
  }
  transform.forward(image.data(), transfer.data());
  for (int y = 0; y < grid.height; ++y) {
    const std::size_t row = y * transform.stride();
    for (int x = 0; x < transform.columns(); ++x) spectrum[row + x] *= transfer[row + x];
  }
}

}  // namespace whitediff
