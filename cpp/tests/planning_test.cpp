#include "planning.hpp"

#include "support.hpp"

using namespace whitediff;

namespace {

constexpr Shape frame{300, 300};

std::vector<NoiseSource<double>> sources_of(double science, const Image<double>& matched,
                                            const KernelPtr& kernel) {
  return {{science, {}, 1.0, {}}, {matched.view(), {kernel}, 1.0, {}}};
}

}  // namespace

TEST_CASE("full variances need a border as wide as their responses") {
  const auto matched = test::constant<double>(frame, 3.0);
  const auto sources = sources_of(1.0, matched, test::gaussian_kernel({13, 13}, 1.5));
  WhitenOptions options;
  // A filter that may be cut off so soon reaches less far than the variances do.
  options.filter.tolerance = 3e-2;
  const Whitening estimate = plan(frame, sources, options);
  CHECK(estimate.border == estimate.support.radius);
  options.variance = VariancePropagation::full;
  const Whitening full = plan(frame, sources, options);
  int widest = full.support.radius;
  const auto local = full.noise.batch();
  for (const auto& response : squared_responses(local[0], full.filter, full.support)) {
    widest = std::max(widest, response.shape().width / 2);
  }
  CHECK(full.support.radius == estimate.support.radius);
  REQUIRE(widest > full.support.radius);
  CHECK(full.border == widest);
  for (const Cell& cell : full.cells) {
    CHECK(cell.expanded == cell.box.grown(widest).clipped({0, 0, frame.width, frame.height}));
  }
}

TEST_CASE("a plane whose sampled rows are unusable is planned with its own mean") {
  // The filter reaches the farther, the more of the noise went through the kernel.
  const KernelPtr kernel = test::gaussian_kernel({13, 13}, 1.5);
  auto matched = test::constant<double>(frame, 30.0);
  WhitenOptions options;
  // Cells sample other rows, some of which are usable.
  options.cells = {{{0, 1, 300, 300}, {}}};
  const auto radius_of = [&](double science) {
    return plan(frame, sources_of(science, matched, kernel), options).support.radius;
  };
  const int expected = radius_of(1.0);
  REQUIRE(radius_of(30.0) < expected);
  // Every second row of a ninth is sampled, from its first one on.
  for (int y = 0; y < frame.height; y += 2) {
    std::fill_n(matched.row(y), frame.width, test::not_a_number);
  }
  CHECK(radius_of(1.0) == expected);
  // In whatever order the sources come.
  auto turned = sources_of(1.0, matched, kernel);
  std::swap(turned[0], turned[1]);
  CHECK(plan(frame, turned, options).support.radius == expected);
}

TEST_CASE("float32 images take a floor that they bear, score filters the one that is asked for") {
  const auto floor_of = [](auto pixel, const FilterOptions& filter) {
    using T = decltype(pixel);
    WhitenOptions options;
    options.filter = filter;
    options.psf = {test::gaussian_kernel({9, 9}, 1.5)};
    const std::vector<NoiseSource<T>> sources{{1.0, {}, 1.0, {}}};
    return plan(Shape{40, 40}, sources, options).filter.power_floor;
  };
  CHECK(floor_of(1.0f, {}) == 1e-7);
  CHECK(floor_of(1.0, {}) == 1e-10);
  CHECK(floor_of(1.0f, {.power_floor = 1e-3}) == 1e-3);
  CHECK(floor_of(1.0f, FilterOptions::score()) == 1e-11);
}

TEST_CASE("a PSF that changes in jumps takes no more cells than one that changes smoothly") {
  const Shape wide{1024, 1024};
  const auto cells_of = [&](const auto& sigma) {
    const std::vector<NoiseSource<double>> sources{
        {100.0, {}, 1.0, {}}, {300.0, {test::gaussian_kernel({13, 13}, 1.5)}, 1.0, {}}};
    WhitenOptions options;
    options.filter = FilterOptions::score();
    options.psf = {test::function_kernel({25, 25}, [&](Point position, int dx, int dy) {
      const double s = sigma(position.x);
      return std::exp(-0.5 * (dx * dx + dy * dy) / (s * s)) / (6.28 * s * s);
    })};
    return plan(wide, sources, options).cells.size();
  };
  const auto at = [](double x) { return 2.0 + 0.2 * x / 1024.0; };
  // The middle of the frame is where two of the four pieces meet.
  const auto in_jumps = [&](double x) { return at(256.0 * std::floor(x / 256.0) + 128.0); };
  CHECK(cells_of(in_jumps) <= 2 * cells_of(at));
  // Seen from nearby they are sixteen times as fast.
  CHECK(cells_of([&](double x) { return at(16.0 * x); }) > 4 * cells_of(at));
}

TEST_CASE("kernels are asked for inside of the frame alone") {
  for (const Shape shape : {Shape{300, 290}, Shape{20, 400}, Shape{64, 61}, Shape{33, 1}}) {
    const Point xy0{1000.0, -50.0};
    const auto kernel = test::function_kernel({1, 1}, [&](Point position, int, int) {
      const double x = position.x - xy0.x, y = position.y - xy0.y;
      return x < 0 || y < 0 || x > shape.width - 1 || y > shape.height - 1
                 ? std::numeric_limits<double>::quiet_NaN()
                 : 1.0 + 0.02 * x + 0.01 * y;
    });
    const std::vector<NoiseSource<double>> sources{{1.0, {}, 1.0, {}}, {3.0, {kernel}, 1.0, {}}};
    WhitenOptions options;
    options.xy0 = xy0;
    CHECK_NOTHROW(plan(shape, sources, options));
  }
}
