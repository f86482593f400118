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
        CHECK(with_gap.reach(T(0)) <= T(8));
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
  CHECK(all.reach(5.0f) == 0.0f);
  const float low = -3.0f, high = 7.0f;
  all.add(extremes(&low, nullptr, 1, ValueRule<float>{100.0f}));
  all.add(extremes(&high, nullptr, 1, ValueRule<float>{100.0f}));
  CHECK(all.reach(1.0f) == 6.0f);
  CHECK(all.reach(5.0f) == 8.0f);
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
  const auto level = [&](std::int32_t ignore, std::size_t count = 4096) {
    return level_of<T>(image.view(), mask.view(), ignore, ValueRule<T>(), box, count);
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
