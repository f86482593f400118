#include "power_spectrum.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "multiversion.hpp"

namespace whitediff {
namespace {

// Eight doubles at once: whole registers or pieces of them, as the instruction set has it.
typedef double Vector __attribute__((vector_size(64), aligned(64)));
constexpr int lanes = 8;
constexpr int vectors = 2;
constexpr int block = lanes * vectors;  // columns whose sums stay in registers

/// out[dy][dx + w - 1] = sum K[v, u] K[v + dy, u + dx] for dy >= 0, |dx| < w; rows dy > 0 stand
/// for the equal ones at -dy and are doubled.
WHITEDIFF_MULTIVERSION
void autocorrelate(const double* kernel, int height, int width, double* out) {
  const int span = 2 * width - 1;
  std::fill(out, out + static_cast<std::ptrdiff_t>(height) * span, 0.0);
  for (int dy = 0; dy < height; ++dy) {
    double* row = out + static_cast<std::ptrdiff_t>(dy) * span;
    const double factor = dy == 0 ? 1.0 : 2.0;
    for (int v = 0; v + dy < height; ++v) {
      const double* lower = kernel + static_cast<std::ptrdiff_t>(v) * width;
      const double* upper = lower + static_cast<std::ptrdiff_t>(dy) * width;
      for (int u = 0; u < width; ++u) {
        const double value = factor * lower[u];
        double* target = row + (width - 1 - u);
        for (int x = 0; x < width; ++x) target[x] += value * upper[x];
      }
    }
  }
}

/// Transforms rows in x: sums of a row times cosine and sine of kx * dx.
WHITEDIFF_MULTIVERSION
void transform_rows(const double* autocorrelation, int height, int width, int columns, int stride,
                    const double* cosine, const double* sine, double* cosine_rows,
                    double* sine_rows) {
  const int span = 2 * width - 1;
  for (int dy = 0; dy < height; ++dy) {
    const double* row = autocorrelation + static_cast<std::ptrdiff_t>(dy) * span;
    const double* middle = row + width - 1;
    double* in_phase = cosine_rows + static_cast<std::ptrdiff_t>(dy) * stride;
    double* quadrature = sine_rows + static_cast<std::ptrdiff_t>(dy) * stride;
    std::fill(in_phase, in_phase + columns, middle[0]);
    std::fill(in_phase + columns, in_phase + stride, 0.0);
    std::fill(quadrature, quadrature + stride, 0.0);
    for (int dx = 1; dx < width; ++dx) {
      const double even = middle[dx] + middle[-dx];
      const double odd = middle[dx] - middle[-dx];
      const double* c = cosine + static_cast<std::ptrdiff_t>(dx) * stride;
      const double* s = sine + static_cast<std::ptrdiff_t>(dx) * stride;
      for (int kx = 0; kx < columns; ++kx) {
        in_phase[kx] += even * c[kx];
        quadrature[kx] += odd * s[kx];
      }
    }
  }
}

/// Transforms columns in y; rows ky and h - ky share their sums.
WHITEDIFF_MULTIVERSION
void transform_columns(const double* cosine_rows, const double* sine_rows, int terms, int size,
                       int stride, const double* cosine, const double* sine, double* power) {
  for (int ky = 0; ky <= size / 2; ++ky) {
    double* row = power + static_cast<std::ptrdiff_t>(ky) * stride;
    double* mirrored = power + static_cast<std::ptrdiff_t>((size - ky) % size) * stride;
    for (int first = 0; first < stride; first += block) {
      Vector even[vectors] = {};
      Vector odd[vectors] = {};
      for (int dy = 0; dy < terms; ++dy) {
        const auto wave = static_cast<std::ptrdiff_t>(ky) * dy % size;
        const double* in_phase = cosine_rows + static_cast<std::ptrdiff_t>(dy) * stride + first;
        const double* quadrature = sine_rows + static_cast<std::ptrdiff_t>(dy) * stride + first;
        for (int j = 0; j < vectors; ++j) {
          even[j] += cosine[wave] * *reinterpret_cast<const Vector*>(in_phase + j * lanes);
          odd[j] += sine[wave] * *reinterpret_cast<const Vector*>(quadrature + j * lanes);
        }
      }
      for (int j = 0; j < vectors; ++j) {
        // Rounding may leave a power of zero below zero.
        const Vector upper = even[j] + odd[j];
        const Vector lower = even[j] - odd[j];
        *reinterpret_cast<Vector*>(mirrored + first + j * lanes) = upper > 0.0 ? upper : Vector{};
        *reinterpret_cast<Vector*>(row + first + j * lanes) = lower > 0.0 ? lower : Vector{};
      }
    }
  }
}

}  // namespace

PowerSpectrum::PowerSpectrum(Shape grid)
    : grid_(grid),
      stride_((static_cast<std::size_t>(columns()) + block - 1) / block * block),
      cosine_y_(grid.height),
      sine_y_(grid.height) {
  for (int k = 0; k < grid.height; ++k) {
    const double phase = 2.0 * std::numbers::pi * k / grid.height;
    cosine_y_[k] = std::cos(phase);
    sine_y_[k] = std::sin(phase);
  }
}

void PowerSpectrum::extend_waves(int terms) {
  const auto known = static_cast<int>(cosine_x_.size() / stride_);
  if (terms <= known) return;
  cosine_x_.resize(terms * stride_);
  sine_x_.resize(terms * stride_);
  for (int dx = known; dx < terms; ++dx) {
    for (int kx = 0; kx < columns(); ++kx) {
      const auto cycle = static_cast<std::ptrdiff_t>(dx) * kx % grid_.width;
      const double phase = 2.0 * std::numbers::pi * static_cast<double>(cycle) / grid_.width;
      cosine_x_[dx * stride_ + kx] = std::cos(phase);
      sine_x_[dx * stride_ + kx] = std::sin(phase);
    }
  }
}

void PowerSpectrum::operator()(const KernelImage& kernel, double* power) {
  const auto [height, width] = kernel.pixels.shape();
  const auto stride = static_cast<int>(stride_);
  extend_waves(width);
  pixels_.resize(kernel.pixels.shape().size());
  autocorrelation_.resize(static_cast<std::size_t>(height) * (2 * width - 1));
  cosine_rows_.resize(height * stride_);
  sine_rows_.resize(height * stride_);
  for (int v = 0; v < height; ++v) {
    std::copy_n(kernel.pixels.row(v), width, pixels_.data() + static_cast<std::ptrdiff_t>(v) * width);
  }
  autocorrelate(pixels_.data(), height, width, autocorrelation_.data());
  transform_rows(autocorrelation_.data(), height, width, columns(), stride, cosine_x_.data(),
                 sine_x_.data(), cosine_rows_.data(), sine_rows_.data());
  transform_columns(cosine_rows_.data(), sine_rows_.data(), height, grid_.height, stride,
                    cosine_y_.data(), sine_y_.data(), power);
}

}  // namespace whitediff
