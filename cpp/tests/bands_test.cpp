// Frames that are read and written in bands of rows.

#include <omp.h>

#include <atomic>
#include <limits>
#include <thread>

#include "support.hpp"
#include "whitediff/decorrelate.hpp"

using namespace whitediff;

namespace {

using test::infinity;
using test::not_a_number;

/// Two sources, the second through a kernel that varies; gaps and masked pixels in all planes.
template <class T>
struct Scene {
  Shape shape;
  Image<T> image, v_s, v_t;
  Image<std::int32_t> mask, mask_t;
  KernelPtr kernel;
  KernelPtr psf = test::gaussian_kernel({9, 9}, 1.2);
  bool numbers = false;  ///< The second variance is a number.

  explicit Scene(Shape of)
      : shape(of),
        image(test::noise<T>(of, 7)),
        v_s(of),
        v_t(of),
        mask(of),
        mask_t(of),
        kernel(test::varying_gaussian({9, 9}, 0.8, 1.2, of.width)) {
    for (int y = 0; y < shape.height; ++y) {
      for (int x = 0; x < shape.width; ++x) {
        v_s(y, x) = T(x < 40 ? 1.0 : 2.0);
        v_t(y, x) = T(0.5 + 0.002 * y);
        if ((x + 3 * y) % 101 == 0) image(y, x) = static_cast<T>(not_a_number);
        if ((x + 5 * y) % 307 == 0) v_s(y, x) = static_cast<T>(infinity);
        if ((x + 2 * y) % 211 == 0) v_t(y, x) = static_cast<T>(not_a_number);
        mask(y, x) = (x + 7 * y) % 53 == 0 ? 4 : x % 2;
        mask_t(y, x) = (x + 9 * y) % 47 == 0 ? 6 : 0;
        // Masked, so that it may be negative.
        if (mask_t(y, x)) v_t(y, x) = T(-5);
      }
    }
  }

  template <class Pixel>
  Plane<Pixel> plane(const Image<Pixel>& of, bool read) const {
    return read ? test::reading(of) : Plane<Pixel>(of.view());
  }

  std::vector<NoiseSource<T>> sources(bool read) const {
    std::vector<NoiseSource<T>> sources(2);
    sources[0].variance = plane(v_s, read);
    sources[0].mask = plane(mask, read);
    if (numbers) {
      sources[1].variance = 0.7;
    } else {
      sources[1].variance = plane(v_t, read);
    }
    sources[1].mask = plane(mask_t, read);
    sources[1].kernels = {kernel};
    return sources;
  }

  WhitenOptions options(Mode mode = Mode::difference) const {
    WhitenOptions options;
    if (mode == Mode::score) {
      options.filter = FilterOptions::score();
      // A radius of some 20 pixels is enough to look at.
      options.filter.tolerance = 1e-2;
    }
    options.psf = {psf};
    options.ignore_mask = 4;
    options.cells = boxes(make_cells(shape, 5, 2, 6, 0));
    return options;
  }

  /// Cells whose borders are found.
  static std::vector<Cell> boxes(std::vector<Cell> cells) {
    for (Cell& cell : cells) cell.expanded = {};
    return cells;
  }

  Whitened<T> whole(WhitenOptions with) const {
    with.mask = mask.view();
    return whiten<T>(image.view(), sources(false), with);
  }
};

/// What is written, put together.
template <class T>
struct Written {
  Image<T> image, variance;
  Image<std::uint8_t> filter_edge;
  int next = 0, bands = 0, highest = 0;

  explicit Written(Shape shape) : image(shape), variance(shape), filter_edge(shape) {}

  WriteRows<T> writer() {
    return [this, caller = std::this_thread::get_id()](
               int y0, ImageView<const T> rows, ImageView<const T> variances,
               ImageView<const std::uint8_t> edges, const std::shared_ptr<const void>&) {
      CHECK(std::this_thread::get_id() == caller);
      // Every row once, down the frame.
      REQUIRE(y0 == next);
      REQUIRE(rows.height() > 0);
      REQUIRE(rows.shape() == variances.shape());
      REQUIRE(rows.shape() == edges.shape());
      REQUIRE(rows.width() == image.shape().width);
      REQUIRE(y0 + rows.height() <= image.shape().height);
      for (int y = 0; y < rows.height(); ++y) {
        std::copy_n(rows.row(y), rows.width(), image.row(y0 + y));
        std::copy_n(variances.row(y), rows.width(), variance.row(y0 + y));
        std::copy_n(edges.row(y), rows.width(), filter_edge.row(y0 + y));
      }
      next += rows.height();
      highest = std::max(highest, rows.height());
      ++bands;
    };
  }
};

template <class T>
void check_same(const Written<T>& written, const Whitening& account, const Whitened<T>& expected) {
  CHECK(written.next == expected.image.shape().height);
  CHECK(test::same_bits(written.image, expected.image));
  CHECK(test::same_bits(written.variance, expected.variance));
  CHECK(test::same_bits(written.filter_edge, expected.filter_edge));
  CHECK(account.cells == expected.cells);
  CHECK(account.noise.variances() == expected.noise.variances());
  CHECK(account.noise.positions() == expected.noise.positions());
  CHECK(account.border == expected.border);
  CHECK(account.support.radius == expected.support.radius);
  CHECK(account.clipped_modes == expected.clipped_modes);
}

/// Whitens in bands, with each of these numbers of threads, and compares.
template <class T>
void check_bands(const Scene<T>& scene, WhitenOptions options,
                 std::initializer_list<int> threads = {1, 2, 5}) {
  options.n_threads = 2;
  const Whitened<T> expected = scene.whole(options);
  for (const int n : threads) {
    CAPTURE(n);
    options.n_threads = n;
    options.mask = test::reading(scene.mask);
    Written<T> written(scene.shape);
    const Whitening account =
        whiten_bands<T>(test::reading(scene.image), scene.sources(true), written.writer(), options);
    CHECK(account.n_threads == n);
    check_same(written, account, expected);
  }
}

constexpr Shape frame{230, 67};

}  // namespace

TEST_CASE_TEMPLATE("bands hold the bits of the whole", T, float, double) {
  const Scene<T> scene(frame);
  for (const Mode mode : {Mode::difference, Mode::score}) {
    for (const auto variance : {VariancePropagation::estimate, VariancePropagation::full}) {
      for (const bool varying : {true, false}) {
        CAPTURE(mode == Mode::score);
        CAPTURE(variance == VariancePropagation::full);
        CAPTURE(varying);
        WhitenOptions options = scene.options(mode);
        options.variance = variance;
        options.spatially_varying = varying;
        check_bands(scene, options);
      }
    }
  }
}

TEST_CASE_TEMPLATE("cells may be planned", T, float, double) {
  const Scene<T> scene({700, 45});
  WhitenOptions options = scene.options();
  options.cells.clear();
  check_bands(scene, options, {2});
  REQUIRE(scene.whole(options).cells.size() > 1);
}

TEST_CASE("every reduction works in bands") {
  const Scene<float> scene(frame);
  for (const Reduction reduction : {Reduction::crossfade, Reduction::average, Reduction::copy}) {
    WhitenOptions options = scene.options();
    options.reduction = reduction;
    check_bands(scene, options);
    options.variance = VariancePropagation::full;
    check_bands(scene, options, {5});
  }
}

TEST_CASE("masks count where their bits are asked for") {
  const Scene<float> scene(frame);
  for (const bool varying : {true, false}) {
    WhitenOptions options = scene.options();
    options.spatially_varying = varying;
    const auto with = scene.whole(options);
    options.ignore_mask = 5;  // every second pixel
    check_bands(scene, options, {3});
    CHECK_FALSE(test::same_bits(scene.whole(options).image, with.image));
  }
}

TEST_CASE("numbers stand for variances") {
  Scene<float> scene(frame);
  scene.numbers = true;
  for (const auto variance : {VariancePropagation::estimate, VariancePropagation::full}) {
    WhitenOptions options = scene.options();
    options.variance = variance;
    check_bands(scene, options);
  }
}

TEST_CASE("cells anywhere come out as they do at once") {
  const Scene<float> scene(frame);
  const std::vector<std::vector<Cell>> layouts{
      // One, which is not the whole frame.
      {{{3, 100, 60, 140}, {}}},
      // Far apart, with rows between that belong to nobody.
      {{{0, 10, 67, 30}, {}}, {{5, 120, 40, 150}, {}}, {{50, 215, 66, 229}, {}}},
      // Tall ones beside low ones.
      {{{0, 0, 30, 230}, {}},
       {{30, 0, 67, 40}, {}},
       {{30, 60, 67, 75}, {}},
       {{30, 90, 67, 230}, {}}},
      {{{0, 0, 20, 120}, {}},
       {{20, 10, 40, 30}, {}},
       {{20, 40, 40, 60}, {}},
       {{40, 70, 67, 80}, {}}},
      // Overlapping, one inside the other, equal, from below to above.
      {{{7, 150, 31, 227}, {}},
       {{0, 0, 67, 91}, {}},
       {{11, 13, 29, 31}, {}},
       {{20, 81, 67, 161}, {}},
       {{20, 81, 67, 161}, {}},
       {{0, 0, 1, 230}, {}},
       {{66, 229, 67, 230}, {}},
       {{3, 60, 50, 63}, {}}},
      // Larger expanded boxes than the filter asks for, and smaller ones.
      {{{10, 20, 40, 60}, {0, 0, 67, 200}}, {{5, 55, 60, 90}, {5, 55, 60, 90}}},
  };
  for (std::size_t n = 0; n < layouts.size(); ++n) {
    CAPTURE(n);
    for (const Reduction reduction : {Reduction::crossfade, Reduction::average, Reduction::copy}) {
      for (const auto variance : {VariancePropagation::estimate, VariancePropagation::full}) {
        WhitenOptions options = scene.options();
        options.cells = layouts[n];
        options.reduction = reduction;
        options.variance = variance;
        check_bands(scene, options, {3});
      }
    }
  }
}

TEST_CASE("random cells come out as they do at once") {
  const Scene<float> scene({120, 50});
  std::mt19937 generator(41);
  const auto pick = [&](int lowest, int highest) {
    return std::uniform_int_distribution(lowest, highest)(generator);
  };
  for (int trial = 0; trial < 12; ++trial) {
    CAPTURE(trial);
    WhitenOptions options = scene.options();
    options.spatially_varying = false;  // quick
    options.cells.clear();
    for (int count = pick(1, 12); count > 0; --count) {
      const int x = pick(0, 49), y = pick(0, 119);
      options.cells.push_back({{x, y, pick(x + 1, 50), pick(y + 1, std::min(120, y + 60))}, {}});
    }
    check_bands(scene, options, {1, 4});
  }
}

TEST_CASE("a frame without gaps, or of gaps alone") {
  Scene<float> scene(frame);
  scene.image = test::noise<float>(frame, 8);
  for (const bool complete : {true, false}) {
    if (!complete) std::fill_n(scene.image.data(), frame.size(), float(not_a_number));
    for (const bool varying : {true, false}) {
      WhitenOptions options = scene.options();
      options.spatially_varying = varying;
      check_bands(scene, options, {2});
    }
  }
}

TEST_CASE("frames of any shape work in bands") {
  for (const Shape shape : {Shape{1, 1}, {1, 300}, {300, 1}, {2, 3}}) {
    const auto image = test::noise<double>(shape, 3);
    Written<double> written(shape);
    const std::vector<NoiseSource<double>> sources{{1.0, {}, 1.0, {}}};
    const auto account = whiten_bands<double>(test::reading(image), sources, written.writer());
    check_same(written, account, whiten<double>(image.view(), sources));
  }
}

TEST_CASE("planes in memory may be mixed with planes that are read") {
  const Scene<float> scene(frame);
  const auto expected = scene.whole(scene.options());
  for (const bool read_image : {false, true}) {
    WhitenOptions options = scene.options();
    options.mask = scene.plane(scene.mask, !read_image);
    Written<float> written(frame);
    const auto account = whiten_bands<float>(scene.plane(scene.image, read_image),
                                             scene.sources(!read_image), written.writer(), options);
    check_same(written, account, expected);
  }
}

TEST_CASE("one plane that is read may stand in several places") {
  const Scene<float> scene(frame);
  WhitenOptions options = scene.options();
  const auto run = [&](bool read) {
    const Plane<float> variance = scene.plane(scene.v_t, read);
    const Plane<std::int32_t> mask = scene.plane(scene.mask_t, read);
    auto sources = scene.sources(read);
    for (auto& source : sources) {
      source.variance = variance;
      source.mask = mask;
    }
    options.mask = mask;
    Written<float> written(frame);
    whiten_bands<float>(scene.plane(scene.image, read), sources, written.writer(), options);
    return written;
  };
  for (const bool varying : {true, false}) {
    options.spatially_varying = varying;
    const auto expected = run(false), got = run(true);
    CHECK(test::same_bits(got.image, expected.image));
    CHECK(test::same_bits(got.variance, expected.variance));
  }
}

TEST_CASE("whiten takes variances and masks that are read") {
  const Scene<double> scene(frame);
  WhitenOptions options = scene.options();
  const auto expected = scene.whole(options);
  options.mask = test::reading(scene.mask);
  const auto got = whiten<double>(scene.image.view(), scene.sources(true), options);
  CHECK(test::same_bits(got.image, expected.image));
  CHECK(test::same_bits(got.variance, expected.variance));
}

TEST_CASE("rows are read as they are needed, a few at once") {
  const Scene<float> scene({1500, 90});
  WhitenOptions options = scene.options();
  options.cells = scene.boxes(make_cells(scene.shape, 15, 2, 8, 0));
  options.n_threads = 2;
  std::vector<Rows> calls, variance_calls;
  auto sources = scene.sources(true);
  sources[0].variance = test::reading(scene.v_s, &variance_calls);
  Written<float> written(scene.shape);
  const auto account =
      whiten_bands<float>(test::reading(scene.image, &calls), sources, written.writer(), options);
  // Two rows of cells with their overlap and borders.
  const int most = 2 * 100 + 2 * 4 + 2 * account.border;
  int rows = 0, begin = 0;
  for (const Rows& call : calls) {
    CHECK(call.count() <= most);
    CHECK(call.step == 1);
    // Down the frame.
    CHECK(call.begin >= begin);
    begin = call.begin;
    rows += call.count();
  }
  // Once, apart from what bands share.
  CHECK(rows <= 1500 + static_cast<int>(calls.size()) * (8 + 2 * account.border));
  CHECK(calls.size() <= 9);
  CHECK(written.bands == static_cast<int>(calls.size()));
  CHECK(written.highest <= 2 * 100 + 8);
  // Or a sample for the two cells of a row, or for three boxes of the frame: of 4096 pixels each,
  // or up to twice that many where a step of two rows would be too few.
  for (const Rows& call : variance_calls) {
    CHECK(call.count() <= std::max(most, 3 * 2 * 4096 / scene.shape.width));
  }

  const auto expected = scene.whole(options);
  options.mask = test::reading(scene.mask);
  Written<float> masked(scene.shape);
  whiten_bands<float>(test::reading(scene.image), scene.sources(true), masked.writer(), options);
  CHECK(test::same_bits(masked.image, expected.image));
}

TEST_CASE("a tall cell does not have its rows read again and again") {
  const Scene<float> scene({600, 60});
  WhitenOptions options = scene.options();
  options.cells = {{{0, 0, 30, 600}, {}}};
  for (int y = 0; y < 600; y += 20) options.cells.push_back({{30, y, 60, y + 20}, {}});
  std::vector<Rows> calls;
  Written<float> written(scene.shape);
  const auto account = whiten_bands<float>(test::reading(scene.image, &calls), scene.sources(false),
                                           written.writer(), options);
  int rows = 0;
  for (const Rows& call : calls) rows += call.count();
  // The tall one, and each of the others with its borders.
  CHECK(rows <= 600 + 30 * (20 + 2 * account.border));
}

TEST_CASE("rows of no cell are not read") {
  const Scene<float> scene({600, 60});
  WhitenOptions options = scene.options();
  options.cells = {{{0, 200, 60, 220}, {}}, {{10, 400, 60, 420}, {}}};
  options.mask = test::reading(scene.mask);
  std::vector<Rows> calls;
  Written<float> written(scene.shape);
  const auto account = whiten_bands<float>(test::reading(scene.image, &calls), scene.sources(true),
                                           written.writer(), options);
  for (const Rows& call : calls) {
    CHECK(call.count() <= 20 + 2 * account.border);
  }
  CHECK(calls.size() == 2);
  const auto expected = scene.whole(options);
  CHECK(test::same_bits(written.image, expected.image));
  CHECK(test::same_bits(written.variance, expected.variance));
  CHECK(std::isnan(written.variance(599, 30)));
}

TEST_CASE("one filter for the frame takes two passes over a variance, and one over the image") {
  const Scene<float> scene({1500, 90});
  WhitenOptions options = scene.options();
  options.cells = scene.boxes(make_cells(scene.shape, 15, 2, 8, 0));
  options.spatially_varying = false;
  options.n_threads = 2;
  std::vector<Rows> calls, variance_calls;
  auto sources = scene.sources(true);
  sources[0].variance = test::reading(scene.v_t, &variance_calls);
  sources[0].mask = test::reading(scene.mask_t);
  Written<float> written(scene.shape);
  const auto account =
      whiten_bands<float>(test::reading(scene.image, &calls), sources, written.writer(), options);
  const auto rows = [](const std::vector<Rows>& of) {
    return std::accumulate(of.begin(), of.end(), 0,
                           [](int sum, const Rows& call) { return sum + call.count(); });
  };
  const int shared = written.bands * (8 + 2 * account.border);
  CHECK(rows(calls) <= 1500 + shared);
  // And a sample of some 32 rows.
  CHECK(rows(variance_calls) <= 3 * 1500 + shared + 40);
  for (const Rows& call : variance_calls) CHECK(call.count() <= 2 * 100 + 8 + 2 * account.border);
}

TEST_CASE("decorrelate works in bands") {
  const Scene<double> scene(frame);
  for (const auto convolved : {Convolved::template_image, Convolved::science_image}) {
    DecorrelateOptions options;
    options.whiten = scene.options();
    options.convolved = convolved;
    options.whiten.mask = scene.mask.view();
    const auto raw = [&](const Image<double>& variance, const Image<std::int32_t>& mask,
                         bool read) -> NoiseSource<double> {
      return {scene.plane(variance, read), {}, 1.0, scene.plane(mask, read)};
    };
    const auto expected =
        decorrelate<double>(scene.image.view(), raw(scene.v_s, scene.mask, false),
                            raw(scene.v_t, scene.mask_t, false), scene.kernel, options);
    options.whiten.mask = test::reading(scene.mask);
    Written<double> written(frame);
    const auto account = decorrelate_bands<double>(
        test::reading(scene.image), raw(scene.v_s, scene.mask, true),
        raw(scene.v_t, scene.mask_t, true), scene.kernel, written.writer(), options);
    check_same(written, account, expected);
  }
}

TEST_CASE("progress is told by the calling thread, from the first cell to the last") {
  const Scene<float> scene(frame);
  for (const int threads : {1, 4}) {
    for (const bool varying : {true, false}) {
      WhitenOptions options = scene.options();
      options.cells = scene.boxes(make_cells(frame, 23, 6, 3, 0));
      options.spatially_varying = varying;
      options.n_threads = threads;
      std::vector<std::size_t> steps;
      options.progress = [&, caller = std::this_thread::get_id()](std::size_t done,
                                                                  std::size_t total) {
        CHECK(std::this_thread::get_id() == caller);
        CHECK(total == 138);
        steps.push_back(done);
      };
      Written<float> written(frame);
      whiten_bands<float>(test::reading(scene.image), scene.sources(true), written.writer(),
                          options);
      REQUIRE_FALSE(steps.empty());
      CHECK(steps.front() > 0);
      // Every number once at most, upwards.
      CHECK(std::adjacent_find(steps.begin(), steps.end(), std::greater_equal<>()) == steps.end());
      CHECK(steps.back() == 138);
    }
  }
}

TEST_CASE("what fails reaches the caller, and nobody waits for ever") {
  struct Broken {};
  Scene<float> scene(frame);
  const auto sources = scene.sources(true);
  WhitenOptions options = scene.options();
  options.cells = scene.boxes(make_cells(frame, 23, 6, 7, 0));
  options.n_threads = 4;
  const auto run = [&](const Plane<float>& image, const WriteRows<float>& write) {
    whiten_bands<float>(image, sources, write, options);
  };
  const WriteRows<float> ignore = [](int, ImageView<const float>, ImageView<const float>,
                                     ImageView<const std::uint8_t>,
                                     const std::shared_ptr<const void>&) {};

  SUBCASE("a reader") {
    std::vector<Rows> calls;
    run(test::reading(scene.image, &calls), ignore);
    REQUIRE(calls.size() > 5);
    for (std::size_t allowed = 0; allowed < calls.size(); ++allowed) {
      std::size_t count = 0;
      const Plane<float> image(frame, [&](const Rows& rows) -> ImageView<const float> {
        if (count++ == allowed) throw Broken();
        return scene.image.view().cut({0, rows.begin, frame.width, rows.end});
      });
      CHECK_THROWS_AS(run(image, ignore), Broken);
      CHECK(count == allowed + 1);
    }
  }
  SUBCASE("a reader that gives another shape") {
    const Plane<float> image(
        frame, [&](const Rows&) { return ImageView<const float>(scene.image.view()); });
    CHECK_THROWS_AS(run(image, ignore), std::invalid_argument);
  }
  SUBCASE("a writer") {
    Written<float> written(frame);
    run(test::reading(scene.image), written.writer());
    for (int allowed = 0; allowed < written.bands; ++allowed) {
      int count = 0;
      const auto write = [&](int, ImageView<const float>, ImageView<const float>,
                             ImageView<const std::uint8_t>, const std::shared_ptr<const void>&) {
        if (count++ == allowed) throw Broken();
      };
      CHECK_THROWS_AS(run(test::reading(scene.image), write), Broken);
      CHECK(count == allowed + 1);
    }
  }
  SUBCASE("no writer") {
    CHECK_THROWS_WITH_AS(run(test::reading(scene.image), {}), "write must be a function, got none",
                         std::invalid_argument);
  }
  SUBCASE("progress") {
    for (const std::size_t at : {1, 7, 60, 138}) {
      options.progress = [&](std::size_t done, std::size_t) {
        if (done >= at) throw Broken();
      };
      CHECK_THROWS_AS(run(test::reading(scene.image), ignore), Broken);
    }
  }
}

TEST_CASE("a kernel that fails ends bands at whatever call") {
  struct Broken {};
  Scene<float> scene(frame);
  int allowed = 0, calls = 0;
  scene.kernel = test::function_kernel({1, 1}, [&](Point, int, int) -> double {
    ++calls;
    if (--allowed < 0) throw Broken();
    return 0.5;
  });
  WhitenOptions options = scene.options();
  options.cells = scene.boxes(make_cells(frame, 9, 3, 4, 0));
  options.n_threads = 4;
  const auto run = [&](int calls_allowed) {
    allowed = calls_allowed;
    Written<float> written(frame);
    whiten_bands<float>(test::reading(scene.image), scene.sources(true), written.writer(), options);
  };
  run(1000);
  const int needed = calls;
  CHECK_NOTHROW(run(needed));
  for (int missing = 1; missing < needed; missing += 4) {
    CHECK_THROWS_AS(run(needed - missing), Broken);
  }
}

TEST_CASE("unknown variances and gaps count the same in bands") {
  for (const auto variance : {VariancePropagation::estimate, VariancePropagation::full}) {
    Scene<float> scene(frame);
    WhitenOptions options = scene.options();
    options.variance = variance;
    options.cells = scene.boxes(make_cells(frame, 23, 6, 7, 0));
    options.n_threads = 3;
    scene.v_s(2, 3) = -0.5f;
    scene.v_s(117, 40) = 1e30f;
    const auto whole = scene.whole(options);
    Written<float> written(frame);
    const auto account = whiten_bands<float>(test::reading(scene.image), scene.sources(true),
                                             written.writer(), options);
    CHECK(account.unknown.marked == whole.unknown.marked);
    CHECK(account.unknown.not_finite == whole.unknown.not_finite);
    CHECK(account.unknown.too_large == whole.unknown.too_large);
    CHECK(account.unknown.variances == whole.unknown.variances);
    CHECK(whole.unknown.not_finite > 0);
    CHECK(whole.variance(117, 40) == 1e30f);
    CHECK(whole.variance(2, 3) > 0.0f);
  }
}

TEST_CASE("a cell that fails while others wait ends all of them") {
  // A kernel whose sum vanishes in a few cells alone: their noise has no power at k = 0.
  Scene<double> scene(frame);
  WhitenOptions options = scene.options();
  options.cells = scene.boxes(make_cells(frame, 8, 4, 7, 0));
  options.n_threads = 4;
  for (const std::size_t broken : {0, 5, 18, 31}) {
    const Point center = options.cells[broken].box.center();
    const auto kernel = test::function_kernel({1, 2}, [&](Point position, int dx, int) {
      const bool here =
          std::abs(position.x - center.x) < 1.0 && std::abs(position.y - center.y) < 1.0;
      return dx == 0 ? 1.0 : here ? -1.0 : 0.1;
    });
    const std::vector<NoiseSource<double>> sources{{1.0, {kernel}, 1.0, {}}};
    Written<double> written(frame);
    CHECK_THROWS_AS(
        whiten_bands<double>(test::reading(scene.image), sources, written.writer(), options),
        std::invalid_argument);
    CHECK_THROWS_AS(whiten<double>(scene.image.view(), sources, options), std::invalid_argument);
  }
}

TEST_CASE("fewer threads than asked for change nothing") {
  const Scene<float> scene(frame);
  WhitenOptions options = scene.options();
  options.cells = scene.boxes(make_cells(frame, 12, 4, 7, 0));
  const int levels = omp_get_max_active_levels();
  const int threads = omp_get_max_threads();
  omp_set_dynamic(1);
  check_bands(scene, options, {7});
  omp_set_dynamic(0);
  omp_set_num_threads(1);
  check_bands(scene, options, {7});
  omp_set_num_threads(threads);
  // Inside a parallel region whose threads take all that may be active.
  options.mask = scene.mask.view();
  options.n_threads = 3;
  const auto expected = scene.whole(options);
  for (const int active : {1, 2}) {
    omp_set_max_active_levels(active);
    std::atomic<int> same = 0, callers = 0;
#pragma omp parallel num_threads(4)
    {
      WhitenOptions own = options;
      own.n_threads = 1 + omp_get_thread_num() % 2;
      Written<float> written(frame);
      whiten_bands<float>(scene.image.view(), scene.sources(true), written.writer(), own);
      same += test::same_bits(written.image, expected.image);
      ++callers;
    }
    CHECK(same == callers);
  }
  omp_set_max_active_levels(levels);
}
