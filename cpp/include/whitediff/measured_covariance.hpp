#pragma once

#include <cstddef>
#include <cstdint>

#include "whitediff/image.hpp"

namespace whitediff {

/// The covariance of the noise of an image, measured (docs/mathematics.md, Eq. 19).
struct MeasuredCovariance {
  Image<double> lags;   ///< Odd and square, no lag in the middle; in squared units of the image.
  Image<double> pairs;  ///< How many pairs of pixels each is the mean of; the pixels in the middle.
};

/// Measures how the noise of neighbouring pixels goes together.
///
/// Of the usable pixels those within 4 sigma of the mean are taken, sigma being the standard
/// deviation of what is taken; what a normal distribution loses by that is restored. Pairs are
/// counted out to lag 12; the mean of lags 8 to 12, which is that of structure much wider than a
/// star, is subtracted, and the rest is let go to zero from lag 3 to lag 7.
/// @param noise   in units of its standard deviation, as a rule; sources are nobody's noise.
/// @param usable  other than 0: the pixel is taken; of the shape of the image.
/// @param n_threads  0: usable_cores(). Never changes the result.
/// @throws std::invalid_argument if shapes differ, or fewer than two different pixels are usable.
template <class T>
MeasuredCovariance measure_covariance(ImageView<const T> noise,
                                      ImageView<const std::uint8_t> usable, int n_threads = 0);

}  // namespace whitediff
