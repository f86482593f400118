#include "power_spectrum.hpp"

#include <set>

#include "support.hpp"

using namespace whitediff;

namespace {

/// |K(k)|^2 on the half grid, row by row, and how often every row came.
struct Spectrum {
  Image<double> power;
  std::vector<int> visits;
};

Spectrum sampled(const Image<double>& kernel, Shape grid) {
  PowerSpectrum spectrum(grid);
  PowerSpectrum::Prepared prepared;
  spectrum.prepare({kernel.view(), {0, 0}}, prepared);
  Spectrum result{Image<double>({grid.height, spectrum.columns()}), std::vector<int>(grid.height)};
  fft::Buffer<double> rows(PowerSpectrum::rows_at_once * spectrum.stride());
  for (int ky = 0; ky <= grid.height / 4; ++ky) {
    spectrum.rows(prepared, ky, rows.data());
    const auto indices = spectrum.indices(ky);
    const std::set<int> distinct(indices.begin(), indices.end());
    for (const int y : distinct) ++result.visits[y];
    for (int j = 0; j < PowerSpectrum::rows_at_once; ++j) {
      std::copy_n(rows.data() + j * spectrum.stride(), spectrum.columns(),
                  result.power.row(indices[j]));
      for (std::size_t x = spectrum.columns(); x < spectrum.stride(); ++x) {
        CHECK(rows[j * spectrum.stride() + x] == 0.0);
      }
    }
  }
  return result;
}

}  // namespace

TEST_CASE("|K|^2 equals the direct sum") {
  for (const Shape grid : {Shape{16, 20}, {24, 16}, {40, 50}}) {
    for (const Shape shape : {Shape{1, 1}, {5, 7}, {8, 3}, {16, 16}, {1, 9}, {24, 25}}) {
      CAPTURE(to_string(grid));
      CAPTURE(to_string(shape));
      const auto kernel = test::noise<double>(shape, 11);
      const auto spectrum = sampled(kernel, grid);
      double error = 0.0, scale = 0.0;
      for (int ky = 0; ky < grid.height; ++ky) {
        CHECK(spectrum.visits[ky] == 1);
        for (int kx = 0; kx <= grid.width / 2; ++kx) {
          const double direct = std::norm(test::transfer(kernel, {0, 0}, grid, ky, kx));
          error = std::max(error, std::abs(spectrum.power(ky, kx) - direct));
          scale = std::max(scale, direct);
        }
      }
      // Sums of up to (2 * 25)^2 terms no larger than the whole: rounding of 1e-16 each.
      CHECK(error <= 1e-13 * scale);
    }
  }
}

TEST_CASE("rounding makes no power negative") {
  // The transfer functions of constant kernels of even sides vanish at kx = pi and at ky = pi.
  for (const Shape shape : {Shape{2, 2}, {30, 32}}) {
    CAPTURE(to_string(shape));
    const auto power = sampled(test::constant<double>(shape, 1.0 / 3.0), {16, 16}).power;
    CHECK(*std::min_element(power.data(), power.data() + power.shape().size()) >= 0.0);
    CHECK(power(8, 0) < 1e-15 * power(0, 0));
  }
}

TEST_CASE("a smaller kernel after a larger one leaves nothing behind") {
  PowerSpectrum spectrum({16, 16});
  PowerSpectrum::Prepared prepared;
  const auto large = test::noise<double>({9, 9}, 1);
  const auto small = test::constant<double>({1, 1}, 2.0);
  fft::Buffer<double> rows(PowerSpectrum::rows_at_once * spectrum.stride());
  spectrum.prepare({large.view(), {4, 4}}, prepared);
  spectrum.prepare({small.view(), {0, 0}}, prepared);
  spectrum.rows(prepared, 3, rows.data());
  for (int kx = 0; kx <= 8; ++kx) CHECK(rows[kx] == doctest::Approx(4.0).epsilon(1e-14));
}
