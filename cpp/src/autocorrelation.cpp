#include "autocorrelation.hpp"

#include <algorithm>

#include "multiversion.hpp"

namespace whitediff {
namespace {

// Eight doubles at once: whole registers or pieces of them, as the instruction set has it.
typedef double Vector __attribute__((vector_size(64), aligned(64)));
constexpr int lanes = 8;

/// A vector that may lie anywhere.
typedef double Unaligned __attribute__((vector_size(64), aligned(8)));

/// Room for the shifts -(w - 1) .. w - 1 in whole pairs of vectors.
int padded_span(int width) { return (2 * width - 1 + 2 * lanes - 1) / (2 * lanes) * 2 * lanes; }

/// out[dy][dx + w - 1] for dy >= 0, |dx| < w.
/// @param kernel  rows of w values with w - 1 zeros before and `span` zeros behind each.
WHITEDIFF_MULTIVERSION
void correlate(const double* kernel, int height, int width, int stride, int span, double* out) {
  for (int dy = 0; dy < height; ++dy) {
    for (int first = 0; first < span; first += 2 * lanes) {
      Vector low{}, high{};
      for (int v = 0; v + dy < height; ++v) {
        const double* lower = kernel + static_cast<std::ptrdiff_t>(v) * stride + width - 1;
        const double* upper = kernel + static_cast<std::ptrdiff_t>(v + dy) * stride + first;
        for (int u = 0; u < width; ++u) {
          low += lower[u] * *reinterpret_cast<const Unaligned*>(upper + u);
          high += lower[u] * *reinterpret_cast<const Unaligned*>(upper + u + lanes);
        }
      }
      double* target = out + static_cast<std::ptrdiff_t>(dy) * span + first;
      *reinterpret_cast<Vector*>(target) = low;
      *reinterpret_cast<Vector*>(target + lanes) = high;
    }
  }
}

/// Replaces complex numbers z by |z|^2 * scale.
WHITEDIFF_MULTIVERSION
void square(std::complex<double>* values, std::size_t size, double scale) {
  auto* parts = reinterpret_cast<double*>(values);
  for (std::size_t i = 0; i < size; ++i) {
    const double re = parts[2 * i], im = parts[2 * i + 1];
    parts[2 * i] = scale * (re * re + im * im);
    parts[2 * i + 1] = 0.0;
  }
}

/// Writes an image to the corner of a wider one, its rows `before` zeros from the left.
void pad(ImageView<const double> image, std::size_t stride, std::size_t before, double* out) {
  for (int y = 0; y < image.height(); ++y) {
    std::copy_n(image.row(y), image.width(), out + y * stride + before);
  }
}

}  // namespace

void Autocorrelation::set(ImageView<const double> kernel) {
  if (kernel.shape().size() <= direct_pixels) {
    sum_products(kernel);
  } else {
    transform(kernel);
  }
}

void Autocorrelation::sum_products(ImageView<const double> kernel) {
  const auto [height, width] = kernel.shape();
  const int span = padded_span(width);
  const int padded_width = 2 * width - 1 + span;
  padded_.assign(static_cast<std::size_t>(height) * padded_width, 0.0);
  pad(kernel, padded_width, width - 1, padded_.data());
  stride_ = span;
  origin_ = width - 1;
  values_.resize(height * stride_);
  correlate(padded_.data(), height, width, padded_width, span, values_.data());
}

void Autocorrelation::transform(ImageView<const double> kernel) {
  const auto [height, width] = kernel.shape();
  // Room for the shifts of both signs, so that none wraps around onto another.
  const Shape grid{fft::fast_size(2 * height - 1), fft::fast_size(2 * width - 1)};
  if (!transform_ || transform_->shape() != grid) transform_ = fft::RealTransform::get(grid);
  padded_.assign(grid.size(), 0.0);
  pad(kernel, grid.width, 0, padded_.data());
  spectrum_.resize(transform_->spectrum_size());
  transform_->forward(padded_.data(), spectrum_.data());
  square(spectrum_.data(), spectrum_.size(), 1.0 / static_cast<double>(grid.size()));
  transform_->inverse(spectrum_.data(), padded_.data());
  // Negative shifts stand at the ends of the rows.
  stride_ = 2 * width - 1;
  origin_ = width - 1;
  values_.resize(height * stride_);
  for (int dy = 0; dy < height; ++dy) {
    const double* from = padded_.data() + static_cast<std::ptrdiff_t>(dy) * grid.width;
    double* to = values_.data() + dy * stride_;
    to = std::copy_n(from + grid.width - (width - 1), width - 1, to);
    std::copy_n(from, width, to);
  }
}

}  // namespace whitediff
