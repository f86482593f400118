#include "median.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "support.hpp"

using namespace whitediff;

namespace {

double sorted_middle(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

}  // namespace

TEST_CASE("a median is the value in the middle, in however many parts the values come") {
  const Image<double> noise = test::noise<double>({31, 33}, 5);
  const auto check = [&](const auto& value) {
    for (const std::size_t size : {1u, 2u, 31u, 64u, 65u, 1023u}) {
      std::vector<double> values(size);
      for (std::size_t n = 0; n < size; ++n) values[n] = value(n);
      const std::span<const double> all(values);
      CHECK(median({all}) == sorted_middle(values));
      CHECK(median({all.first(size / 3), all.subspan(size / 3), {}}) == sorted_middle(values));
    }
  };
  check([&](std::size_t n) { return noise.data()[n]; });
  check([&](std::size_t n) { return std::exp(300.0 * noise.data()[n]); });
  check([](std::size_t) { return 3.0; });
  check([](std::size_t n) { return n % 2 ? 0.0 : -1e25; });
  // Halving an interval does not come near the small ones.
  check([](std::size_t n) { return n % 8 == 0 ? 1e25 : std::ldexp(1.0, -static_cast<int>(n)); });
  check([](std::size_t n) { return n % 5 ? std::numeric_limits<double>::denorm_min() : -1e-300; });
}
