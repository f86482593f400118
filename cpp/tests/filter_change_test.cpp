#include "filter_change.hpp"

#include "support.hpp"

using namespace whitediff;

namespace {

constexpr double step = 16.0;
constexpr double science_variance = 1.0, template_variance = 3.0;

/// A science image of weight 1 and a template that went through the kernel.
NoiseModel noise_at(const KernelPtr& kernel, std::vector<Point> positions) {
  std::vector<double> variances;
  for (std::size_t n = 0; n < positions.size(); ++n) {
    variances.insert(variances.end(), {science_variance, template_variance});
  }
  return NoiseModel({{1.0, {}}, {1.0, {kernel}}}, {}, std::move(positions), std::move(variances));
}

FilterChange change_of(const KernelPtr& kernel, const std::vector<Point>& positions,
                       int threads = 1) {
  std::vector<Point> right = positions, above = positions;
  for (Point& position : right) position.x += step;
  for (Point& position : above) position.y += step;
  const auto here = noise_at(kernel, positions).batch();
  const auto in_x = noise_at(kernel, right).batch();
  const auto in_y = noise_at(kernel, above).batch();
  return largest_change({here.pointers(), in_x.pointers(), in_y.pointers()}, {}, threads);
}

/// The relative change of |F|^2, rms over k weighted with the power, by its definition: that of
/// F^2 = P(0) / P is twice that of F.
double change_between(const Kernel& kernel, Point from, Point to) {
  const Shape grid{40, 40};
  const Image<double> here = kernel.at(from), there = kernel.at(to);
  const auto power = [&](const Image<double>& image, int ky, int kx) {
    return science_variance +
           template_variance * std::norm(test::transfer(image, kernel.center(), grid, ky, kx));
  };
  double change = 0.0, whole = 0.0;
  for (int ky = 0; ky < grid.height; ++ky) {
    for (int kx = 0; kx < grid.width; ++kx) {
      const double p = power(here, ky, kx);
      const double f = std::sqrt(power(here, 0, 0) / p);
      const double f_there = std::sqrt(power(there, 0, 0) / power(there, ky, kx));
      change += (f_there - f) * (f_there - f) * p;
      whole += f * f * p;
    }
  }
  return 2.0 * std::sqrt(change / whole);
}

/// A Gaussian whose sigma grows by a thousandth of a pixel a pixel in x, and three of them in y.
KernelPtr widening() {
  return test::function_kernel({15, 15}, [](Point position, int dx, int dy) {
    const double sigma = 1.2 + 1e-3 * position.x + 3e-3 * position.y;
    return std::exp(-0.5 * (dx * dx + dy * dy) / (sigma * sigma)) / (6.28 * sigma * sigma);
  });
}

}  // namespace

TEST_CASE("the change of a filter with a step is that of its definition") {
  const KernelPtr kernel = widening();
  const Point at{10.0, 20.0};
  const FilterChange got = change_of(kernel, {at});
  const double in_x = change_between(*kernel, at, {at.x + step, at.y});
  const double in_y = change_between(*kernel, at, {at.x, at.y + step});
  // Means over two grids, one of which has but half the modes.
  CHECK(std::abs(got.in_x / in_x - 1.0) < 0.02);
  CHECK(std::abs(got.in_y / in_y - 1.0) < 0.02);
  CHECK(got.in_y > 2.5 * got.in_x);
}

TEST_CASE("a filter that varies along one axis alone does not change along the other") {
  const FilterChange got = change_of(test::varying_gaussian({9, 9}, 1.0, 2.0, 100.0), {{5.0, 7.0}});
  CHECK(got.in_x > 16e-4);
  CHECK(got.in_y == 0.0);
}

TEST_CASE("the largest change among the places counts, on any number of threads") {
  const KernelPtr kernel = widening();
  const std::vector<Point> places{{0.0, 0.0}, {300.0, 0.0}, {0.0, 150.0}, {90.0, 10.0}};
  FilterChange largest;
  for (const Point& place : places) {
    const FilterChange change = change_of(kernel, {place});
    largest.in_x = std::max(largest.in_x, change.in_x);
    largest.in_y = std::max(largest.in_y, change.in_y);
  }
  for (const int threads : {1, 3}) {
    const FilterChange got = change_of(kernel, places, threads);
    CHECK(got.in_x == largest.in_x);
    CHECK(got.in_y == largest.in_y);
  }
}
