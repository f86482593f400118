#pragma once

#include <vector>

#include "whitediff/export.hpp"
#include "whitediff/image.hpp"
#include "whitediff/noise_model.hpp"

namespace whitediff {

/// What the filtered image is for.
enum class Mode {
  /// White noise, fluxes kept: psi(k) = sqrt(P(0) / P(k)) (docs/mathematics.md, Eq. 2; DMTN-021).
  difference,
  /// Optimal detection of point sources: F(k) = P(0) conj(phi_D(k)) / P(k) (docs/mathematics.md,
  /// Eq. 3; DMTN-179).
  score,
};

/// How a filter is made from the noise of an image.
struct FilterOptions {
  Mode mode = Mode::difference;
  /// A fraction of the maximum of P(k) that stands in for power that is not there; it only matters
  /// where every input went through a kernel. A whitening filter adds it to P: its gain is then
  /// at most power_floor^-1/2, and the filter stays smooth in k, hence compact. A score filter
  /// holds P at it (docs/mathematics.md, Eq. 10). Whitening of float32 images uses at least 1e-7,
  /// so that their rounding stays below 1e-4 of the signal.
  double power_floor = 1e-10;
  /// The error, in units of the noise, at which the tail of a filter may be cut off
  /// (docs/mathematics.md, Eq. 11).
  double tolerance = 5e-6;

  /// The defaults for mode score: these filters are bounded where the noise has no power, but ring
  /// there, and reach 5e-5 within some 60 pixels.
  static FilterOptions score() { return {Mode::score, 1e-11, 5e-5}; }
};

/// A filter as a small image in real space, and what it does to the noise.
struct FilterImage {
  Image<double> image;  ///< Odd height and width, zero shift in the middle pixel.
  /// Of every source: mean over k of C_i(k) |F(k) a_i(k)|^2 (docs/mathematics.md, Eqs. 4 and 17).
  std::vector<double> gains;
  long clipped_modes = 0;  ///< Modes of the grid used whose power is below the floor.
};

/// How far a filter reaches.
struct WHITEDIFF_EXPORT FilterSupport {
  int radius = 0;      ///< In pixels: what lies farther away is within the tolerance.
  int grid = 0;        ///< Side of the Fourier grid on which the filter is found.
  double error = 0.0;  ///< The cut-off error, in units of the noise.
  /// What part of a filter's sum of squares falls on each shift, the most at any position;
  /// [2 reach() + 1, 2 reach() + 1], zero shift in the middle. Beyond it lies less than 1e-4.
  std::vector<double> shares = {};

  int reach() const;  ///< Of the shares, in pixels.
};

/// The least radius that serves the noise at all these positions.
///
/// The error of cutting F at R is weighted by the power:
/// e(R)^2 = sum |F - F_R|^2 P / sum |F|^2 P (docs/mathematics.md, Eq. 11). Where no radius up to
/// the limit of 192 pixels (mode score: 128), or more for kernels wider than 170 pixels, meets the
/// tolerance, that limit is returned with the error that it leaves.
/// @param n_threads  0: usable_cores(). Never changes the result.
/// @throws std::invalid_argument if the noise has no power at k = 0, or (mode score) no PSF.
WHITEDIFF_EXPORT FilterSupport filter_support(const std::vector<const LocalNoise*>& noises,
                                              const FilterOptions& options, int n_threads = 1);

/// The filter at one position in real space, out to the radius of `support`.
WHITEDIFF_EXPORT FilterImage filter_image(const LocalNoise& noise, const FilterOptions& options,
                                          const FilterSupport& support);

/// What carries the variance planes of the sources to that of the filtered image: the image-space
/// squares of c_i = F a_i (times the roots of covariances), one image a source, zero shift in the
/// middle pixel (docs/mathematics.md, Eq. 5). They reach as far as all but 1e-6 of the variance
/// does, and their sums are the gains.
WHITEDIFF_EXPORT std::vector<Image<double>> squared_responses(const LocalNoise& noise,
                                                              const FilterOptions& options,
                                                              const FilterSupport& support);

}  // namespace whitediff
