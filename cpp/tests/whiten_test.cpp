#include "whitediff/whiten.hpp"

#include <atomic>
#include <limits>

#include "support.hpp"

using namespace whitediff;

namespace {

using test::infinity;
using test::not_a_number;

template <class T>
Whitened<T> whitened(const test::NoisePair<T>& pair, const WhitenOptions& options = {}) {
  NoiseSource<T> matched = pair.template_image();
  matched.kernels = {pair.kernel};
  return whiten<T>(pair.difference.view(), {pair.science(), matched}, options);
}

/// Two sources, the second through a kernel, with planes that vary.
template <class T>
struct Scene {
  Shape shape{113, 140};
  Image<T> image = test::noise<T>(shape, 7);
  Image<T> v_s = Image<T>(shape), v_t = Image<T>(shape);
  KernelPtr kernel = test::varying_gaussian({13, 13}, 1.0, 1.8, 140.0);
  KernelPtr psf = test::gaussian_kernel({15, 15}, 1.5);

  Scene() {
    for (int y = 0; y < shape.height; ++y) {
      for (int x = 0; x < shape.width; ++x) {
        v_s(y, x) = T(x < 60 ? 1.0 : 2.0);
        v_t(y, x) = T(0.5 + 0.01 * y);
      }
    }
  }
  std::vector<NoiseSource<T>> sources() const {
    return {{v_s.view(), {}, 1.0, {}}, {v_t.view(), {kernel}, 1.0, {}}};
  }
  WhitenOptions options(Mode mode = Mode::difference) const {
    WhitenOptions options;
    if (mode == Mode::score) options.filter = FilterOptions::score();
    options.psf = {psf};
    // Several cells, whatever the planner would do with so small a frame.
    options.cells = make_cells(shape, 3, 4, 6, 0);
    for (Cell& cell : options.cells) cell.expanded = {};
    return options;
  }
  Whitened<T> whitened(const WhitenOptions& with) const {
    return whiten<T>(image.view(), sources(), with);
  }
};

template <class T>
void check_same(const Whitened<T>& a, const Whitened<T>& b) {
  CHECK(test::same_bits(a.image, b.image));
  CHECK(test::same_bits(a.variance, b.variance));
  CHECK(a.clipped_modes == b.clipped_modes);
  CHECK(a.cells == b.cells);
}

}  // namespace

TEST_CASE("noise comes out white, with the right variance") {
  const Shape shape{420, 440};
  const KernelPtr kernel = test::varying_gaussian({15, 15}, 1.2, 2.0, shape.width);
  const auto pair = test::noise_pair<float>(shape, kernel, 1.0, 2.0);
  const auto result = whitened(pair);
  const Box inside = Box{0, 0, shape.width, shape.height}.grown(-30);
  const double pixels = double(inside.shape().size());
  const double raw_lag = test::correlation(pair.difference, inside, 1, 0);
  CHECK(raw_lag > 0.05);
  // The relative sampling error of a variance is sqrt(2 / n), that of a correlation 1 / sqrt(n).
  CHECK(test::mean_square(result.image, inside) ==
        doctest::Approx(3.0).epsilon(4.0 * std::sqrt(2.0 / pixels)));
  for (int lag = 1; lag <= 6; ++lag) {
    CHECK(std::abs(test::correlation(result.image, inside, lag, 0)) < 4.0 / std::sqrt(pixels));
    CHECK(std::abs(test::correlation(result.image, inside, 0, lag)) < 4.0 / std::sqrt(pixels));
  }
  // Parseval is exact: v_s g_s + v_t g_t = P(0). The kernel image ends at 3.5 sigma, which takes
  // less than 1e-2 of its sum where it is widest.
  CHECK(result.variance(200, 10) == doctest::Approx(3.0).epsilon(1e-5));
  CHECK(result.variance(200, 430) == doctest::Approx(3.0).epsilon(2e-2));
}

TEST_CASE_TEMPLATE("white noise is left as it is", T, float, double) {
  const auto image = test::noise<T>({70, 51}, 2);
  const auto result = whiten<T>(image.view(), {{2.0, {}, 1.0, {}}, {3.0, {}, -2.0, {}}});
  // The filter is one: a transform there and back, of values up to four.
  CHECK(test::difference(result.image, image) < 20.0 * std::numeric_limits<T>::epsilon());
  // 2 + 3 * 4
  CHECK(test::difference(result.variance, test::constant<T>({70, 51}, T(14))) <
        20.0 * 14.0 * std::numeric_limits<T>::epsilon());
  CHECK(result.clipped_modes == 0);
}

TEST_CASE("a fixed filter acts as the direct convolution with its image") {
  for (const Mode mode : {Mode::difference, Mode::score}) {
    Scene<double> scene;
    scene.kernel = test::gaussian_kernel({13, 13}, 1.4);
    for (const bool given : {false, true}) {
      WhitenOptions options = scene.options(mode);
      if (!given) options.cells.clear();
      options.spatially_varying = false;
      const auto result = scene.whitened(options);
      REQUIRE(result.noise.size() == 1);
      const auto filters = filter_images(result.noise, result.filter, result.support);
      REQUIRE(filters.size() == 1);
      const auto direct = test::convolve(scene.image, *fixed_kernel(filters[0].image.view()));
      // The whole filter of a transform against one that ends at its support: their difference is
      // the tolerance in units of the noise, and 5 sigma of that is the worst of 16000 pixels.
      const double scale = std::sqrt(test::mean_square(direct, scene.image.view().box()));
      const double tolerance = 6.0 * result.filter.tolerance * scale;
      CHECK(test::difference_inside(result.image, direct, result.support.radius) < tolerance);
      // Beyond the edge is the level of a cell, not zero: the median of its pixels errs by 0.04 of
      // their scatter, which is larger than that of the whitened image.
      CHECK(test::difference(result.image, direct) < 0.2 * scale);
    }
  }
}

TEST_CASE("the estimated variance is the sum of gains times variances") {
  Scene<double> scene;
  scene.kernel = test::gaussian_kernel({13, 13}, 1.4);
  WhitenOptions options = scene.options();
  options.spatially_varying = false;
  const auto result = scene.whitened(options);
  const auto gains = filter_images(result.noise, result.filter, result.support).front().gains;
  double error = 0.0;
  for (int y = 0; y < scene.shape.height; ++y) {
    for (int x = 0; x < scene.shape.width; ++x) {
      const double expected = gains[0] * scene.v_s(y, x) + gains[1] * scene.v_t(y, x);
      error = std::max(error, std::abs(result.variance(y, x) / expected - 1.0));
    }
  }
  // Means over the modes of two grids differ by what wraps around: far less than the tolerance.
  CHECK(error < 1e-6);
}

TEST_CASE("images may be in any unit if variances are numbers") {
  const Shape shape{64, 50};
  const auto image = test::noise<float>(shape, 3);
  for (const double weight : {1e-24, 1e-20, 1.0, 1e20}) {
    NoiseSource<float> source;
    source.variance = 1.0 / (weight * weight);
    source.weight = weight;
    const auto result = whiten<float>(image.view(), {source});
    // One rounding.
    CHECK(test::difference(result.variance, test::constant<float>(shape, 1.0f)) < 1.2e-7);
  }
}

TEST_CASE_TEMPLATE("the full variance is the convolution with the squared responses", T, float,
                   double) {
  Scene<T> scene;
  scene.kernel = test::gaussian_kernel({13, 13}, 1.4);
  WhitenOptions options = scene.options();
  options.spatially_varying = false;
  options.variance = VariancePropagation::full;
  const auto result = scene.whitened(options);
  const auto batch = result.noise.batch();
  const auto responses = squared_responses(batch[0], result.filter, result.support);
  const auto science = test::convolve(scene.v_s, *fixed_kernel(responses[0].view()));
  const auto matched = test::convolve(scene.v_t, *fixed_kernel(responses[1].view()));
  double error = 0.0;
  for (std::size_t i = 0; i < scene.shape.size(); ++i) {
    const double expected = science.data()[i] + matched.data()[i];
    error = std::max(error, std::abs(result.variance.data()[i] / expected - 1.0));
  }
  // The same responses: rounding of the pixel type.
  CHECK(error < (sizeof(T) == 4 ? 1e-5 : 1e-12));
}

TEST_CASE("a step in the variance spreads as far as the filter in the full variance alone") {
  Scene<double> scene;
  // What went through the kernel takes the step, from 1 to 2 at x = 60.
  std::swap(scene.v_s, scene.v_t);
  WhitenOptions options = scene.options();
  options.spatially_varying = false;
  const auto estimate = scene.whitened(options);
  options.variance = VariancePropagation::full;
  const auto full = scene.whitened(options);
  const auto step = [](const auto& result, int before, int behind) {
    return result.variance(60, behind) - result.variance(60, before);
  };
  CHECK(step(estimate, 59, 60) > 0.99 * step(estimate, 50, 70));
  // The kernel's sigma is 1.4 pixels, and that of its square 1.0: a step of 0.4, and somewhat more
  // since the filter sharpens it.
  CHECK(step(full, 59, 60) < 0.7 * step(full, 50, 70));
  // Away from it, and from the frame's edge, both agree: v_s changes by 1 % a row, symmetrically.
  CHECK(full.variance(60, 100) == doctest::Approx(estimate.variance(60, 100)).epsilon(1e-4));
}

TEST_CASE("reductions and cells differ by no more than the filter varies") {
  Scene<double> scene;
  scene.kernel = test::gaussian_kernel({13, 13}, 1.4);
  WhitenOptions options = scene.options();
  options.spatially_varying = false;
  const auto reference = scene.whitened(options);
  for (const Reduction reduction : {Reduction::average, Reduction::copy}) {
    options.reduction = reduction;
    const auto other = scene.whitened(options);
    // One filter for all cells, each of which sees all that it reaches.
    CHECK(test::difference_inside(other.image, reference.image, reference.border) < 1e-4);
    // What lies beyond the edge has the level of a cell, whose median errs by 0.04.
    CHECK(test::difference(other.image, reference.image) < 0.05);
    CHECK(test::difference(other.variance, reference.variance) < 1e-12);
  }
}

TEST_CASE("copy takes the last cell") {
  Scene<double> scene;
  WhitenOptions options;
  const Box whole{0, 0, scene.shape.width, scene.shape.height};
  const Box part{20, 30, 90, 80};
  options.reduction = Reduction::copy;
  options.cells = {{part, {}}, {whole, {}}};
  const auto whole_last = scene.whitened(options);
  options.cells = {{whole, {}}};
  const auto whole_only = scene.whitened(options);
  CHECK(test::difference(whole_last.image, whole_only.image) < 1e-12);
}

TEST_CASE("pixels that no cell gives come out as NaN") {
  const Scene<float> scene;
  WhitenOptions options = scene.options();
  const Box hole = options.cells[5].box;
  options.cells.erase(options.cells.begin() + 5);
  const auto result = scene.whitened(options);
  const auto covered = coverage(result.cells, scene.shape);
  CHECK_FALSE(covered[(hole.y0 + 20) * scene.shape.width + hole.x0 + 20]);
  for (int y = 0; y < scene.shape.height; ++y) {
    for (int x = 0; x < scene.shape.width; ++x) {
      const bool given = covered[std::size_t(y) * scene.shape.width + x];
      CHECK(std::isnan(result.image(y, x)) != given);
      CHECK(std::isnan(result.variance(y, x)) != given);
    }
  }
}

TEST_CASE("a mean variance that the caller gives makes the filter; the plane makes the variance") {
  Scene<double> scene;
  auto sources = scene.sources();
  sources[0].mean_variance = 7.0;
  const auto result = whiten<double>(scene.image.view(), sources, scene.options());
  for (std::size_t n = 0; n < result.noise.size(); ++n) {
    CHECK(result.noise.variances()[2 * n] == 7.0);
    CHECK(result.noise.variances()[2 * n + 1] < 7.0);
  }
  const auto filters = filter_images(result.noise, result.filter, result.support);
  const double expected =
      filters[0].gains[0] * scene.v_s(3, 3) + filters[0].gains[1] * scene.v_t(3, 3);
  // Gains of two grids differ by what wraps around.
  CHECK(result.variance(3, 3) == doctest::Approx(expected).epsilon(1e-6));
}

TEST_CASE("non-finite pixels come back in their places and harm no other") {
  for (const auto variance : {VariancePropagation::estimate, VariancePropagation::full}) {
    Scene<float> scene;
    const WhitenOptions base = scene.options();
    WhitenOptions options = base;
    options.variance = variance;
    const auto clean = scene.whitened(options);
    scene.image(50, 60) = float(not_a_number);
    scene.image(0, 0) = float(infinity);
    scene.image(112, 139) = float(-infinity);
    scene.v_s(20, 30) = float(not_a_number);
    scene.v_t(21, 31) = float(infinity);
    const auto result = scene.whitened(options);
    CHECK(std::isnan(result.image(50, 60)));
    CHECK(result.image(0, 0) == float(infinity));
    CHECK(result.image(112, 139) == float(-infinity));
    CHECK(std::isnan(result.variance(20, 30)));
    CHECK(result.variance(21, 31) == float(infinity));
    int bad_pixels = 0, bad_variances = 0;
    for (std::size_t i = 0; i < scene.shape.size(); ++i) {
      bad_pixels += !std::isfinite(result.image.data()[i]);
      bad_variances += !std::isfinite(result.variance.data()[i]);
    }
    CHECK(bad_pixels == 3);
    CHECK(bad_variances == 2);
    // Far from the gaps: what is left is that the clipped means lost a pixel of a thousand.
    CHECK(std::abs(result.image(90, 20) - clean.image(90, 20)) < 2e-3);
    // A filled pixel is as likely as its neighbours.
    CHECK(std::abs(result.image(50, 61)) < 10.0);
  }
}

TEST_CASE("a cell without a finite pixel comes out as it went in") {
  Scene<double> scene;
  WhitenOptions options = scene.options();
  options.cells = make_cells(scene.shape, 1, 4, 0, 0);
  for (int y = 0; y < scene.shape.height; ++y) {
    std::fill_n(scene.image.row(y), 35, not_a_number);
    std::fill_n(scene.v_s.row(y), 35, not_a_number);
  }
  const auto result = scene.whitened(options);
  for (int y = 0; y < scene.shape.height; ++y) {
    for (int x = 0; x < scene.shape.width; ++x) {
      CHECK(std::isnan(result.image(y, x)) == (x < 35));
      CHECK(std::isnan(result.variance(y, x)) == (x < 35));
    }
  }
}

TEST_CASE("an image without a finite pixel comes out as it went in") {
  Scene<float> scene;
  std::fill_n(scene.image.data(), scene.shape.size(), float(not_a_number));
  scene.image(3, 3) = float(infinity);
  const auto result = scene.whitened(scene.options());
  CHECK(result.image(3, 3) == float(infinity));
  scene.image(3, 3) = float(not_a_number);
  CHECK(std::all_of(scene.image.data(), scene.image.data() + scene.shape.size(),
                    [](float value) { return std::isnan(value); }));
}

TEST_CASE("masked pixels count neither in mean variances nor in what fills gaps") {
  Scene<double> scene;
  Image<std::int32_t> mask(scene.shape);
  const auto reference = scene.whitened(scene.options());
  for (int y = 40; y < 60; ++y) {
    for (int x = 40; x < 60; ++x) {
      mask(y, x) = 4;
      scene.v_s(y, x) = 1.0 + 0.05 * x;
    }
  }
  auto sources = scene.sources();
  sources[0].mask = mask.view();
  WhitenOptions options = scene.options();
  options.ignore_mask = 4;
  const auto masked = whiten<double>(scene.image.view(), sources, options);
  options.ignore_mask = 2;
  const auto ignored = whiten<double>(scene.image.view(), sources, options);
  const auto unmasked = scene.whitened(options);
  const auto variances = [](const auto& result) { return result.noise.variances(); };
  CHECK(variances(ignored) == variances(unmasked));
  // Cells hold either step of v_s; without the masked pixels their means are as before.
  double error = 0.0, change = 0.0;
  for (std::size_t i = 0; i < variances(masked).size(); ++i) {
    error = std::max(error, std::abs(variances(masked)[i] - variances(reference)[i]));
    change = std::max(change, std::abs(variances(unmasked)[i] - variances(reference)[i]));
  }
  CHECK(change > 5.0 * error);

  // Most of the frame is a galaxy of 1e6; what fills the gap in it is the sky that is not masked.
  scene.image(50, 50) = not_a_number;
  for (int y = 0; y < 113; ++y) {
    for (int x = 0; x < 140; ++x) {
      const bool galaxy = x < 100;
      if (galaxy && (y != 50 || x != 50)) scene.image(y, x) = 1e6;
      mask(y, x) = galaxy ? 4 : 0;
    }
  }
  options.mask = mask.view();
  options.ignore_mask = 4;
  options.cells = {{{0, 0, 140, 113}, {}}};
  const double beside = whiten<double>(scene.image.view(), sources, options).image(50, 51);
  options.mask = {};
  const double other = whiten<double>(scene.image.view(), sources, options).image(50, 51);
  // A pixel less by 1e6, times a filter value of a percent.
  CHECK(std::abs(beside - other) > 5e3);
}

TEST_CASE_TEMPLATE("results are the same for every number of threads", T, float, double) {
  const Scene<T> scene;
  for (const Mode mode : {Mode::difference, Mode::score}) {
    for (const auto variance : {VariancePropagation::estimate, VariancePropagation::full}) {
      WhitenOptions options = scene.options(mode);
      options.variance = variance;
      options.n_threads = 1;
      const auto alone = scene.whitened(options);
      CHECK(alone.n_threads == 1);
      for (const int threads : {2, 3, 8}) {
        options.n_threads = threads;
        check_same(scene.whitened(options), alone);
      }
    }
  }
}

TEST_CASE("float32 agrees with float64") {
  Scene<double> wide;
  Scene<float> narrow;
  wide.image = test::converted<double>(narrow.image);
  wide.v_s = test::converted<double>(narrow.v_s);
  wide.v_t = test::converted<double>(narrow.v_t);
  for (const auto variance : {VariancePropagation::estimate, VariancePropagation::full}) {
    WhitenOptions options = wide.options();
    options.variance = variance;
    const auto exact = wide.whitened(options);
    const auto got = narrow.whitened(options);
    // Unit roundoff 6e-8 in each of some 14 levels of a transform, of the image's scale.
    CHECK(test::difference(got.image, exact.image) < 2e-6 * test::largest(exact.image));
    CHECK(test::difference(got.variance, exact.variance) < 2e-6 * test::largest(exact.variance));
  }
}

TEST_CASE("the input is read, never written") {
  Scene<float> scene;
  scene.image(10, 10) = float(not_a_number);
  scene.v_t(11, 11) = float(infinity);
  const auto image = test::converted<float>(scene.image);
  const auto v_t = test::converted<float>(scene.v_t);
  scene.whitened(scene.options());
  CHECK(test::same_bits(scene.image, image));
  CHECK(test::same_bits(scene.v_t, v_t));
}

TEST_CASE("views with gaps between rows are read as they are") {
  const Scene<double> scene;
  const Shape wide{scene.shape.height + 4, scene.shape.width + 9};
  const Box inside{5, 2, 5 + scene.shape.width, 2 + scene.shape.height};
  const auto embedded = [&](const Image<double>& image) {
    auto whole = test::constant<double>(wide, 1e30);
    for (int y = 0; y < image.shape().height; ++y) {
      std::copy_n(image.row(y), image.shape().width, whole.row(y + inside.y0) + inside.x0);
    }
    return whole;
  };
  const auto image = embedded(scene.image), v_s = embedded(scene.v_s), v_t = embedded(scene.v_t);
  const auto cut = [&](const Image<double>& whole) { return whole.view().cut(inside); };
  check_same(
      whiten<double>(cut(image), {{cut(v_s), {}, 1.0, {}}, {cut(v_t), {scene.kernel}, 1.0, {}}},
                     scene.options()),
      scene.whitened(scene.options()));
}

TEST_CASE("a mean variance stands in where a plane has no usable pixel in a cell") {
  Scene<double> scene;
  WhitenOptions options = scene.options();
  options.cells = make_cells(scene.shape, 1, 4, 0, 0);
  for (int y = 0; y < scene.shape.height; ++y) std::fill_n(scene.v_s.row(y) + 35, 35, 0.0);
  for (int y = 0; y < scene.shape.height; ++y) std::fill_n(scene.v_t.row(y) + 35, 35, 0.0);
  const auto result = scene.whitened(options);
  // Cells without any noise borrow the mean of the others.
  const auto& variances = result.noise.variances();
  CHECK(variances[2] == doctest::Approx((variances[0] + variances[4] + variances[6]) / 3.0));
  // And so do their variances: zero among noise is no variance.
  CHECK(result.variance(50, 50) == doctest::Approx(result.variance(50, 20)).epsilon(0.5));
  CHECK(result.unknown.variances == std::vector<std::size_t>{35 * 113, 35 * 113});
}

TEST_CASE("kernels are asked at pixel positions, counted from xy0") {
  std::vector<Point> asked;
  class Recorder final : public Kernel {
   public:
    explicit Recorder(std::vector<Point>& positions) : Kernel({1, 1}, {0, 0}), asked_(positions) {}
    void evaluate(std::span<const Point> positions, double* images) const override {
      asked_.insert(asked_.end(), positions.begin(), positions.end());
      std::fill_n(images, positions.size(), 1.0);
    }

   private:
    std::vector<Point>& asked_;
  };
  const auto image = test::noise<float>({40, 60}, 1);
  WhitenOptions options;
  options.xy0 = {100.0, 200.0};
  options.cells = make_cells({40, 60}, 1, 2, 0, 0);
  const auto result =
      whiten<float>(image.view(), {{1.0, {std::make_shared<Recorder>(asked)}, 1.0, {}}}, options);
  REQUIRE(asked.size() >= 2);
  const std::vector<Point> expected{{114.5, 219.5}, {144.5, 219.5}};
  CHECK(std::vector<Point>(asked.end() - 2, asked.end()) == expected);
  CHECK(result.noise.positions() == expected);
}

TEST_CASE("progress runs from the first cell to the last, in the calling thread") {
  const Scene<float> scene;
  WhitenOptions options = scene.options();
  std::vector<std::size_t> steps;
  options.progress = [&](std::size_t done, std::size_t total) {
    CHECK(total == 12);
    steps.push_back(done);
  };
  scene.whitened(options);
  REQUIRE_FALSE(steps.empty());
  CHECK(std::is_sorted(steps.begin(), steps.end()));
  CHECK(steps.back() == 12);
}

TEST_CASE("what a callback throws ends the computation and reaches the caller") {
  struct Cancelled {};
  const Scene<float> scene;
  const auto before = test::converted<float>(scene.image);
  WhitenOptions options = scene.options();
  options.progress = [](std::size_t, std::size_t) { throw Cancelled{}; };
  CHECK_THROWS_AS(scene.whitened(options), Cancelled);
  CHECK(test::same_bits(scene.image, before));
  // Nothing is left behind: the next call works.
  options.progress = {};
  check_same(scene.whitened(options), scene.whitened(scene.options()));
}

TEST_CASE("what a kernel throws, at whatever call, reaches the caller") {
  struct Broken {};
  std::atomic<int> allowed = 0;
  Scene<float> scene;
  scene.kernel = test::function_kernel({3, 3}, [&](Point, int dx, int dy) -> double {
    if (dx == 0 && dy == 0 && --allowed < 0) throw Broken{};
    return dx == 0 && dy == 0 ? 1.0 : 0.1;
  });
  // One in the middle of the frame, nine in its ninths, its middle again, then twelve in the cells.
  for (const int calls : {0, 1, 5, 10, 11, 22}) {
    allowed = calls;
    CHECK_THROWS_AS(scene.whitened(scene.options()), Broken);
  }
  allowed = 23;
  CHECK_NOTHROW(scene.whitened(scene.options()));
}

TEST_CASE("what fails in a thread reaches the caller") {
  // A kernel whose sum vanishes in the last cells alone: their noise has no power at k = 0.
  Scene<double> scene;
  const auto kernel = test::function_kernel({1, 2}, [](Point position, int dx, int) {
    return dx == 0 ? 1.0 : position.x > 115.0 ? -1.0 : 1.0;
  });
  WhitenOptions options = scene.options();
  options.cells = make_cells(scene.shape, 1, 4, 0, 0);
  CHECK_THROWS_AS(whiten<double>(scene.image.view(), {{1.0, {kernel}, 1.0, {}}}, options),
                  std::invalid_argument);
}

TEST_CASE("a result tells how it was made") {
  const Scene<double> scene;
  WhitenOptions options;
  const auto result = scene.whitened(options);
  CHECK(result.border == result.support.radius);
  CHECK(result.noise.size() == result.cells.size());
  CHECK(result.n_threads >= 1);
  CHECK(result.clipped_modes == 0);
  CHECK_NOTHROW(check_cells(result.cells, scene.shape));
  CHECK(filter_images(result.noise, result.filter, result.support, 2).size() ==
        result.cells.size());
  CHECK(result.seconds.plan > 0.0);
  CHECK(result.seconds.statistics > 0.0);
  CHECK(result.seconds.filter > 0.0);
  options.variance = VariancePropagation::full;
  CHECK(scene.whitened(options).border >= result.border);
}

TEST_CASE("PSFs come for every position") {
  const Scene<double> scene;
  const auto result = scene.whitened(scene.options());
  const auto psfs = whitened_psfs(result.noise, result.filter, result.support, 2);
  REQUIRE(psfs.size() == 12);
  const auto batch = result.noise.batch();
  CHECK(test::same_bits(psfs[5], whitened_psf(batch[5], result.filter, result.support)));
}

TEST_CASE("modes at the floor are counted over all filters") {
  Scene<float> scene;
  scene.kernel = test::gaussian_kernel({31, 31}, 3.0);
  const auto once = [&](bool varying) {
    WhitenOptions options = scene.options();
    options.spatially_varying = varying;
    return whiten<float>(scene.image.view(), {{1.0, {scene.kernel}, 1.0, {}}}, options);
  };
  const auto fixed = once(false), varying = once(true);
  CHECK(fixed.clipped_modes > 0);
  CHECK(varying.clipped_modes == 12 * fixed.clipped_modes);
  // float32 images do not bear a floor of 1e-10.
  CHECK(fixed.filter.power_floor == 1e-7);
}

TEST_CASE("frames of any shape work") {
  for (const Shape shape : {Shape{1, 1}, {1, 300}, {300, 1}, {2, 3}, {97, 31}}) {
    const auto image = test::noise<double>(shape, 3);
    const auto result = whiten<double>(image.view(), {{1.0, {}, 1.0, {}}});
    CHECK(test::difference(result.image, image) < 1e-14);
  }
}
