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

/// A vector that may lie anywhere.
typedef double Unaligned __attribute__((vector_size(64), aligned(8)));

/// Room for the shifts -(w - 1) .. w - 1 in whole pairs of vectors.
int padded_span(int width) { return (2 * width - 1 + 2 * lanes - 1) / (2 * lanes) * 2 * lanes; }

/// out[dy][dx + w - 1] = sum K[v, u] K[v + dy, u + dx] for dy >= 0, |dx| < w; rows dy > 0 stand
/// for the equal ones at -dy and are doubled.
/// @param kernel  rows of w values with w - 1 zeros before and `padded_span` zeros behind each.
WHITEDIFF_MULTIVERSION
void autocorrelate(const double* kernel, int height, int width, int stride, double* out) {
  const int span = padded_span(width);
  for (int dy = 0; dy < height; ++dy) {
    const double factor = dy == 0 ? 1.0 : 2.0;
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
      *reinterpret_cast<Vector*>(target) = factor * low;
      *reinterpret_cast<Vector*>(target + lanes) = factor * high;
    }
  }
}

/// Transforms rows in x: sums of a row times cosine and sine of kx * dx.
WHITEDIFF_MULTIVERSION
void transform_rows(const double* autocorrelation, int height, int width, int columns, int stride,
                    const double* cosine, const double* sine, double* cosine_rows,
                    double* sine_rows) {
  const int span = padded_span(width);
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

/// Transforms columns in y at ky = j and the three frequencies that share its sums: a sum over even
/// and one over odd shifts, of waves in phase and in quadrature.
WHITEDIFF_MULTIVERSION
void transform_columns(const double* cosine_rows, const double* sine_rows, int terms, int ky,
                       int size, int stride, const double* cosine, const double* sine,
                       double* power) {
  for (int first = 0; first < stride; first += lanes) {
    Vector even_cosines{}, odd_cosines{}, even_sines{}, odd_sines{};
    const double* c = cosine_rows + first;
    const double* s = sine_rows + first;
    int wave = 0;
    for (int dy = 0; dy < terms; dy += 2) {
      even_cosines += cosine[wave] * *reinterpret_cast<const Vector*>(c);
      even_sines += sine[wave] * *reinterpret_cast<const Vector*>(s);
      c += stride;
      s += stride;
      wave = wave + ky < size ? wave + ky : wave + ky - size;
      if (dy + 1 == terms) break;
      odd_cosines += cosine[wave] * *reinterpret_cast<const Vector*>(c);
      odd_sines += sine[wave] * *reinterpret_cast<const Vector*>(s);
      c += stride;
      s += stride;
      wave = wave + ky < size ? wave + ky : wave + ky - size;
    }
    // cos changes sign from ky to h/2 - ky for odd shifts, sin for even ones.
    const Vector totals[] = {
        (even_cosines + odd_cosines) - (even_sines + odd_sines),
        (even_cosines + odd_cosines) + (even_sines + odd_sines),
        (even_cosines - odd_cosines) + (even_sines - odd_sines),
        (even_cosines - odd_cosines) - (even_sines - odd_sines),
    };
    for (int row = 0; row < PowerSpectrum::rows_at_once; ++row) {
      // Rounding may leave a power of zero below zero.
      *reinterpret_cast<Vector*>(power + static_cast<std::ptrdiff_t>(row) * stride + first) =
          totals[row] > 0.0 ? totals[row] : Vector{};
    }
  }
}

}  // namespace

PowerSpectrum::PowerSpectrum(Shape grid)
    : grid_(grid),
      stride_((static_cast<std::size_t>(columns()) + lanes - 1) / lanes * lanes),
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

void PowerSpectrum::prepare(const KernelImage& kernel, Prepared& prepared) {
  const auto [height, width] = kernel.pixels.shape();
  extend_waves(width);
  const int pixel_stride = 2 * width - 1 + padded_span(width);
  pixels_.assign(static_cast<std::size_t>(height) * pixel_stride, 0.0);
  autocorrelation_.resize(static_cast<std::size_t>(height) * padded_span(width));
  prepared.terms = height;
  prepared.cosine_rows.resize(height * stride_);
  prepared.sine_rows.resize(height * stride_);
  for (int v = 0; v < height; ++v) {
    std::copy_n(kernel.pixels.row(v), width,
                pixels_.data() + static_cast<std::ptrdiff_t>(v) * pixel_stride + width - 1);
  }
  autocorrelate(pixels_.data(), height, width, pixel_stride, autocorrelation_.data());
  transform_rows(autocorrelation_.data(), height, width, columns(), static_cast<int>(stride_),
                 cosine_x_.data(), sine_x_.data(), prepared.cosine_rows.data(),
                 prepared.sine_rows.data());
}

std::array<int, PowerSpectrum::rows_at_once> PowerSpectrum::indices(int ky) const {
  const int height = grid_.height;
  return {ky, (height - ky) % height, height / 2 - ky, height / 2 + ky};
}

void PowerSpectrum::rows(const Prepared& prepared, int ky, double* power) const {
  transform_columns(prepared.cosine_rows.data(), prepared.sine_rows.data(), prepared.terms, ky,
                    grid_.height, static_cast<int>(stride_), cosine_y_.data(), sine_y_.data(),
                    power);
}

}  // namespace whitediff
