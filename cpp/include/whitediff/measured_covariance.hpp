#pragma once

#include <cstdint>

#include "whitediff/export.hpp"
#include "whitediff/image.hpp"

namespace whitediff {

/// Covariances of pixels that lie (y, x) apart, measured on an image.
struct MeasuredCovariance {
  Image<double> lags;   ///< Odd and square, no lag in the middle; in squared units of the image.
  Image<double> pairs;  ///< How many pairs of pixels each is the mean of; the pixels in the middle.
};

/// The longest lag that `noise_covariance` looks at.
constexpr int longest_lag = 12;

/// Measures how neighbouring pixels go together.
///
/// Of the usable pixels those within 4 sigma of the mean are taken, sigma being the standard
/// deviation of what is taken; what a normal distribution loses by that is restored. Every lag is
/// the mean over its pairs; 0 where there is none.
/// @param noise   in units of its standard deviation, as a rule; sources are nobody's noise.
/// @param usable  other than 0: the pixel is taken; of the shape of the image.
/// @param largest_lag  in pixels, at least 1.
/// @param n_threads  0: usable_cores(). Never changes the result.
/// @throws std::invalid_argument if shapes differ, or fewer than two different pixels are usable.
template <class T>
WHITEDIFF_EXPORT MeasuredCovariance autocovariance(ImageView<const T> noise,
                                                   ImageView<const std::uint8_t> usable,
                                                   int largest_lag = longest_lag,
                                                   int n_threads = 0);

/// The part of an autocovariance that is noise (docs/mathematics.md, Eq. 19): the mean of lags 8 to
/// 12, which is that of structure much wider than a star, is subtracted, and the rest is let go to
/// zero from lag 3 to lag 7.
/// @param measured  out to lag 12 at least; lags beyond are left out.
/// @throws std::invalid_argument if it does not reach so far.
WHITEDIFF_EXPORT MeasuredCovariance noise_covariance(const MeasuredCovariance& measured);

}  // namespace whitediff
