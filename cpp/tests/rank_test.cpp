#include "rank.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "support.hpp"

using namespace whitediff;

TEST_CASE_TEMPLATE("a rank has its value, in however many parts the values come", T, float,
                   double) {
  using Limits = std::numeric_limits<T>;
  const Image<T> noise = test::noise<T>({31, 33}, 5);
  const auto check = [&](const auto& value) {
    for (const std::size_t size : {1u, 2u, 31u, 64u, 65u, 1023u}) {
      std::vector<T> values(size);
      for (std::size_t n = 0; n < size; ++n) values[n] = static_cast<T>(value(n));
      std::vector<T> sorted = values;
      std::sort(sorted.begin(), sorted.end());
      const std::span<const T> all(values);
      const std::vector<std::span<const T>> one{all},
          three{all.first(size / 3), all.subspan(size / 3), {}};
      for (const std::size_t rank : {std::size_t{0}, size / 4, size / 2, size - 1}) {
        CHECK(value_at(std::span(one), static_cast<std::int64_t>(rank)) == sorted[rank]);
        CHECK(value_at(std::span(three), static_cast<std::int64_t>(rank)) == sorted[rank]);
      }
    }
  };
  check([&](std::size_t n) { return noise.data()[n]; });
  check([&](std::size_t n) { return std::exp(25 * noise.data()[n]); });
  check([](std::size_t) { return 3.0; });
  check([](std::size_t n) { return n % 2 ? 0.0 : -1e25; });
  // Halving an interval does not come near the small ones.
  check([](std::size_t n) {
    return n % 8 == 0 ? 1e25 : std::ldexp(1.0, -static_cast<int>(n % 120));
  });
  check([](std::size_t n) { return n % 5 ? Limits::denorm_min() : -Limits::min(); });
}

TEST_CASE("of an even number of values the upper one is the median") {
  const std::vector<double> first{3.0, 1.0}, second{2.0, 7.0};
  CHECK(median<double>({first, second}) == 3.0);
  CHECK(median<double>({first, {}}) == 3.0);
  CHECK(median<double>({second, first, std::span(first).first(1)}) == 3.0);
  CHECK(median<double>({std::span(first).last(1)}) == 1.0);
}
