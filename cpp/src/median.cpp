#include "median.hpp"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <numeric>
#include <vector>

#include "multiversion.hpp"

namespace whitediff {
namespace {

// Values are counted in loops without branches until so few may be the median, or so often.
constexpr std::int64_t few_values = 8;
constexpr int most_counts = 32;

WHITEDIFF_MULTIVERSION
void widen(const double* values, std::size_t size, double& least, double& greatest) {
  double low = least, high = greatest;
#pragma omp simd reduction(min : low) reduction(max : high)
  for (std::size_t n = 0; n < size; ++n) {
    low = values[n] < low ? values[n] : low;
    high = values[n] > high ? values[n] : high;
  }
  least = low;
  greatest = high;
}

WHITEDIFF_MULTIVERSION
std::int64_t count_below(const double* values, std::size_t size, double limit) {
  std::int64_t count = 0;
  for (std::size_t n = 0; n < size; ++n) count += values[n] < limit ? 1 : 0;
  return count;
}

/// Appends the values of a range, which are few.
WHITEDIFF_MULTIVERSION
void add_between(const double* values, std::size_t size, double least, double greatest,
                 std::vector<double>& found) {
  constexpr std::size_t block = 16;
  const auto lies_between = [=](double value) __attribute__((always_inline)) {
    return static_cast<int>(value >= least) & static_cast<int>(value <= greatest);
  };
  for (std::size_t first = 0; first < size; first += block) {
    const std::size_t end = std::min(first + block, size);
    int any = 0;
    for (std::size_t n = first; n < end; ++n) any |= lies_between(values[n]);
    for (std::size_t n = first; any && n < end; ++n) {
      if (lies_between(values[n])) found.push_back(values[n]);
    }
  }
}

}  // namespace

double median(std::initializer_list<std::span<const double>> parts) {
  // The median is at least `least`, below which there are so many, and at most `greatest`.
  double least = std::numeric_limits<double>::infinity(), greatest = -least;
  std::int64_t below = 0, up_to = 0;
  for (const auto& part : parts) {
    widen(part.data(), part.size(), least, greatest);
    up_to += static_cast<std::int64_t>(part.size());
  }
  const std::int64_t middle = up_to / 2;
  for (int n = 0; n < most_counts && up_to - below > few_values; ++n) {
    const double half = std::midpoint(least, greatest);
    std::int64_t count = 0;
    for (const auto& part : parts) count += count_below(part.data(), part.size(), half);
    if (count <= middle) {
      least = half;
      below = count;
    } else {
      greatest = half;
      up_to = count;
    }
  }
  std::vector<double> between;
  between.reserve(2 * few_values);
  for (const auto& part : parts) {
    add_between(part.data(), part.size(), least, greatest, between);
  }
  const auto at = between.begin() + (middle - below);
  std::nth_element(between.begin(), at, between.end());
  return *at;
}

}  // namespace whitediff
