#pragma once

#include <cmath>

#include "whitediff/image.hpp"

namespace whitediff {

/// Of the pixels of a kernel, and of their absolute values.
struct KernelSums {
  double plain = 0.0, absolute = 0.0;
};

inline KernelSums sums_of(ImageView<const double> kernel) {
  KernelSums sums;
  for (int v = 0; v < kernel.height(); ++v) {
    for (int u = 0; u < kernel.width(); ++u) {
      sums.plain += kernel(v, u);
      sums.absolute += std::abs(kernel(v, u));
    }
  }
  return sums;
}

/// Of the sum of absolute values: what remains of a sum of zero in single precision is less.
inline constexpr double least_sum = 1e-6;

}  // namespace whitediff
