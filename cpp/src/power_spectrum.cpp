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

/// Transforms a row in x: sums of it times `weight`, cosine and sine of kx * dx.
/// @param row  values at the shifts 0 .. w - 1, with those at -1 .. -(w - 1) before them.
WHITEDIFF_MULTIVERSION
void transform_row(const double* row, double weight, int width, int columns, int stride,
                   const double* cosine, const double* sine, double* cosine_row, double* sine_row) {
  std::fill(cosine_row, cosine_row + columns, weight * row[0]);
  std::fill(cosine_row + columns, cosine_row + stride, 0.0);
  std::fill(sine_row, sine_row + stride, 0.0);
  for (int dx = 1; dx < width; ++dx) {
    const double even = weight * (row[dx] + row[-dx]);
    const double odd = weight * (row[dx] - row[-dx]);
    const double* c = cosine + static_cast<std::ptrdiff_t>(dx) * stride;
    const double* s = sine + static_cast<std::ptrdiff_t>(dx) * stride;
    for (int kx = 0; kx < columns; ++kx) {
      cosine_row[kx] += even * c[kx];
      sine_row[kx] += odd * s[kx];
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

PowerSpectrum::Waves::Waves(int period) : cosine(period), sine(period) {
  for (int k = 0; k < period; ++k) {
    const double phase = 2.0 * std::numbers::pi * k / period;
    cosine[k] = std::cos(phase);
    sine[k] = std::sin(phase);
  }
}

PowerSpectrum::PowerSpectrum(Shape grid)
    : grid_(grid),
      stride_((static_cast<std::size_t>(columns()) + lanes - 1) / lanes * lanes),
      in_y_(grid.height),
      in_x_(grid.width) {}

void PowerSpectrum::extend_waves(int terms) {
  const auto known = static_cast<int>(cosine_x_.size() / stride_);
  if (terms <= known) return;
  cosine_x_.resize(terms * stride_);
  sine_x_.resize(terms * stride_);
  for (int dx = known; dx < terms; ++dx) {
    for (int kx = 0; kx < columns(); ++kx) {
      const auto cycle = static_cast<std::ptrdiff_t>(dx) * kx % grid_.width;
      cosine_x_[dx * stride_ + kx] = in_x_.cosine[cycle];
      sine_x_[dx * stride_ + kx] = in_x_.sine[cycle];
    }
  }
}

void PowerSpectrum::prepare(const KernelImage& kernel, Prepared& prepared) {
  autocorrelation_.set(kernel.pixels);
  prepare_rows(
      kernel.pixels.shape(), [&](int dy) { return autocorrelation_.row(dy); }, prepared);
}

void PowerSpectrum::prepare(const NoiseCovariance& covariance, Prepared& prepared) {
  const ImageView<const double> lags = covariance.lags();
  const int reach_y = lags.height() / 2, reach_x = lags.width() / 2;
  prepare_rows(
      {reach_y + 1, reach_x + 1}, [&](int dy) { return lags.row(reach_y + dy) + reach_x; },
      prepared);
}

template <class Row>
void PowerSpectrum::prepare_rows(Shape shape, const Row& row, Prepared& prepared) {
  const auto [height, width] = shape;
  extend_waves(width);
  prepared.terms = height;
  prepared.cosine_rows.resize(height * stride_);
  prepared.sine_rows.resize(height * stride_);
  for (int dy = 0; dy < height; ++dy) {
    // Rows dy > 0 stand for the equal ones at -dy, too.
    transform_row(row(dy), dy == 0 ? 1.0 : 2.0, width, columns(), static_cast<int>(stride_),
                  cosine_x_.data(), sine_x_.data(), prepared.cosine_rows.data() + dy * stride_,
                  prepared.sine_rows.data() + dy * stride_);
  }
}

std::array<int, PowerSpectrum::rows_at_once> PowerSpectrum::indices(int ky) const {
  const int height = grid_.height;
  return {ky, (height - ky) % height, height / 2 - ky, height / 2 + ky};
}

void PowerSpectrum::rows(const Prepared& prepared, int ky, double* power) const {
  transform_columns(prepared.cosine_rows.data(), prepared.sine_rows.data(), prepared.terms, ky,
                    grid_.height, static_cast<int>(stride_), in_y_.cosine.data(), in_y_.sine.data(),
                    power);
}

}  // namespace whitediff
