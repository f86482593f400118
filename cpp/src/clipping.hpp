#pragma once

#include <vector>

#include "taken_pixels.hpp"

namespace whitediff {

/// How far from its level a pixel is taken, in standard deviations of those that are.
constexpr double clip_sigmas = 4.0;

/// The usable pixels within limits that tighten, about planes through parts of an image: a sky that
/// rises is no noise that pixels share. Parts are cut into boxes of some 256 pixels a side, with a
/// plane each; where fewer than 1000 are usable it is a constant.
/// @throws std::invalid_argument if there are no two different ones.
template <class T>
TakenPixels<T> clipped(ImageView<const T> noise, ImageView<const std::uint8_t> usable,
                       const std::vector<Box>& parts, int threads);

}  // namespace whitediff
