#pragma once

#include <cmath>
#include <cstddef>
#include <numbers>

namespace whitediff {

/// Places in 0 .. 1 without a period, however many are taken: samples at even distances might all
/// have one phase of a warp, or be the even ones of rows that alternate.
inline double scattered(std::size_t n, double first = 0.5) {
  return std::fmod(first + static_cast<double>(n) * std::numbers::phi, 1.0);
}

}  // namespace whitediff
