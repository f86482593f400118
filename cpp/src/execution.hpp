#pragma once

#include <vector>

#include "frame_rows.hpp"
#include "whitediff/whiten.hpp"

namespace whitediff {

/// Filters a frame as planned.
/// @param output  all rows of the frame; zero to begin with, but for an estimated variance.
/// @return Modes with less power than the floor, over all filters.
template <class T>
long execute(const Plane<T>& image, const std::vector<NoiseSource<T>>& sources,
             const WhitenOptions& options, const Whitening& plan, const OutputRows<T>& output);

/// The same in bands of rows; see `whiten_bands`.
template <class T>
long execute(const Plane<T>& image, const std::vector<NoiseSource<T>>& sources,
             const WhitenOptions& options, const Whitening& plan, const WriteRows<T>& write);

}  // namespace whitediff
