#pragma once

#include <cstdint>
#include <vector>

#include "whitediff/export.hpp"
#include "whitediff/image.hpp"

namespace whitediff {

/// Out to which lag, in the greater of y and x, covariances are taken for noise: all of them out to
/// `whole_to`, less and less to `zero_from`. The mean over the five lags beyond is that of
/// structure much wider than a star.
struct NoiseWindow {
  int whole_to, zero_from;

  /// The longest lag that is taken for noise.
  constexpr int reach() const { return zero_from - 1; }
  bool operator==(const NoiseWindow&) const = default;
};

/// What remains when kernels are known.
constexpr NoiseWindow narrow_window{3, 7};
/// Noise that went through a kernel nobody knows; it takes more pixels.
constexpr NoiseWindow wide_window{6, 12};

/// Covariances of pixels that lie (y, x) apart, measured on an image.
struct MeasuredCovariance {
  Image<double> lags;   ///< Odd and square, no lag in the middle; in squared units of the image.
  Image<double> pairs;  ///< How many pairs of pixels each is the mean of; the pixels in the middle.
  /// Of structure, in the window: the mean over all pairs at the five lags beyond, raised to the
  /// top that waves of the sky have there (docs/mathematics.md, Eq. 19).
  double plateau = 0.0;
  double far_pairs = 0.0;  ///< How many these are, each counted twice.
  NoiseWindow window = narrow_window;
};

/// Of an image, and of parts of it.
struct LocalCovariances {
  MeasuredCovariance whole;  ///< Of all parts together.
  std::vector<MeasuredCovariance> parts;
};

/// The longest lag of the narrow window.
constexpr int noise_reach = narrow_window.reach();

/// Measures how neighbouring pixels go together, in parts of an image.
///
/// Planes are taken off boxes of some 256 pixels a side: a sky that rises is no noise that pixels
/// share. Of the usable pixels those within 4 sigma of their plane are taken, sigma being the
/// standard deviation of what is taken in all parts; what a normal distribution loses by that is
/// restored. Every lag is the mean over its pairs; 0 where there is none.
/// @param noise   in units of its standard deviation, as a rule; sources are nobody's noise.
/// @param usable  other than 0: the pixel is taken; of the shape of the image.
/// @param parts   share no pixel; a pair belongs to the part that has its first pixel.
/// @param largest_lag  in pixels, at least 1; the plateau is 0 if it is less than the window's
/// reach.
/// @param n_threads  0: usable_cores(). Never changes the result.
/// @param window  one of the two above.
/// @throws std::invalid_argument if shapes differ, a part is empty or leaves the image, or fewer
///         than two different pixels are usable.
template <class T>
WHITEDIFF_EXPORT LocalCovariances autocovariances(ImageView<const T> noise,
                                                  ImageView<const std::uint8_t> usable,
                                                  const std::vector<Box>& parts,
                                                  int largest_lag = noise_reach, int n_threads = 0,
                                                  NoiseWindow window = narrow_window);

/// The same of the whole image.
template <class T>
WHITEDIFF_EXPORT MeasuredCovariance autocovariance(ImageView<const T> noise,
                                                   ImageView<const std::uint8_t> usable,
                                                   int largest_lag = noise_reach,
                                                   int n_threads = 0);

/// The part of an autocovariance that is noise (docs/mathematics.md, Eq. 19): the plateau is
/// subtracted, and the rest is let go to zero in the window.
/// @param measured  out to the reach of its window at least; lags beyond are left out.
/// @throws std::invalid_argument if it does not reach so far.
WHITEDIFF_EXPORT MeasuredCovariance noise_covariance(const MeasuredCovariance& measured);

}  // namespace whitediff
