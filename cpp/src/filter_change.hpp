#pragma once

#include <cstddef>
#include <vector>

#include "whitediff/filter.hpp"

namespace whitediff {

/// Distance, in pixels, over which the change of a filter is found.
constexpr double derivative_step = 16.0;

/// How fast the filter changes with position: the relative change of |F|^2, rms over k weighted
/// with the power, a pixel.
struct FilterChange {
  double in_x = 0.0, in_y = 0.0;
};

/// The fastest change among some places.
/// @param local  the noise at each place, then `derivative_step` away from there in x, then in y.
FilterChange fastest_change(const NoiseModel::Batch& local, const FilterOptions& options,
                            int threads);

}  // namespace whitediff
