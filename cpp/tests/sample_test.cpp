#include "support.hpp"

using namespace whitediff;

namespace {

struct Frame {
  Image<float> image, variance;
  Image<std::int32_t> mask;
  KernelPtr kernel;

  explicit Frame(Shape shape)
      : image(test::noise<float>(shape, 21)),
        variance(shape),
        mask(shape),
        kernel(test::varying_gaussian({9, 9}, 1.2, 1.6, shape.width)) {
    for (int y = 0; y < shape.height; ++y) {
      for (int x = 0; x < shape.width; ++x) {
        variance(y, x) = 1.0F + 0.5F * static_cast<float>(x) / static_cast<float>(shape.width);
        mask(y, x) = (x + 3 * y) % 101 == 0;
      }
    }
  }

  std::vector<NoiseSource<float>> sources() {
    NoiseSource<float> science, matched;
    science.variance = 1.0;
    matched.variance = Plane<float>(variance.view());
    matched.kernels = {kernel};
    return {science, matched};
  }

  WhitenOptions options() {
    WhitenOptions options;
    options.mask = Plane<std::int32_t>(mask.view());
    options.ignore_mask = 1;
    options.xy0 = {40.0, -7.0};
    return options;
  }
};

}  // namespace

TEST_CASE("a small image is whitened as a whole") {
  Frame frame({301, 417});
  const auto sources = frame.sources();
  const auto options = frame.options();
  const auto sample = whiten_sample<float>(Plane<float>(frame.image.view()), sources, options);
  const auto whole = whiten<float>(frame.image.view(), sources, options);
  CHECK(test::same_bits(sample.image, frame.image));
  CHECK(test::same_bits(sample.whitened, whole.image));
  CHECK(test::same_bits(sample.variance, whole.variance));
  for (int y = 0; y < 301; ++y) {
    for (int x = 0; x < 417; ++x) {
      REQUIRE(sample.usable(y, x) == (!whole.filter_edge(y, x) && frame.mask(y, x) == 0));
    }
  }
}

TEST_CASE("parts of a large image are those of the whole, each one cell of it") {
  for (const bool varying : {true, false}) {
    Frame frame({1301, 1459});
    const auto sources = frame.sources();
    auto options = frame.options();
    options.spatially_varying = varying;
    const auto sample = whiten_sample<float>(Plane<float>(frame.image.view()), sources, options);
    const double pixels = test::sum(sample.usable);
    CHECK(pixels > 0.9e6);

    // The parts are found again by their pixels, which no two places of the noise share.
    int rows = 0, parts = 0;
    while (rows < sample.image.shape().height) {
      int y0 = -1, x0 = -1;
      for (int y = 0; y < 1301 && y0 < 0; ++y) {
        for (int x = 0; x < 1459; ++x) {
          if (frame.image(y, x) != sample.image(rows, 0)) continue;
          if (frame.image(y, x + 1) != sample.image(rows, 1)) continue;
          y0 = y;
          x0 = x;
          break;
        }
      }
      REQUIRE(y0 >= 0);
      const int first = rows;
      while (rows < sample.image.shape().height &&
             sample.image(rows, 0) == frame.image(y0 + rows - first, x0)) {
        ++rows;
      }
      // What is whitened of it, as a cell of the whole.
      Box box{1 << 30, 1 << 30, 0, 0};
      for (int y = first; y < rows; ++y) {
        for (int x = 0; x < sample.image.shape().width; ++x) {
          if (std::isnan(sample.whitened(y, x))) continue;
          box.x0 = std::min(box.x0, x0 + x);
          box.y0 = std::min(box.y0, y0 + y - first);
          box.x1 = std::max(box.x1, x0 + x + 1);
          box.y1 = std::max(box.y1, y0 + y - first + 1);
        }
      }
      REQUIRE(!box.empty());
      options.cells = {{box, {}}};
      const auto cell = whiten<float>(frame.image.view(), sources, options);
      double largest = 0.0;
      for (int y = box.y0; y < box.y1; ++y) {
        for (int x = box.x0; x < box.x1; ++x) {
          largest = std::max<double>(
              largest, std::abs(cell.image(y, x) - sample.whitened(first + y - y0, x - x0)));
        }
      }
      // Two parts share a transform in single precision.
      CHECK(largest < 1e-5);
      ++parts;
      rows += 32;
    }
    CHECK(parts == 16);
  }
}

TEST_CASE("parts of an image that is white already are where those of the image are") {
  for (const Shape shape : {Shape{1301, 1459}, {301, 417}}) {
    Frame frame(shape);
    const auto options = frame.options();
    const auto whole = whiten<float>(frame.image.view(), frame.sources(), options);
    const auto sample = sample_of<float>(whole.image.view(), whole.variance.view(),
                                         whole.filter_edge.view(), options);
    const auto whitened =
        whiten_sample<float>(Plane<float>(frame.image.view()), frame.sources(), options);
    REQUIRE(sample.parts.size() == whitened.parts.size());
    double usable = 0.0;
    for (std::size_t n = 0; n < sample.parts.size(); ++n) {
      const auto& [box, center] = sample.parts[n];
      REQUIRE(box == whitened.parts[n].box);
      REQUIRE(center == whitened.parts[n].center);
      const Point middle = box.center();
      const int dx = static_cast<int>(center.x - options.xy0.x - middle.x);
      const int dy = static_cast<int>(center.y - options.xy0.y - middle.y);
      for (int y = box.y0; y < box.y1; ++y) {
        for (int x = box.x0; x < box.x1; ++x) {
          REQUIRE(sample.whitened(y, x) == whole.image(y + dy, x + dx));
          REQUIRE(sample.variance(y, x) == whole.variance(y + dy, x + dx));
          REQUIRE(sample.usable(y, x) ==
                  (!whole.filter_edge(y + dy, x + dx) && frame.mask(y + dy, x + dx) == 0));
          usable += sample.usable(y, x);
        }
      }
    }
    // None between the parts.
    CHECK(usable == test::sum(sample.usable));
  }
  Frame frame({301, 417});
  const auto whole = whiten<float>(frame.image.view(), frame.sources(), frame.options());
  CHECK_THROWS_AS(
      sample_of<float>(whole.image.view(), test::constant<float>({301, 416}, 1.0F).view(),
                       whole.filter_edge.view(), frame.options()),
      std::invalid_argument);
}

TEST_CASE("a sample has about as many pixels as it is asked for") {
  Frame frame({1301, 1459});
  for (const double pixels : {2.5e5, 1e6, 4e6}) {
    const auto sample = whiten_sample<float>(Plane<float>(frame.image.view()), frame.sources(),
                                             frame.options(), pixels);
    const double most = std::min<double>(pixels, 1301.0 * 1459.0);
    // Sides are multiples of 32; one pixel in a hundred is masked, and the filter's edge is no
    // part.
    CHECK(test::sum(sample.usable) == doctest::Approx(most).epsilon(0.08));
  }
}

TEST_CASE("boxes have pixels however few are asked for") {
  Frame frame({300, 310});
  const auto sample = whiten_sample<float>(Plane<float>(frame.image.view()), frame.sources(),
                                           frame.options(), 100.0);
  CHECK(test::sum(sample.usable) > 100);
}

TEST_CASE("parts of an image have all phases of what has a period") {
  const Shape shape{2050, 2301};
  for (const double period : {256.0, 512.0, 575.0, 1024.0}) {
    for (const double phase : {0.0, 0.25, 0.5, 0.75}) {
      const auto wave = [&](int x) {
        return static_cast<float>(1.0 + std::cos(2.0 * std::numbers::pi * (x / period + phase)));
      };
      Image<float> image(shape);
      double mean = 0.0;
      for (int y = 0; y < shape.height; ++y) {
        for (int x = 0; x < shape.width; ++x) {
          image(y, x) = wave(y) * wave(x);
          mean += image(y, x) / static_cast<double>(shape.size());
        }
      }
      const auto sample =
          sample_of<float>(image.view(), test::constant<float>(shape, 1.0F).view(),
                           test::constant<std::uint8_t>(shape, 0).view(), WhitenOptions());
      CAPTURE(period);
      CAPTURE(phase);
      // 16 places of boxes of 256 pixels; were all in one phase of y and x it would be up to 2.7.
      CHECK(test::sum(sample.whitened) / test::sum(sample.usable) ==
            doctest::Approx(mean).epsilon(0.3));
    }
  }
}

TEST_CASE("planes on the disk give the same bits, on any number of threads") {
  Frame frame({1301, 1459});
  auto options = frame.options();
  options.n_threads = 1;
  const auto expected =
      whiten_sample<float>(Plane<float>(frame.image.view()), frame.sources(), options);
  auto sources = frame.sources();
  sources[1].variance = test::reading(frame.variance);
  options.mask = test::reading(frame.mask);
  options.n_threads = 3;
  const auto sample = whiten_sample<float>(test::reading(frame.image), sources, options);
  CHECK(test::same_bits(sample.whitened, expected.whitened));
  CHECK(test::same_bits(sample.variance, expected.variance));
  CHECK(test::same_bits(sample.usable, expected.usable));
}
