#pragma once

#include <cstdint>
#include <vector>

#include "whitediff/whiten.hpp"

namespace whitediff {

/// Images of white noise, one below the other, and how they were made.
template <class T>
struct WhitenedStack {
  std::vector<Whitening> whitenings;  ///< One of all stamps, or one for each.
  Image<T> image, variance;
  Image<std::uint8_t> filter_edge;
};

/// Makes the noise of many images of one shape white, threads taking one after the other. The
/// result is that of `whiten` for each of them, bit by bit; stamps that share their sources are
/// planned once, and share their filters.
/// @param stamps   `count` images, one below the other.
/// @param sources  of all stamps, in memory and of the shape of a stamp; or such ones for each.
/// @param options  the mask has the shape of `stamps`, or is empty; `xy0` is that of pixel [0, 0]
///                 of every stamp; progress counts stamps.
/// @throws std::invalid_argument as `whiten`, and if the stamps cannot be of one height, or there
///         are neither sources of all nor of each.
/// @throws Error as `whiten`.
template <class T>
WHITEDIFF_EXPORT WhitenedStack<T> whiten_stack(
    ImageView<const T> stamps, int count, const std::vector<std::vector<NoiseSource<T>>>& sources,
    const WhitenOptions& options = {});

}  // namespace whitediff
