#pragma once

#include <cstdint>
#include <initializer_list>
#include <span>

namespace whitediff {

/// Standard deviation over interquartile range: 1 / 1.349, for a normal distribution.
inline constexpr double sigma_of_iqr = 0.741;

/// The value of a rank among finite values in order, of which the least has rank 0.
/// @param parts  of the values, which are more than `rank`.
template <class T>
T value_at(std::span<const std::span<const T>> parts, std::int64_t rank);

/// The value in the middle of finite values in order; of an even number of them, the upper one.
/// @param parts  of the values, which are at least one.
template <class T>
T median(std::initializer_list<std::span<const T>> parts);

}  // namespace whitediff
