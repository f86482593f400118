#pragma once

#include <vector>

#include "whitediff/whiten.hpp"

namespace whitediff {

/// Refuses what `whiten` cannot take, as far as arguments alone tell; no pixel is read.
/// @throws std::invalid_argument
template <class T>
void check(const Plane<T>& image, const std::vector<NoiseSource<T>>& sources,
           const WhitenOptions& options);

}  // namespace whitediff
