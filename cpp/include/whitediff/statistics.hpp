#pragma once

#include <cstdint>

#include "whitediff/export.hpp"
#include "whitediff/plane.hpp"

namespace whitediff {

/// Which pixels statistics leave out: those whose mask has one of the `ignore` bits.
struct PixelMask {
  Plane<std::int32_t> bits;  ///< Of the shape of the image; empty: nothing is masked.
  std::int32_t ignore = 0;

  bool active() const { return !bits.empty() && ignore != 0; }
};

/// Clipped statistics of a plane.
struct ClippedMean {
  double mean = 0.0;     ///< NaN where `used` is 0.
  std::size_t used = 0;  ///< Unmasked values before clipping.
};

/// The mean of the unmasked values after three rounds of 3-sigma clipping
/// (docs/mathematics.md, Eq. 14).
///
/// The first centre is the median and the first sigma 0.741 times the interquartile range (linear
/// interpolation between ranks); later ones are the mean and the standard deviation of what is
/// kept. Rubin's computeVarianceMean takes the same. A plane of more than 2048 pixels is read
/// twice, besides a sample, and few of its pixels are copied: those near quartiles and limits; all
/// of them only if it is distributed in a way that a histogram does not foresee.
/// @param least  values are above it, and at most 1e25: SWarp and SExtractor write 1e30 where they
/// have
///               none.
/// @param n_threads  0: usable_cores(). Never changes the result.
/// @throws std::invalid_argument if the shapes of plane and mask differ.
template <class T>
WHITEDIFF_EXPORT ClippedMean clipped_mean(const Plane<T>& plane, const PixelMask& mask = {},
                                          int n_threads = 1, double least = -1e25);

}  // namespace whitediff
