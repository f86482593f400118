#pragma once

#include <vector>

#include "filter_change.hpp"
#include "whitediff/whiten.hpp"

namespace whitediff {

// What is to be known of the filters of a frame before it is cut into cells. It is remembered for
// the next frames with the same noise, such as stamps; places with the same noise count once.

struct FilterSurvey {
  FilterSupport support;
  int border = 0;  ///< What a cell must read beyond its box.
};

/// What the filters at some places need.
FilterSurvey survey_filters(const std::vector<const LocalNoise*>& noises,
                            const FilterOptions& options, VariancePropagation variance,
                            int threads);

/// What `largest_change` gives.
FilterChange survey_change(const SteppedNoise& noise, const FilterOptions& options, int threads);

}  // namespace whitediff
