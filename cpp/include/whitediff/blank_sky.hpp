#pragma once

#include <cstdint>

#include "whitediff/export.hpp"
#include "whitediff/image.hpp"

namespace whitediff {

/// Pixels of an image that hold noise alone.
struct BlankSky {
  Image<std::uint8_t> usable;  ///< 1 where a pixel is usable and away from sources, else 0.
  double center = 0.0;         ///< The median of those.
  double sigma = 0.0;          ///< 0.741 times their interquartile range.
};

/// Finds the usable pixels away from sources.
///
/// Pixels more than 4.5 sigma from the median, in the image or in the image smoothed to the size of
/// a star (through boxes of three by three pixels, four times), are taken for sources and left out
/// with four pixels around them. Pixels that are finite but not usable count as sources too: their
/// wings may reach beyond what a mask covers. Quartiles are those of some 30 000 pixels.
/// @param noise   in units of its standard deviation.
/// @param usable  other than 0: the pixel may be used if it is finite; of the shape of the image.
/// @param surroundings  whether pixels around those that are not usable, or not finite, are left
/// out
///                      as well.
/// @param n_threads  0: all cores that the process may use. Never changes the result.
/// @throws std::invalid_argument if shapes differ, or no such pixel is there.
template <class T>
WHITEDIFF_EXPORT BlankSky blank_sky(ImageView<const T> noise, ImageView<const std::uint8_t> usable,
                                    bool surroundings, int n_threads = 0);

/// An image in units of its noise: over the root of its variance, which is the mean over the usable
/// pixels of blocks of 32 by 32. A variance plane that follows the phases of a warp, or the noise
/// of its own image, is not the noise's to divide by. NaN where the variance is not known.
/// @param variance  of the shape of the image; known where it is positive, finite and at most 1e10
///                  times the median, which is that of some 10 000 pixels.
/// @param usable    as for blank_sky.
template <class T>
WHITEDIFF_EXPORT Image<T> in_units_of_noise(ImageView<const T> image, ImageView<const T> variance,
                                            ImageView<const std::uint8_t> usable,
                                            int n_threads = 0);

/// The same into pixels that are there already, which may be those of the image.
/// @param noise  of the shape of the image.
template <class T>
WHITEDIFF_EXPORT void in_units_of_noise(ImageView<const T> image, ImageView<const T> variance,
                                        ImageView<const std::uint8_t> usable, ImageView<T> noise,
                                        int n_threads = 0);

}  // namespace whitediff
