#pragma once

#include <vector>

#include "frame_rows.hpp"
#include "whitediff/whiten.hpp"

namespace whitediff {

/// What only the filtering of a frame tells.
struct Outcome {
  long clipped_modes = 0;  ///< Modes with less power than the floor, over all filters.
  Unknown unknown;
};

/// Filters a frame as planned.
/// @param output  all rows of the frame; zero to begin with, but for an estimated variance.
template <class T>
Outcome execute(const Plane<T>& image, const std::vector<NoiseSource<T>>& sources,
                const WhitenOptions& options, const Whitening& plan, const OutputRows<T>& output);

/// The same in bands of rows; see `whiten_bands`.
template <class T>
Outcome execute(const Plane<T>& image, const std::vector<NoiseSource<T>>& sources,
                const WhitenOptions& options, const Whitening& plan, const WriteRows<T>& write);

}  // namespace whitediff
