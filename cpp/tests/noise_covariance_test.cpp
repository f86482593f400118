#include "whitediff/noise_covariance.hpp"

#include <array>

#include "noise_spectrum.hpp"
#include "support.hpp"

using namespace whitediff;

namespace {

/// The autocorrelation of a small kernel: the covariance of white noise that went through it.
NoiseCovariance covariance_of(const Image<double>& kernel) {
  const auto [height, width] = kernel.shape();
  Image<double> lags({2 * height - 1, 2 * width - 1});
  for (int v = 0; v < height; ++v) {
    for (int u = 0; u < width; ++u) {
      for (int y = 0; y < height; ++y) {
        for (int x = 0; x < width; ++x) {
          lags(height - 1 + y - v, width - 1 + x - u) += kernel(v, u) * kernel(y, x);
        }
      }
    }
  }
  return NoiseCovariance(lags.view());
}

/// A root kernel that is no more symmetric in x and y than it has to be; |b(k)|^2 >= 0.04 |b(0)|^2
/// keeps it away from the floor, which is 0.01 of the mean of |b(k)|^2, at most |b(0)|^2.
Image<double> root_kernel() {
  Image<double> kernel({3, 5});
  const double in_y[] = {0.12, 0.7, 0.12}, in_x[] = {0.02, 0.1, 0.8, 0.1, 0.02};
  for (int v = 0; v < 3; ++v) {
    for (int u = 0; u < 5; ++u) kernel(v, u) = in_y[v] * in_x[u];
  }
  return kernel;
}

struct Pair {
  std::vector<NoiseSource<double>> covariances, kernels;
};

/// The same noise said in two ways: covariances, or more kernels.
Pair coloured_sources(const KernelPtr& kernel, const Image<double>& science,
                      const Image<double>& template_image) {
  const Image<double> root = root_kernel();
  const auto b = fixed_kernel(root.view());
  const NoiseCovariance covariance = covariance_of(root);
  NoiseSource<double> s{.variance = Plane<double>(science.view()), .name = "science"};
  NoiseSource<double> t{
      .variance = Plane<double>(template_image.view()), .kernels = {kernel}, .name = "template"};
  Pair pair{{s, t}, {s, t}};
  pair.covariances[1].covariances = {covariance};
  pair.kernels[1].kernels = {kernel, b};
  return pair;
}

Image<double> sloping(Shape shape, double mean, double slope) {
  Image<double> plane(shape);
  for (int y = 0; y < shape.height; ++y) {
    for (int x = 0; x < shape.width; ++x) plane(y, x) = mean * (1.0 + slope * (x - y));
  }
  return plane;
}

}  // namespace

TEST_CASE("a covariance acts like one more kernel whose square it is") {
  const Shape shape{220, 180};
  const auto image = test::noise<double>(shape, 3);
  const auto science = sloping(shape, 1.0, 1e-4), template_image = sloping(shape, 0.8, 3e-4);
  const KernelPtr kernel = test::varying_gaussian({13, 15}, 1.1, 1.4, 200.0);
  auto [covariances, kernels] = coloured_sources(kernel, science, template_image);
  for (const auto variance : {VariancePropagation::estimate, VariancePropagation::full}) {
    WhitenOptions options;
    options.variance = variance;
    options.cells = make_cells(shape, 2, 2, 8, 40);
    const auto a = whiten(image.view(), covariances, options);
    const auto b = whiten(image.view(), kernels, options);
    CHECK(a.clipped_modes == 0);
    CHECK(a.border == b.border);
    // The same numbers summed in another order; filters have values of one. In full, the squared
    // responses are cut off where 1e-6 of the variance is lost, at radii that may differ by one.
    CHECK(test::difference(a.image, b.image) < 1e-11);
    const double off = variance == VariancePropagation::full ? 2e-6 : 1e-11;
    CHECK(test::difference(a.variance, b.variance) < off * 2.0);
    for (std::size_t n = 0; n < a.cells.size(); ++n) {
      const auto filter = filter_image(a.noise.batch()[n], a.filter, a.support);
      const auto expected = filter_image(b.noise.batch()[n], b.filter, b.support);
      CHECK(test::difference(filter.image, expected.image) < 1e-12);
      for (std::size_t i = 0; i < 2; ++i) {
        CHECK(filter.gains[i] == doctest::Approx(expected.gains[i]).epsilon(1e-12));
      }
    }
  }
}

TEST_CASE("a covariance acts likewise in a score image") {
  const Shape shape{160, 150};
  const auto image = test::noise<float>(shape, 4);
  const auto psf = test::gaussian_kernel({15, 15}, 1.7),
             kernel = test::gaussian_kernel({9, 9}, 1.0);
  const Image<double> root = root_kernel();
  std::vector<NoiseSource<float>> covariances{{.variance = 1.0, .kernels = {psf}},
                                              {.variance = 0.5, .kernels = {kernel}}};
  auto kernels = covariances;
  covariances[0].covariances = {covariance_of(root)};
  kernels[0].kernels.push_back(fixed_kernel(root.view()));
  WhitenOptions options;
  options.filter = FilterOptions::score();
  options.psf = {psf, psf};
  options.cells = make_cells(shape, 1, 1, 0, 0);
  const auto a = whiten(image.view(), covariances, options);
  const auto b = whiten(image.view(), kernels, options);
  // float32: 6e-8 times the number of additions on the way, some 30. Where there is next to no
  // power, 1e-11 of the most, rounding of P decides what the floor lifts.
  CHECK(test::difference(a.image, b.image) < 1e-5 * test::largest(b.image));
  CHECK(test::difference(a.variance, b.variance) < 1e-5 * test::largest(b.variance));
}

TEST_CASE("what remains is a factor of the power of every source") {
  const Shape shape{128, 128};
  const auto image = test::noise<double>(shape, 5);
  const KernelPtr kernel = test::gaussian_kernel({9, 9}, 1.2);
  const Image<double> root = root_kernel();
  const NoiseCovariance covariance = covariance_of(root);
  std::vector<NoiseSource<double>> sources{{.variance = 1.0},
                                           {.variance = 2.0, .kernels = {kernel}}};
  WhitenOptions options;
  options.cells = make_cells(shape, 1, 2, 0, 30);
  WhitenOptions remaining = options;
  remaining.remaining = covariance;
  const auto a = whiten(image.view(), sources, remaining);
  for (auto& source : sources) source.covariances = {covariance};
  const auto b = whiten(image.view(), sources, options);
  CHECK(test::same_bits(a.image, b.image));
  CHECK(test::same_bits(a.variance, b.variance));
  // Mode difference keeps P(0) = sum g v.
  CHECK(a.variance(64, 64) == doctest::Approx(3.0 * covariance.power_at_zero()).epsilon(1e-10));
}

TEST_CASE("a spectrum below its floor is lifted, and that is counted") {
  // 1 + 2 * 0.6 cos k is negative beyond k = 2.55, 19 per cent of the modes.
  const double lags[] = {0.6, 1.0, 0.6};
  const NoiseCovariance covariance({lags, {1, 3}});
  NoiseSpectrum spectrum({32, 64}, {});
  spectrum.set({{{2.0, 3.0, {}, {covariance}}}, {}});
  CHECK(spectrum.power_at_zero() == doctest::Approx(2.0 * 9.0 * 2.2).epsilon(1e-14));
  long clipped = 0, expected = 0;
  spectrum.for_each_row([&](const NoiseSpectrum::Row& row) {
    clipped += row.clipped;
    for (int kx = 0; kx <= 32; ++kx) {
      const double power = 1.0 + 1.2 * std::cos(2.0 * std::numbers::pi * kx / 64);
      CHECK(row.power[kx] == doctest::Approx(18.0 * std::max(power, 0.01)).epsilon(1e-12));
      CHECK(row.sources[0][kx] == doctest::Approx(9.0 * std::max(power, 0.01)).epsilon(1e-12));
      if (power < 0.01) expected += kx == 32 ? 1 : 2;
    }
  });
  CHECK(expected > 0);
  CHECK(clipped == expected);
}

TEST_CASE("a covariance that changes over the frame is that of each position") {
  const Image<double> root = root_kernel();
  const NoiseCovariance everywhere = covariance_of(root);
  const Shape shape = everywhere.lags().shape();
  // Twice as much at x = 100 as at x = 0.
  std::vector<double> lags(everywhere.lags().data(), everywhere.lags().data() + shape.size());
  const auto growing = std::make_shared<SpatialKernel>(
      lags, shape,
      SpatialKernel::Functions{std::make_shared<Polynomial2D>(std::vector{1.0, 0.01, 0.0})},
      default_center(shape));
  const SpatialCovariance covariance{KernelPtr(growing)}, constant{everywhere};
  const NoiseModel model({{1.0, {}, {covariance, constant}}, {2.0, {}, {covariance}}}, {},
                         {{0.0, 5.0}, {100.0, 5.0}}, {1.0, 1.0, 1.0, 1.0});
  const auto local = model.batch();
  for (const std::size_t n : {0, 1}) {
    const NoiseCovariance& here = local[n].sources[0].covariances[0];
    CHECK(here.power_at_zero() ==
          doctest::Approx((1.0 + static_cast<double>(n)) * everywhere.power_at_zero()));
    // Sources share it, and what is the same everywhere is.
    CHECK(here.is(local[n].sources[1].covariances[0]));
    CHECK(local[n].sources[0].covariances[1].is(everywhere));
  }
  CHECK(covariance.is(SpatialCovariance(covariance)));
  CHECK_FALSE(covariance.is(constant));
  CHECK_THROWS_AS(SpatialCovariance(KernelPtr(nullptr)), std::invalid_argument);
  CHECK_THROWS_AS(SpatialCovariance(test::gaussian_kernel({4, 5}, 1.0)), std::invalid_argument);
  const KernelPtr off = fixed_kernel(root.view(), {0, 2});
  CHECK_THROWS_AS(SpatialCovariance{off}, std::invalid_argument);
  // It may be none at a position.
  const std::vector<Point> there{{-200.0, 0.0}};
  CHECK_THROWS_AS(covariance.at(there), std::invalid_argument);
}

TEST_CASE("what is no covariance is refused") {
  const auto refused = [](std::vector<double> lags, Shape shape) {
    CHECK_THROWS_AS(NoiseCovariance({lags.data(), shape}), std::invalid_argument);
  };
  refused({1.0, 0.1}, {1, 2});
  refused({1.0, 0.1}, {2, 1});
  refused({0.1, 1.0, 0.2}, {1, 3});
  refused({0.1, 0.0, 0.1}, {1, 3});
  refused({0.1, -1.0, 0.1}, {1, 3});
  refused({test::not_a_number, 1.0, test::not_a_number}, {1, 3});
  refused({}, {0, 0});
  // Symmetric under point reflection alone.
  const double lags[] = {0.2, 0.0, 0.1, 0.3, 1.0, 0.3, 0.1, 0.0, 0.2};
  const NoiseCovariance covariance({lags, {3, 3}});
  CHECK(covariance.power_at_zero() == doctest::Approx(2.2));
  CHECK(covariance.transposed().lags()(0, 1) == 0.3);
  CHECK(covariance.transposed().lags()(0, 2) == 0.1);
}
