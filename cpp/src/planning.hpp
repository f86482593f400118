#pragma once

#include <vector>

#include "whitediff/whiten.hpp"

namespace whitediff {

/// Says where and how a frame is whitened, before any pixel of the image is read: noise, filters'
/// support, border and cells. The noise has a PSF in mode score alone: whitening needs none, and it
/// may be slow to evaluate.
/// @throws std::invalid_argument if cells leave the frame, or a variance has no usable pixel.
template <class T>
Whitening plan(Shape frame, const std::vector<NoiseSource<T>>& sources,
               const WhitenOptions& options);

}  // namespace whitediff
