#include "rank.hpp"

#include <algorithm>
#include <limits>
#include <numeric>
#include <type_traits>
#include <vector>

#include "multiversion.hpp"

namespace whitediff {
namespace {

// Values are counted in loops without branches until so few may have the rank, or so often.
constexpr std::int64_t few_values = 8;
constexpr int most_counts = 32;

#define WHITEDIFF_FOR_BOTH(T)                                                                     \
  WHITEDIFF_MULTIVERSION void widen(const T* values, std::size_t size, T& least, T& greatest) {   \
    widen_by(values, size, least, greatest);                                                      \
  }                                                                                               \
  WHITEDIFF_MULTIVERSION std::int64_t count_below(const T* values, std::size_t size, T limit) {   \
    return below(values, size, limit);                                                            \
  }                                                                                               \
  WHITEDIFF_MULTIVERSION void add_between(const T* values, std::size_t size, T least, T greatest, \
                                          std::vector<T>& found) {                                \
    add_what_lies_between(values, size, least, greatest, found);                                  \
  }

template <class T>
WHITEDIFF_ALWAYS_INLINE void widen_by(const T* values, std::size_t size, T& least, T& greatest) {
  T low = least, high = greatest;
#pragma omp simd reduction(min : low) reduction(max : high)
  for (std::size_t n = 0; n < size; ++n) {
    low = values[n] < low ? values[n] : low;
    high = values[n] > high ? values[n] : high;
  }
  least = low;
  greatest = high;
}

template <class T>
WHITEDIFF_ALWAYS_INLINE std::int64_t below(const T* values, std::size_t size, T limit) {
  // Counts of the width of the values are as many at once.
  using Count = std::conditional_t<sizeof(T) == sizeof(std::int32_t), std::int32_t, std::int64_t>;
  constexpr std::size_t most = std::size_t{1} << 30;
  std::int64_t total = 0;
  for (std::size_t first = 0; first < size; first += most) {
    const std::size_t end = std::min(first + most, size);
    Count count = 0;
    for (std::size_t n = first; n < end; ++n) count += values[n] < limit ? 1 : 0;
    total += count;
  }
  return total;
}

/// Appends the values of a range, which are few.
template <class T>
WHITEDIFF_ALWAYS_INLINE void add_what_lies_between(const T* values, std::size_t size, T least,
                                                   T greatest, std::vector<T>& found) {
  constexpr std::size_t block = 16;
  const auto lies_between = [=](T value) __attribute__((always_inline)) {
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

WHITEDIFF_FOR_BOTH(float)
WHITEDIFF_FOR_BOTH(double)
#undef WHITEDIFF_FOR_BOTH

}  // namespace

template <class T>
T value_at(std::span<const std::span<const T>> parts, std::int64_t rank) {
  // It is at least `least`, below which there are so many, and at most `greatest`.
  T least = std::numeric_limits<T>::infinity(), greatest = -least;
  std::int64_t below = 0, up_to = 0;
  for (const auto& part : parts) {
    widen(part.data(), part.size(), least, greatest);
    up_to += static_cast<std::int64_t>(part.size());
  }
  for (int n = 0; n < most_counts && up_to - below > few_values; ++n) {
    const T half = std::midpoint(least, greatest);
    std::int64_t count = 0;
    for (const auto& part : parts) count += count_below(part.data(), part.size(), half);
    if (count <= rank) {
      least = half;
      below = count;
    } else {
      greatest = half;
      up_to = count;
    }
  }
  std::vector<T> between;
  between.reserve(2 * few_values);
  for (const auto& part : parts) {
    add_between(part.data(), part.size(), least, greatest, between);
  }
  const auto at = between.begin() + (rank - below);
  std::nth_element(between.begin(), at, between.end());
  return *at;
}

template <class T>
T median(std::initializer_list<std::span<const T>> parts) {
  std::int64_t count = 0;
  for (const auto& part : parts) count += static_cast<std::int64_t>(part.size());
  return value_at(std::span(parts.begin(), parts.size()), count / 2);
}

template float value_at(std::span<const std::span<const float>>, std::int64_t);
template double value_at(std::span<const std::span<const double>>, std::int64_t);
template float median(std::initializer_list<std::span<const float>>);
template double median(std::initializer_list<std::span<const double>>);

}  // namespace whitediff
