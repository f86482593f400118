#pragma once

#include <vector>

#include "whitediff/filter.hpp"

namespace whitediff {

/// The noise at some places, and a step away from each of them in x and in y.
struct SteppedNoise {
  std::vector<const LocalNoise*> here, in_x, in_y;
};

/// How much the filter changes with a step: the relative change of |F|^2, rms over k weighted with
/// the power.
struct FilterChange {
  double in_x = 0.0, in_y = 0.0;
};

/// The largest change among the places; none among no places.
FilterChange largest_change(const SteppedNoise& noise, const FilterOptions& options, int threads);

}  // namespace whitediff
