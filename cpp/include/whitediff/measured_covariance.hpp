#pragma once

#include <cstdint>
#include <vector>

#include "whitediff/export.hpp"
#include "whitediff/image.hpp"

namespace whitediff {

/// Covariances of pixels that lie (y, x) apart, measured on an image.
struct MeasuredCovariance {
  Image<double> lags;   ///< Odd and square, no lag in the middle; in squared units of the image.
  Image<double> pairs;  ///< How many pairs of pixels each is the mean of; the pixels in the middle.
  /// The mean over all pairs that lie 8 to 12 pixels apart, in the greater of y and x: that of
  /// structure much wider than a star.
  double plateau = 0.0;
  double far_pairs = 0.0;  ///< How many these are, each counted twice.
};

/// Of an image, and of parts of it.
struct LocalCovariances {
  MeasuredCovariance whole;  ///< Of all parts together.
  std::vector<MeasuredCovariance> parts;
};

/// The longest lag that is taken for noise.
constexpr int noise_reach = 6;

/// Measures how neighbouring pixels go together, in parts of an image.
///
/// Of the usable pixels those within 4 sigma of the mean are taken, sigma being the standard
/// deviation of what is taken in the whole image; what a normal distribution loses by that is
/// restored. Every lag is the mean over its pairs; 0 where there is none.
/// @param noise   in units of its standard deviation, as a rule; sources are nobody's noise.
/// @param usable  other than 0: the pixel is taken; of the shape of the image.
/// @param parts   a pair belongs to the part that has its first pixel.
/// @param largest_lag  in pixels, at least 1; the plateau is 0 if it is less than `noise_reach`.
/// @param n_threads  0: usable_cores(). Never changes the result.
/// @throws std::invalid_argument if shapes differ, a part is empty or leaves the image, or fewer
///         than two different pixels are usable.
template <class T>
WHITEDIFF_EXPORT LocalCovariances autocovariances(ImageView<const T> noise,
                                                  ImageView<const std::uint8_t> usable,
                                                  const std::vector<Box>& parts,
                                                  int largest_lag = noise_reach, int n_threads = 0);

/// The same of the whole image.
template <class T>
WHITEDIFF_EXPORT MeasuredCovariance autocovariance(ImageView<const T> noise,
                                                   ImageView<const std::uint8_t> usable,
                                                   int largest_lag = noise_reach,
                                                   int n_threads = 0);

/// The part of an autocovariance that is noise (docs/mathematics.md, Eq. 19): the plateau is
/// subtracted, and the rest is let go to zero from lag 3 to lag 7.
/// @param measured  out to lag 6 at least; lags beyond are left out.
/// @throws std::invalid_argument if it does not reach so far.
WHITEDIFF_EXPORT MeasuredCovariance noise_covariance(const MeasuredCovariance& measured);

}  // namespace whitediff
