#pragma once

#include <initializer_list>
#include <span>

namespace whitediff {

/// The value in the middle of finite values in order; of an even number of them, the upper one.
/// @param parts  of the values, which are at least one.
double median(std::initializer_list<std::span<const double>> parts);

}  // namespace whitediff
