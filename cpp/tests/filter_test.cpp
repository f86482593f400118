#include "whitediff/filter.hpp"

#include "filter_design.hpp"
#include "support.hpp"

using namespace whitediff;

namespace {

/// A template-matched difference: P(k) = v_s + v_t |K(k)|^2.
struct Matched {
  Image<double> kernel;
  double v_s = 1.0, v_t = 1.0;
  Image<double> psf;

  KernelImage image() const { return {kernel.view(), default_center(kernel.shape())}; }
  LocalNoise noise() const {
    LocalNoise noise{{{v_s, 1.0, {}}, {v_t, 1.0, {image()}}}, {}};
    if (psf.shape().size() > 0) noise.psf = {{psf.view(), default_center(psf.shape())}};
    return noise;
  }
  double power(Shape grid, int ky, int kx) const {
    return v_s + v_t * std::norm(test::transfer(kernel, image().center, grid, ky, kx));
  }
};

Matched matched(double sigma, double v_t = 1.0, double total = 1.0) {
  return {test::gaussian({25, 25}, sigma, total), 1.0, v_t, {}};
}

FilterSupport support_of(const LocalNoise& noise, const FilterOptions& options = {}) {
  return filter_support({&noise}, options);
}

/// F(k) as a design gives it on its half grid.
struct Designed {
  FilterDesign design;
  fft::Buffer<std::complex<double>> spectrum;

  Designed(Shape grid, const LocalNoise& noise, const FilterOptions& options)
      : design(grid, options), spectrum(design.transform().spectrum_size()) {
    design.set(noise);
    design.write_spectrum(spectrum.data());
  }
  std::complex<double> operator()(int ky, int kx) const {
    return spectrum[ky * design.transform().stride() + kx];
  }
};

/// sum over the whole grid of f(ky, kx), from its half with kx <= width / 2.
template <class Function>
double sum_over_modes(Shape grid, const Function& f) {
  double total = 0.0;
  for (int ky = 0; ky < grid.height; ++ky) {
    for (int kx = 0; kx <= grid.width / 2; ++kx) {
      total += (kx == 0 || 2 * kx == grid.width ? 1.0 : 2.0) * f(ky, kx);
    }
  }
  return total;
}

}  // namespace

TEST_CASE("a whitening filter is one at k = 0 and makes the power flat") {
  const Shape grid{32, 40};
  for (const double total : {0.7, 1.0, 1.4}) {
    const Matched pair = matched(1.7, 2.0, total);
    const Designed filter(grid, pair.noise(), {});
    CHECK(filter(0, 0).real() == doctest::Approx(1.0).epsilon(1e-14));
    const double flat = pair.power(grid, 0, 0);
    double error = 0.0;
    for (int ky = 0; ky < grid.height; ++ky) {
      for (int kx = 0; kx <= grid.width / 2; ++kx) {
        CHECK(filter(ky, kx).imag() == 0.0);
        const double whitened = std::norm(filter(ky, kx)) * pair.power(grid, ky, kx);
        error = std::max(error, std::abs(whitened / flat - 1.0));
      }
    }
    // Rounding of sums over 625 kernel pixels.
    CHECK(error < 1e-12);
  }
}

TEST_CASE("gains are means over all modes of |F a|^2") {
  const Shape grid{16, 20};
  Matched pair = matched(1.2, 3.0);
  pair.psf = test::gaussian({9, 9}, 1.5);
  for (const FilterOptions& options : {FilterOptions{}, FilterOptions::score()}) {
    const Designed filter(grid, pair.noise(), options);
    const auto mean = [&](auto&& f) { return sum_over_modes(grid, f) / double(grid.size()); };
    const double science = mean([&](int y, int x) { return std::norm(filter(y, x)); });
    const double matched_template = mean([&](int y, int x) {
      return std::norm(filter(y, x)) * (pair.power(grid, y, x) - pair.v_s) / pair.v_t;
    });
    CHECK(filter.design.gains().at(0) == doctest::Approx(science).epsilon(1e-12));
    CHECK(filter.design.gains().at(1) == doctest::Approx(matched_template).epsilon(1e-12));
  }
}

TEST_CASE("the variance of whitened noise is P(0)") {
  // Parseval: sum_i v_i mean |psi a_i|^2 = mean psi^2 P = P(0).
  const Matched pair = matched(2.1, 0.4, 1.2);
  const FilterImage filter = filter_image(pair.noise(), {}, support_of(pair.noise()));
  CHECK(filter.gains[0] * pair.v_s + filter.gains[1] * pair.v_t ==
        doctest::Approx(1.0 + 0.4 * 1.44).epsilon(1e-10));
}

TEST_CASE("a score filter is P(0) conj(phi) / P") {
  const Shape grid{24, 20};
  Matched pair = matched(1.5, 0.5);
  // A PSF without symmetry has a complex transform.
  pair.psf = test::noise<double>({4, 5}, 3);
  const Designed filter(grid, pair.noise(), FilterOptions::score());
  double error = 0.0;
  for (int ky = 0; ky < grid.height; ++ky) {
    for (int kx = 0; kx <= grid.width / 2; ++kx) {
      const auto psf = test::transfer(pair.psf, default_center({4, 5}), grid, ky, kx);
      const auto expected = pair.power(grid, 0, 0) * std::conj(psf) / pair.power(grid, ky, kx);
      error = std::max(error, std::abs(filter(ky, kx) - expected));
    }
  }
  // Rounding of a transform of values of order ten.
  CHECK(error < 1e-12);
}

TEST_CASE("a score filter needs a PSF") {
  const Matched pair = matched(1.0);
  const LocalNoise noise = pair.noise();
  CHECK_THROWS_AS(support_of(noise, FilterOptions::score()), std::invalid_argument);
}

TEST_CASE("the floor bounds the gain and counts where it matters") {
  // Both inputs convolved: P has no white part.
  const auto kernel = test::gaussian({25, 25}, 2.2);
  const LocalNoise noise{{{1.0, 1.0, {{kernel.view(), {12, 12}}}}}, {}};
  FilterOptions options;
  options.power_floor = 1e-6;
  const Shape grid{64, 64};
  const Designed filter(grid, noise, options);
  double error = 0.0, gain = 0.0;
  long held = 0;
  for (int ky = 0; ky < 64; ++ky) {
    for (int kx = 0; kx <= 32; ++kx) {
      const double power = std::norm(test::transfer(kernel, {12, 12}, grid, ky, kx));
      if (power < 1e-6) held += kx == 0 || kx == 32 ? 1 : 2;
      const double expected = std::sqrt((1.0 + 1e-6) / (power + 1e-6));
      error = std::max(error, std::abs(filter(ky, kx) / expected - 1.0));
      gain = std::max(gain, std::abs(filter(ky, kx)));
    }
  }
  // Rounding of 1e-16 against a floor of 1e-6.
  CHECK(error < 1e-9);
  CHECK(filter(0, 0).real() == doctest::Approx(1.0).epsilon(1e-14));
  CHECK(gain <= 1e3 * (1.0 + 1e-6));
  CHECK(gain > 0.99e3);
  CHECK(filter.design.clipped_modes() == held);
  CHECK(held > 1000);
  CHECK(filter_image(noise, options, support_of(noise, options)).clipped_modes > 1000);
}

TEST_CASE("the filter image has the filter's transform, within the tolerance") {
  const Matched pair = matched(1.9, 1.0);
  const FilterOptions options;
  const FilterSupport support = support_of(pair.noise(), options);
  const FilterImage filter = filter_image(pair.noise(), options, support);
  const int radius = support.radius;
  REQUIRE(filter.image.shape() == Shape{2 * radius + 1, 2 * radius + 1});
  const Shape grid{64, 64};
  double error2 = 0.0, whole2 = 0.0;
  for (int ky = 0; ky < grid.height; ky += 3) {
    for (int kx = 0; kx <= grid.width / 2; kx += 2) {
      const double power = pair.power(grid, ky, kx);
      const double exact = std::sqrt(pair.power(grid, 0, 0) / power);
      const auto got = test::transfer(filter.image, {radius, radius}, grid, ky, kx);
      error2 += std::norm(got - exact) * power;
      whole2 += exact * exact * power;
    }
  }
  // e(R) as defined, on a seventh of the modes of another grid: twice the tolerance leaves room for
  // what they sample.
  CHECK(std::sqrt(error2 / whole2) < 2.0 * options.tolerance);
  CHECK(support.error <= options.tolerance);
}

TEST_CASE("the support is the least radius within the tolerance") {
  const Matched pair = matched(1.4, 1.0);
  const FilterOptions options;
  const FilterSupport support = support_of(pair.noise(), options);
  const Shape grid{support.grid, support.grid};
  FilterDesign design(grid, options);
  design.set(pair.noise());
  fft::Buffer<double> image(grid.size());
  design.write_filtered({}, image.data());
  // By Parseval on the noise: sum |F - F_R|^2 P, mode by mode.
  const auto error = [&](int radius) {
    fft::Buffer<double> tail(image);
    for (int y = 0; y < grid.height; ++y) {
      for (int x = 0; x < grid.width; ++x) {
        const int distance = std::max(std::min(y, grid.height - y), std::min(x, grid.width - x));
        if (distance <= radius) tail[std::size_t(y) * grid.width + x] = 0.0;
      }
    }
    fft::Buffer<std::complex<double>> spectrum(design.transform().spectrum_size());
    design.transform().forward(tail.data(), spectrum.data());
    const double whole = double(grid.size()) * pair.power(grid, 0, 0);
    return std::sqrt(sum_over_modes(grid,
                                    [&](int ky, int kx) {
                                      return std::norm(
                                                 spectrum[ky * design.transform().stride() + kx]) *
                                             design.power()[ky * design.stride() + kx];
                                    }) /
                     whole);
  };
  CHECK(support.error == doctest::Approx(error(support.radius)).epsilon(1e-6));
  CHECK(error(support.radius) <= options.tolerance);
  CHECK(error(support.radius - 1) > options.tolerance);
}

TEST_CASE("filters reach farther for wider kernels, noisier templates and finer tolerances") {
  const auto radius = [](const Matched& pair, const FilterOptions& options = {}) {
    return support_of(pair.noise(), options).radius;
  };
  CHECK(radius(matched(0.8)) < radius(matched(1.6)));
  CHECK(radius(matched(1.6)) < radius(matched(3.2)));
  CHECK(radius(matched(2.0, 0.01)) < radius(matched(2.0, 1.0)));
  CHECK(radius(matched(2.0, 1.0)) < radius(matched(2.0, 100.0)));
  FilterOptions coarse, fine;
  coarse.tolerance = 1e-3;
  fine.tolerance = 1e-7;
  CHECK(radius(matched(2.0), coarse) < radius(matched(2.0)));
  CHECK(radius(matched(2.0)) < radius(matched(2.0), fine));
  // Without kernels nothing needs whitening: the filter is one pixel, and the radius the least.
  CHECK(support_of({{{1.0, 1.0, {}}}, {}}).radius == 1);
}

TEST_CASE("one support serves several positions") {
  const Matched narrow = matched(1.0), wide = matched(2.5, 4.0);
  const LocalNoise a = narrow.noise(), b = wide.noise();
  const FilterSupport both = filter_support({&a, &b}, {});
  CHECK(both.radius == std::max(support_of(a).radius, support_of(b).radius));
}

TEST_CASE("a filter that never ends keeps the error that its limit leaves") {
  // P falls by ten orders of magnitude: the filter rings.
  const auto kernel = test::gaussian({41, 41}, 4.0);
  const LocalNoise noise{{{1.0, 1.0, {{kernel.view(), {20, 20}}}}}, {}};
  FilterOptions options;
  options.tolerance = 1e-12;
  const FilterSupport support = support_of(noise, options);
  CHECK(support.error > options.tolerance);
  CHECK(support.radius <= 192);
  CHECK(support.radius > 100);
}

TEST_CASE("squared responses carry the gains") {
  const Matched pair = matched(1.8, 2.0, 0.8);
  const LocalNoise noise = pair.noise();
  const FilterSupport support = support_of(noise);
  const auto responses = squared_responses(noise, {}, support);
  const auto gains = filter_image(noise, {}, support).gains;
  REQUIRE(responses.size() == 2);
  for (std::size_t i = 0; i < 2; ++i) {
    const double least =
        *std::min_element(responses[i].data(), responses[i].data() + responses[i].shape().size());
    CHECK(least >= 0.0);
    // They end where 1e-6 of the sum is left.
    CHECK(test::sum(responses[i]) == doctest::Approx(gains[i]).epsilon(2e-6));
    CHECK(test::sum(responses[i]) <= gains[i]);
  }
}

TEST_CASE("noise without power is refused") {
  const LocalNoise silent{{{0.0, 1.0, {}}}, {}};
  CHECK_THROWS_AS(support_of(silent), std::invalid_argument);
  CHECK_THROWS_AS(filter_image(silent, {}, {1, 128, 0.0}), std::invalid_argument);
}
