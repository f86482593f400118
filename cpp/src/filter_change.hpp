#pragma once

#include "whitediff/filter.hpp"

namespace whitediff {

/// Distance, in pixels, over which the change of a filter is found.
constexpr double derivative_step = 16.0;

/// The noise at some places, and `derivative_step` away from each of them in x and in y.
struct SteppedNoise {
  const NoiseModel::Batch& here;
  const NoiseModel::Batch& in_x;
  const NoiseModel::Batch& in_y;
};

/// How fast the filter changes with position: the relative change of |F|^2, rms over k weighted
/// with the power, a pixel.
struct FilterChange {
  double in_x = 0.0, in_y = 0.0;
};

/// The fastest change among the places.
FilterChange fastest_change(const SteppedNoise& noise, const FilterOptions& options, int threads);

}  // namespace whitediff
