#include "values.hpp"

#include "support.hpp"

using namespace whitediff;

namespace {

using test::infinity;
using test::not_a_number;

const std::vector<double> no_values{not_a_number, infinity, -infinity, 1e30, -1e30};

}  // namespace

TEST_CASE_TEMPLATE("a row has its extremes, and values alone or not", T, float, double) {
  const ValueRule<T> rule;
  for (int size = 1; size < 40; ++size) {
    std::vector<T> row(size);
    for (int x = 0; x < size; ++x) row[x] = static_cast<T>(x * x % 17 - 8);
    const auto [least, greatest] = std::minmax_element(row.begin(), row.end());
    const Extremes<T> found = extremes<T>(row.data(), nullptr, size, rule);
    CHECK(found.complete);
    CHECK(found.least == *least);
    CHECK(found.greatest == *greatest);
    for (const double none : no_values) {
      for (int x = 0; x < size; ++x) {
        const T kept = row[x];
        row[x] = static_cast<T>(none);
        const Extremes<T> with_gap = extremes<T>(row.data(), nullptr, size, rule);
        CHECK_FALSE(with_gap.complete);
        CHECK((size == 1 || with_gap.least >= *std::min_element(row.begin(), row.end()) ||
               std::isnan(none)));
        CHECK(with_gap.reach({}, {}) <= 8.0);
        row[x] = kept;
      }
    }
  }
}

TEST_CASE("bits of a mask make gaps, others do not") {
  const std::vector<double> row{1.0, 9.0, 2.0};
  const std::vector<std::int32_t> bits{1, 6, 0};
  ValueRule<double> rule;
  rule.no_value = 4;
  const auto found = extremes(row.data(), bits.data(), 3, rule);
  CHECK_FALSE(found.complete);
  CHECK(found.greatest == 2.0);
  rule.no_value = 8;
  CHECK(extremes(row.data(), bits.data(), 3, rule).complete);
}

TEST_CASE("extremes of rows add up; without any value nothing is far from a level") {
  Extremes<float> all(100.0f);
  const auto reach = [&all](double level) { return all.reach({level, 0.0, 0.0, {}}, {}); };
  CHECK(reach(5.0) == 0.0);
  const float low = -3.0f, high = 7.0f;
  all.add(extremes(&low, nullptr, 1, ValueRule<float>{100.0f}));
  all.add(extremes(&high, nullptr, 1, ValueRule<float>{100.0f}));
  CHECK(reach(1.0) == 6.0);
  CHECK(reach(5.0) == 8.0);
  // A level that rises by 20 over the box may be 10 more or less at its ends.
  CHECK(all.reach({1.0, 2.0, 0.0, {}}, {0, 0, 10, 50}) == 16.0);
  CHECK(all.complete);
}

TEST_CASE_TEMPLATE("numbers lie between limits, of which the upper belongs to them", T, float,
                   double) {
  std::vector<T> row(37, T(2));
  CHECK(all_between(row.data(), 37, T(0), T(2)));
  for (const double none : {0.0, -1.0, 3.0, not_a_number, infinity}) {
    for (const int x : {0, 15, 36}) {
      row[x] = static_cast<T>(none);
      CHECK_FALSE(all_between(row.data(), 37, T(0), T(2)));
      row[x] = T(1);
    }
  }
}

TEST_CASE_TEMPLATE("the level of a box is that of its sky", T, float, double) {
  auto image = test::noise<T>({120, 150}, 9);
  const Box box{10, 5, 140, 118};
  Image<std::int32_t> mask(image.shape());
  fft::Room<T> room;
  const auto level = [&](std::int32_t ignore, std::size_t count = 4096) {
    const Level found =
        level_of<T>(image.view(), mask.view(), ignore, ValueRule<T>(), box, count, infinity, room);
    CHECK((found.dx == 0.0 && found.dy == 0.0 && found.about == box.center()));
    return found.middle;
  };
  // The error of a median of 3600 deviates is 0.02.
  CHECK(std::abs(level(0)) < 0.1);
  for (int y = 20; y < 60; ++y) {
    for (int x = 20; x < 60; ++x) {
      image(y, x) = T(1e6);
      mask(y, x) = 2;
    }
  }
  // A star on an eighth of the pixels shifts a median by 0.14, a mean by 1e5.
  CHECK(std::abs(level(0)) < 0.3);
  CHECK(std::abs(level(2)) < 0.1);
  for (int y = 0; y < 120; ++y) {
    for (int x = 0; x < 150; ++x) {
      if (y != 77) image(y, x) = static_cast<T>(y % 2 ? not_a_number : 1e30);
      if (y == 77) image(y, x) = T(12);
    }
  }
  // Found though a sparse sample misses the only row that has values.
  CHECK(level(0, 64) == T(12));
  std::fill_n(mask.data(), mask.shape().size(), 2);
  CHECK(level(2) == T(12));
  std::fill_n(image.data(), image.shape().size(), T(infinity));
  CHECK(level(0) == T(0));
}

TEST_CASE("the level of a box is the median of its values, whatever a sample of them says") {
  const Shape shape{31, 32};
  const int size = static_cast<int>(shape.size());
  const Image<double> noise = test::noise<double>(shape, 5);
  fft::Room<double> room;
  const auto check = [&](const auto& value) {
    Image<double> image(shape);
    for (int n = 0; n < size; ++n) image.data()[n] = value(n);
    std::vector<double> sorted(image.data(), image.data() + size);
    std::sort(sorted.begin(), sorted.end());
    const Level level =
        level_of<double>(image.view(), {}, 0, ValueRule<double>(),
                         {0, 0, shape.width, shape.height}, shape.size(), infinity, room);
    CHECK(level.middle == sorted[size / 2]);
  };
  check([&](int n) { return noise.data()[n]; });
  check([&](int n) { return std::exp(8.0 * noise.data()[n]); });
  check([](int n) { return n; });
  check([](int) { return 3.0; });
  check([](int n) { return n % 2; });
  // Every 31st of them is taken for the sample.
  check([](int n) { return n % 31 == 0 ? 1e6 + n : n; });
  check([](int n) { return n % 31 == 0 ? -1e6 : n; });
}

TEST_CASE_TEMPLATE("the level of a box follows a slope, and no star", T, float, double) {
  auto image = test::noise<T>({130, 170}, 4);
  const Box box{20, 10, 160, 120};
  for (int y = 0; y < 130; ++y) {
    for (int x = 0; x < 170; ++x) image(y, x) += static_cast<T>(300 + 0.7 * x - 1.3 * y);
  }
  fft::Room<T> room;
  const auto check = [&](double tolerance) {
    const Level level =
        level_of<T>(image.view(), {}, 0, ValueRule<T>(), box, std::size_t{1} << 11, 0.25, room);
    for (const int y : {10, 64, 119}) {
      for (const int x : {20, 90, 159}) {
        CHECK(std::abs(level.at(x, y) - (300 + 0.7 * x - 1.3 * y)) < tolerance);
        const Ramp<double> row = level.row<double>(30, y);
        CHECK(row.first + row.step * (x - 30) == doctest::Approx(level.at(x, y)));
      }
    }
  };
  // Medians of a thousand values each err by 0.04 of their scatter, which the slope of 180 leaves
  // at some 5 after the first round.
  check(1.0);
  for (int y = 40; y < 60; ++y) {
    for (int x = 40; x < 60; ++x) image(y, x) += T(1e5);
  }
  check(2.0);
  // Less than the least rise from the middle to the edge is none.
  const Level level = level_of<T>(image.view(), {}, 0, ValueRule<T>(), box, 2048, 60.0, room);
  CHECK(level.dx == 0.0);
  CHECK(level.dy == doctest::Approx(-1.3).epsilon(0.05));
}
