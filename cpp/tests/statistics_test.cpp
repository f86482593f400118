#include "support.hpp"

using namespace whitediff;

namespace {

/// The definition, with sorted values and plain loops.
double clipped_mean_of(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const auto quantile = [&](double fraction) {
    const double rank = fraction * double(values.size() - 1);
    const auto lower = static_cast<std::size_t>(rank);
    const auto upper = std::min(lower + 1, values.size() - 1);
    return std::lerp(values[lower], values[upper], rank - double(lower));
  };
  double center = quantile(0.5);
  double sigma = 0.741 * (quantile(0.75) - quantile(0.25));
  for (int round = 0; round < 3; ++round) {
    std::vector<double> kept;
    for (const double value : values) {
      if (std::abs(value - center) <= 3.0 * sigma) kept.push_back(value);
    }
    if (kept.empty()) break;
    // Of offsets, whose sum loses less to rounding than that of the values.
    double offsets = 0.0;
    for (const double value : kept) offsets += value - center;
    center += offsets / double(kept.size());
    double squares = 0.0;
    for (const double value : kept) squares += (value - center) * (value - center);
    sigma = std::sqrt(squares / double(kept.size()));
  }
  return center;
}

}  // namespace

TEST_CASE_TEMPLATE("the clipped mean follows its definition", T, float, double) {
  for (const Shape shape : {Shape{1, 1}, {1, 2}, {3, 5}, {37, 53}}) {
    auto plane = test::noise<T>(shape, 8);
    for (std::size_t i = 0; i < shape.size(); i += 17) plane.data()[i] += T(40);
    const ClippedMean got = clipped_mean<T>(plane.view());
    CHECK(clipped_mean<T>(plane.view(), {}, 3).mean == got.mean);
    const std::vector<double> values(plane.data(), plane.data() + shape.size());
    // The same sums in another order.
    CHECK(got.mean == doctest::Approx(clipped_mean_of(values)).epsilon(1e-12));
    CHECK(got.used == shape.size());
  }
}

TEST_CASE_TEMPLATE("large planes of any distribution follow the definition", T, float, double) {
  // More pixels than are ordered at once, with fewer and with all bins.
  for (const Shape shape : {Shape{97, 103}, {211, 701}}) {
    std::mt19937 generator(13);
    std::normal_distribution<double> normal;
    const auto check = [&](const char* name, const auto& value_of) {
      CAPTURE(name);
      CAPTURE(to_string(shape));
      Image<T> plane(shape);
      for (std::size_t i = 0; i < shape.size(); ++i) plane.data()[i] = T(value_of(double(i)));
      const std::vector<double> values(plane.data(), plane.data() + shape.size());
      const auto [least, greatest] = std::minmax_element(values.begin(), values.end());
      const ClippedMean got = clipped_mean<T>(plane.view());
      const double expected = clipped_mean_of(values);
      // The same sums in another order: roundings of 150000 additions, and of the result.
      const double rounding =
          1e-10 * std::min(*greatest - *least, 100.0) + 1e-15 * std::abs(expected);
      CHECK(std::abs(got.mean - expected) <= rounding);
      CHECK(got.used == shape.size());
      CHECK(clipped_mean<T>(plane.view(), {}, 3).mean == got.mean);
    };
    check("noise", [&](double) { return normal(generator); });
    check("noise far from zero", [&](double) { return 1e6 + normal(generator); });
    check("whole numbers", [&](double) { return std::round(3.0 * normal(generator)); });
    check("heavy tails", [&](double) { return normal(generator) / normal(generator); });
    check("a skew", [&](double) { return std::exp(2.0 * normal(generator)); });
    check("a gradient with stars", [&](double i) {
      return 1e-4 * i + normal(generator) + (std::fmod(i, 50.0) == 0.0 ? 1e4 : 0.0);
    });
    check("two values", [&](double i) { return std::fmod(i, 3.0) == 0.0 ? 5.0 : 1.0; });
    check("two halves", [&](double i) { return std::fmod(i, 2.0) == 0.0 ? 5.0 : 1.0; });
    check("two peaks", [&](double i) { return 100.0 * std::fmod(i, 2.0) + normal(generator); });
    check("mostly one value", [&](double i) { return std::fmod(i, 10.0) == 0.0 ? i : 0.1; });
    check("one value", [&](double) { return 0.1; });
  }
}

TEST_CASE("outliers do not count") {
  auto plane = test::noise<double>({64, 65}, 9);
  const double before = clipped_mean<double>(plane.view()).mean;
  plane(5, 5) = 1e9;
  plane(6, 60) = -1e9;
  // Two of 4160 values of size one are left out.
  CHECK(std::abs(clipped_mean<double>(plane.view()).mean - before) < 1e-2);
}

TEST_CASE("a constant plane keeps its value") {
  const auto plane = test::constant<float>({7, 9}, 0.1f);
  CHECK(clipped_mean<float>(plane.view()).mean == double(0.1f));
}

TEST_CASE("masked and non-finite pixels are left out") {
  auto plane = test::constant<double>({5, 7}, 2.0);
  Image<std::int32_t> mask(plane.shape());
  const double infinity = std::numeric_limits<double>::infinity();
  plane(0, 0) = infinity;
  plane(0, 1) = -infinity;
  plane(0, 2) = std::numeric_limits<double>::quiet_NaN();
  plane(1, 1) = -5.0;
  mask(1, 1) = 0b101;
  mask(2, 2) = 0b010;
  const auto with = [&](std::int32_t ignore) {
    return clipped_mean<double>(plane.view(), {mask.view(), ignore});
  };
  CHECK(with(0b100).used == 31);
  CHECK(with(0b110).used == 30);
  CHECK(with(0).used == 32);
  CHECK(with(0b100).mean == 2.0);
}

TEST_CASE("a plane without a usable pixel has no mean") {
  const auto plane = test::constant<float>({3, 3}, std::numeric_limits<float>::quiet_NaN());
  const ClippedMean got = clipped_mean<float>(plane.view());
  CHECK(std::isnan(got.mean));
  CHECK(got.used == 0);
}

TEST_CASE("values that leave nothing inside three sigma end at their median") {
  // Half of the values at either end of a gap: the median lies between them, and sigma is theirs.
  const double values[] = {0.0, 0.0, 0.0, 0.0, 0.0, 1.0};
  CHECK(clipped_mean<double>(ImageView<const double>(values, {1, 6})).mean == 0.0);
}

TEST_CASE("a mask of another shape is refused") {
  const auto plane = test::constant<double>({3, 4}, 1.0);
  const Image<std::int32_t> mask({4, 3});
  CHECK_THROWS_WITH_AS(clipped_mean<double>(plane.view(), {mask.view(), 1}),
                       "mask must have shape (3, 4), that of the plane, got (4, 3)",
                       std::invalid_argument);
}

TEST_CASE_TEMPLATE("a plane that is read has the statistics of one in memory", T, float, double) {
  // One pixel, part of a band of 64 rows, just one, one and a row, several; the larger ones have
  // more pixels than are ordered at once.
  for (const Shape shape : {Shape{1, 1}, {1, 37}, {64, 3}, {65, 1}, {129, 71}, {333, 147}}) {
    CAPTURE(to_string(shape));
    auto plane = test::noise<T>(shape, 10);
    Image<std::int32_t> mask(shape);
    for (std::size_t i = 0; i < shape.size(); ++i) {
      if (i % 29 == 3) plane.data()[i] = std::numeric_limits<T>::quiet_NaN();
      if (i % 31 == 4) plane.data()[i] = -std::numeric_limits<T>::infinity();
      if (i % 37 == 5) plane.data()[i] = T(1e6);
      mask.data()[i] = i % 11 == 6 ? 3 : i % 13 == 7 ? 8 : 0;
    }
    for (const std::int32_t ignore : {0, 2, 10}) {
      const ClippedMean expected = clipped_mean<T>(plane.view(), {mask.view(), ignore});
      REQUIRE(expected.used > 0);
      for (const int threads : {1, 2, 5}) {
        const PixelMask read{test::reading(mask), ignore};
        for (const ClippedMean& got :
             {clipped_mean<T>(test::reading(plane), read, threads),
              clipped_mean<T>(plane.view(), read, threads),
              clipped_mean<T>(test::reading(plane), {mask.view(), ignore}, threads)}) {
          CHECK(got.mean == expected.mean);
          CHECK(got.used == expected.used);
        }
      }
    }
  }
}

TEST_CASE("a plane is read twice, some bands at a time") {
  const Shape shape{1000, 53};
  const auto plane = test::noise<float>(shape, 11);
  std::vector<Rows> calls;
  clipped_mean<float>(test::reading(plane, &calls), {}, 2);
  int rows = 0, highest = 0;
  for (const Rows& call : calls) {
    rows += call.count();
    highest = std::max(highest, call.count());
  }
  // And a sample of some 32 rows.
  CHECK(rows <= 2 * shape.height + 40);
  // A band of 64 rows for either thread.
  CHECK(highest == 128);
}

TEST_CASE("what a reader throws ends statistics") {
  struct Unreadable {};
  const auto image = test::noise<double>({300, 50}, 12);
  int allowed = 0;
  const Plane<double> plane(image.shape(), [&](const Rows& rows) {
    if (--allowed < 0) throw Unreadable();
    return ImageView<const double>(image.row(rows.begin), {rows.count(), 50}, 50 * rows.step);
  });
  // One call for a sample, and three for each of two passes on two threads.
  for (const int calls : {0, 1, 3, 4, 6}) {
    allowed = calls;
    CHECK_THROWS_AS(clipped_mean(plane, {}, 2), Unreadable);
  }
  allowed = 7;
  CHECK(clipped_mean(plane, {}, 2).mean == clipped_mean<double>(image.view()).mean);
}

TEST_CASE("a plane without pixels has no mean") {
  CHECK(std::isnan(clipped_mean(Plane<float>()).mean));
}
