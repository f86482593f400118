#include "noise_spectrum.hpp"
#include "support.hpp"

using namespace whitediff;

namespace {

/// P(k) on the half grid.
Image<double> power_of(const LocalNoise& noise, Shape grid, const FilterOptions& options) {
  NoiseSpectrum spectrum(grid, options);
  spectrum.set(noise);
  Image<double> power({grid.height, spectrum.columns()});
  spectrum.for_each_row([&](const NoiseSpectrum::Row& row) {
    std::copy_n(row.power, spectrum.columns(), power.row(row.y));
  });
  return power;
}

FilterOptions with_floor(double floor, Mode mode = Mode::score) { return {mode, floor, 1e-5}; }

/// Squared wave number of a mode, in radians per pixel.
double wave_number2(Shape grid, int ky, int kx) {
  const double y = 2.0 * std::numbers::pi * std::min(ky, grid.height - ky) / grid.height;
  const double x = 2.0 * std::numbers::pi * kx / grid.width;
  return y * y + x * x;
}

}  // namespace

TEST_CASE("Gaussian kernels give Gaussian power") {
  const Shape grid{48, 40};
  const double sigma = 1.6, total = 1.4, v_s = 3.0, v_t = 5.0, weight = 0.5;
  const auto kernel = test::gaussian({21, 21}, sigma, total);
  const KernelImage image{kernel.view(), {10, 10}};
  const LocalNoise noise{{{v_s, weight, {}}, {v_t, weight, {image}}, {1.0, 2.0, {image, image}}},
                         {}};
  const Image<double> power = power_of(noise, grid, {});
  double error = 0.0;
  for (int ky = 0; ky < grid.height; ++ky) {
    for (int kx = 0; kx <= grid.width / 2; ++kx) {
      const double k2 = wave_number2(grid, ky, kx);
      const double square = total * total * std::exp(-sigma * sigma * k2);
      const double expected = weight * weight * (v_s + v_t * square) + 4.0 * square * square;
      error = std::max(error, std::abs(power(ky, kx) - expected));
    }
  }
  // The kernel image ends at 6.5 sigma, where 1e-9 of it is lost, and sampling folds modes beyond
  // pi back, exp(-sigma^2 pi^2 / 2) = 3e-6 of the amplitude, into power of the same small size: |1
  // + 1|^2 of 1e-11.
  CHECK(error < 1e-8);
}

TEST_CASE("the power at k = 0 is that of the kernels' sums") {
  const auto kernel = test::noise<double>({5, 6}, 2);
  const double total = test::sum(kernel);
  NoiseSpectrum spectrum({16, 16}, with_floor(1e-10));
  spectrum.set(
      {{{2.0, 3.0, {}}, {1.5, 1.0, {{kernel.view(), {1, 1}}, {kernel.view(), {2, 2}}}}}, {}});
  CHECK(spectrum.power_at_zero() ==
        doctest::Approx(18.0 + 1.5 * std::pow(total, 4)).epsilon(1e-13));
}

TEST_CASE("the floor adds to P, or holds it, and says on how many modes it matters") {
  const Shape grid{32, 32};
  const auto kernel = test::gaussian({25, 25}, 2.5);
  const LocalNoise noise{{{2.0, 1.0, {{kernel.view(), {12, 12}}}}}, {}};
  const Image<double> free = power_of(noise, grid, with_floor(0.0));
  const double fraction = 1e-4, floor = 2.0 * fraction;
  for (const Mode mode : {Mode::difference, Mode::score}) {
    NoiseSpectrum spectrum(grid, with_floor(fraction, mode));
    spectrum.set(noise);
    long clipped = 0, expected = 0;
    spectrum.for_each_row([&](const NoiseSpectrum::Row& row) {
      clipped += row.clipped;
      for (int kx = 0; kx <= 16; ++kx) {
        const double power = free(row.y, kx);
        const double floored = mode == Mode::difference ? power + floor : std::max(power, floor);
        CHECK(row.power[kx] == doctest::Approx(floored).epsilon(1e-10));
        if (power < floor) expected += kx == 0 || kx == 16 ? 1 : 2;
      }
    });
    CHECK(clipped == expected);
    CHECK(clipped > 0);
    CHECK(spectrum.power_at_zero() ==
          doctest::Approx(mode == Mode::difference ? 2.0 + floor : 2.0).epsilon(1e-12));
  }
}

TEST_CASE("white noise needs no floor") {
  const auto kernel = test::gaussian({25, 25}, 2.5);
  const LocalNoise noise{{{1.0, 1.0, {}}, {2.0, 1.0, {{kernel.view(), {12, 12}}}}}, {}};
  for (const Mode mode : {Mode::difference, Mode::score}) {
    CHECK(test::same_bits(power_of(noise, {16, 16}, with_floor(1e-3, mode)),
                          power_of(noise, {16, 16}, with_floor(0.0, mode))));
  }
}

TEST_CASE("the floor counts from the largest power, wherever that is") {
  // [1, -0.9]: nearly nothing at k = 0, nearly everything at kx = pi.
  const double pixels[] = {1.0, -0.9};
  const LocalNoise noise{{{1.0, 1.0, {{{pixels, {1, 2}}, {0, 0}}}}}, {}};
  const Image<double> power = power_of(noise, {8, 8}, with_floor(0.5));
  CHECK(power(0, 4) == doctest::Approx(1.9 * 1.9).epsilon(1e-12));
  CHECK(power(0, 1) == doctest::Approx(0.5 * 1.9 * 1.9).epsilon(1e-12));
}

TEST_CASE("noise without power at k = 0 is refused") {
  const double pixels[] = {1.0, -1.0};
  NoiseSpectrum spectrum({8, 8}, {});
  CHECK_THROWS_AS(spectrum.set({{{1.0, 1.0, {{{pixels, {1, 2}}, {0, 0}}}}}, {}}),
                  std::invalid_argument);
  CHECK_THROWS_AS(spectrum.set({{{0.0, 1.0, {}}}, {}}), std::invalid_argument);
  // Nor does noise have more power than there are numbers.
  const double huge[] = {1e200};
  CHECK_THROWS_AS(spectrum.set({{{1.0, 1.0, {{{huge, {1, 1}}, {0, 0}}}}}, {}}),
                  std::invalid_argument);
}

TEST_CASE("a batch holds every kernel at every position") {
  const KernelPtr varying = test::varying_gaussian({7, 5}, 1.0, 3.0, 100.0);
  const KernelPtr fixed = test::gaussian_kernel({9, 3}, 1.0);
  const NoiseModel model({{1.0, {varying}}, {-2.0, {fixed, varying}}, {1.0, {}}}, {fixed},
                         {{0.0, 0.0}, {50.0, 1.0}, {100.0, 2.0}}, {1, 2, 3, 4, 5, 6, 7, 8, 9});
  CHECK(model.size() == 3);
  CHECK(model.largest_kernel() == Shape{9, 5});
  const std::vector<std::size_t> indices{2, 0};
  const NoiseModel::Batch batch = model.batch(indices);
  REQUIRE(batch.size() == 2);
  for (std::size_t n = 0; n < 2; ++n) {
    const LocalNoise& local = batch[n];
    const Point position = model.positions()[indices[n]];
    REQUIRE(local.sources.size() == 3);
    for (std::size_t i = 0; i < 3; ++i) {
      CHECK(local.sources[i].variance == model.variances()[indices[n] * 3 + i]);
      CHECK(local.sources[i].weight == model.sources()[i].weight);
    }
    CHECK(local.sources[2].kernels.empty());
    REQUIRE(local.sources[1].kernels.size() == 2);
    const Image<double> expected = varying->at(position);
    for (const KernelImage& got : {local.sources[0].kernels[0], local.sources[1].kernels[1]}) {
      CHECK(got.center == varying->center());
      REQUIRE(got.pixels.shape() == expected.shape());
      CHECK(std::equal(expected.data(), expected.data() + 35, got.pixels.data()));
    }
    CHECK(local.psf.at(0).pixels.shape() == Shape{9, 3});
  }
  CHECK(model.batch().size() == 3);
}

TEST_CASE("a kernel that serves several times is evaluated once") {
  int calls = 0;
  const KernelPtr counting = test::function_kernel({1, 1}, [&calls](Point, int, int) {
    ++calls;
    return 1.0;
  });
  const NoiseModel model({{1.0, {counting, counting}}, {1.0, {counting}}}, {counting},
                         {{0.0, 0.0}, {1.0, 0.0}}, {1, 1, 1, 1});
  model.batch();
  CHECK(calls == 2);
}

TEST_CASE("what is no noise model is refused") {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const auto model = [](std::vector<NoiseModel::Source> sources, std::vector<KernelPtr> psf,
                        std::vector<double> variances) {
    NoiseModel(std::move(sources), std::move(psf), {{0.0, 0.0}}, std::move(variances));
  };
  CHECK_THROWS_AS(model({}, {}, {}), std::invalid_argument);
  CHECK_THROWS_AS(model({{1.0, {nullptr}}}, {}, {1.0}), std::invalid_argument);
  CHECK_THROWS_AS(model({{1.0, {}}}, {nullptr}, {1.0}), std::invalid_argument);
  CHECK_THROWS_AS(model({{0.0, {}}}, {}, {1.0}), std::invalid_argument);
  CHECK_THROWS_AS(model({{nan, {}}}, {}, {1.0}), std::invalid_argument);
  CHECK_THROWS_AS(model({{1.0, {}}}, {}, {1.0, 1.0}), std::invalid_argument);
  CHECK_THROWS_AS(model({{1.0, {}}}, {}, {-1.0}), std::invalid_argument);
  CHECK_THROWS_AS(model({{1.0, {}}}, {}, {nan}), std::invalid_argument);

  const KernelPtr broken = test::function_kernel({2, 3}, [nan](Point, int, int) { return nan; });
  const NoiseModel broken_model({{1.0, {broken}}}, {}, {{0.0, 0.0}}, {1.0});
  CHECK_THROWS_AS(broken_model.batch(), std::invalid_argument);
  const std::vector<std::size_t> beyond{1};
  CHECK_THROWS_AS(broken_model.batch(beyond), std::out_of_range);
}
