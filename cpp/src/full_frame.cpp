#include "whitediff/full_frame.hpp"

#include <cmath>
#include <stdexcept>
#include <string>

#include "transfer.hpp"

namespace whitediff {
namespace {

using Half = fft::Buffer<std::complex<double>>;
using Transform = fft::RealTransform;

void require(bool condition, const std::string& message) {
  if (!condition) throw std::invalid_argument(message);
}

/// The product of kernels and a factor, on the half grid.
Half product(const std::vector<KernelImage>& kernels, double factor, const Transform& transform) {
  Half spectrum(transform.spectrum_size(), factor);
  for (const KernelImage& kernel : kernels) {
    const Shape shape = kernel.pixels.shape();
    const Shape grid = transform.shape();
    require(shape.height <= grid.height && shape.width <= grid.width,
            "kernel: expected a shape no larger than the grid's, " + to_string(grid) + ", got " +
                to_string(shape));
    multiply_transfer(kernel, transform, spectrum.data());
  }
  return spectrum;
}

/// All modes of the transform of a real image.
Spectrum whole(const Half& half, const Transform& transform) {
  const auto [height, width] = transform.shape();
  Spectrum spectrum(transform.shape());
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      const bool stored = x < transform.columns();
      const int row = stored ? y : (height - y) % height;
      const auto value = half[row * transform.stride() + (stored ? x : width - x)];
      spectrum(y, x) = stored ? value : std::conj(value);
    }
  }
  return spectrum;
}

void multiply(SpectrumView factor, const Transform& transform, Half& spectrum) {
  for (int y = 0; y < factor.height(); ++y) {
    for (int x = 0; x < transform.columns(); ++x) {
      spectrum[y * transform.stride() + x] *= factor(y, x);
    }
  }
}

/// The real image of a spectrum.
Image<double> inverse(Half spectrum, const Transform& transform) {
  Image<double> image(transform.shape());
  transform.inverse(spectrum.data(), image.data());
  const std::size_t size = transform.shape().size();
  for (std::size_t i = 0; i < size; ++i) image.data()[i] /= static_cast<double>(size);
  return image;
}

}  // namespace

FullFrameFilter full_frame_filter(const LocalNoise& noise, Mode mode, Shape grid) {
  require(!noise.sources.empty(), "noise: expected at least one source, got none");
  require(grid.height >= 1 && grid.width >= 1,
          "grid: expected at least (1, 1), got " + to_string(grid));
  require(mode == Mode::difference || !noise.psf.empty(),
          "mode score: expected the PSF of the image, got none");
  const auto transform = Transform::get(grid);
  std::vector<Half> transfers;
  fft::Buffer<double> power(transform->spectrum_size());
  for (const LocalSource& source : noise.sources) {
    transfers.push_back(product(source.kernels, source.weight, *transform));
    for (std::size_t i = 0; i < power.size(); ++i) {
      power[i] += source.variance * std::norm(transfers.back()[i]);
    }
  }
  const Half psf = product(noise.psf, 1.0, *transform);
  Half filter(transform->spectrum_size());
  for (int y = 0; y < grid.height; ++y) {
    for (int x = 0; x < transform->columns(); ++x) {
      const std::size_t i = y * transform->stride() + x;
      require(power[i] > 0.0 && std::isfinite(power[i]),
              "noise: expected variances that give finite noise at all k, got P(k) = " +
                  std::to_string(power[i]));
      const double ratio = power[0] / power[i];
      filter[i] = mode == Mode::difference ? std::sqrt(ratio) : ratio * std::conj(psf[i]);
    }
  }
  FullFrameFilter result{whole(filter, *transform), {}};
  for (Half& transfer : transfers) {
    for (std::size_t i = 0; i < transfer.size(); ++i) transfer[i] *= filter[i];
    result.responses.push_back(whole(transfer, *transform));
  }
  return result;
}

Image<double> full_frame_convolve(ImageView<const double> image, SpectrumView filter,
                                  double filling) {
  const Shape grid = filter.shape();
  require(image.height() <= grid.height && image.width() <= grid.width,
          "filter: expected a grid no smaller than the image's shape " + to_string(image.shape()) +
              ", got " + to_string(grid));
  const auto transform = Transform::get(grid);
  Image<double> padded(grid);
  for (int y = 0; y < image.height(); ++y) {
    for (int x = 0; x < image.width(); ++x) {
      padded(y, x) = std::isfinite(image(y, x)) ? image(y, x) : filling;
    }
  }
  Half spectrum(transform->spectrum_size());
  transform->forward(padded.data(), spectrum.data());
  multiply(filter, *transform, spectrum);
  const Image<double> convolved = inverse(std::move(spectrum), *transform);
  Image<double> result(image.shape());
  for (int y = 0; y < image.height(); ++y) {
    for (int x = 0; x < image.width(); ++x) {
      result(y, x) = std::isfinite(image(y, x)) ? convolved(y, x) : image(y, x);
    }
  }
  return result;
}

Image<double> full_frame_propagate(ImageView<const double> variance, SpectrumView response,
                                   double filling) {
  const auto transform = Transform::get(response.shape());
  Half half(transform->spectrum_size(), 1.0);
  multiply(response, *transform, half);
  Image<double> square = inverse(std::move(half), *transform);
  for (std::size_t i = 0; i < square.shape().size(); ++i) square.data()[i] *= square.data()[i];
  Half spectrum(transform->spectrum_size());
  transform->forward(square.data(), spectrum.data());
  return full_frame_convolve(variance, whole(spectrum, *transform).view(), filling);
}

}  // namespace whitediff
