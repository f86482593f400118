#pragma once

#include <complex>
#include <vector>

#include "whitediff/filter.hpp"
#include "whitediff/image.hpp"
#include "whitediff/noise_model.hpp"

namespace whitediff {

// The equations on the Fourier grid of a whole frame, one filter for all of it, in float64: the
// textbook form of the method (docs/mathematics.md, Eqs. 1 to 9; DMTN-021, DMTN-179), for those who
// want its parts. Images are whitened cell by cell instead. Spectra hold all modes
// ky = 0 .. h - 1, kx = 0 .. w - 1.

using Spectrum = Image<std::complex<double>>;
using SpectrumView = ImageView<const std::complex<double>>;

/// A filter, and what every source went through in all.
struct FullFrameFilter {
  Spectrum filter;                  ///< F(k)
  std::vector<Spectrum> responses;  ///< c_i(k) = F(k) a_i(k)
};

/// The filter of one position, with no power floor (docs/mathematics.md, Eqs. 2 and 3).
/// @param grid  at least as large as every kernel.
/// @throws std::invalid_argument if a kernel is larger than the grid, there is no power at some k,
///         or mode score comes without a PSF.
FullFrameFilter full_frame_filter(const LocalNoise& noise, Mode mode, Shape grid);

/// Convolves an image with a filter; beyond the frame it is zero.
/// @param filling  stands for values that are not finite, which come out as they went in.
/// @throws std::invalid_argument if the grid of the filter is smaller than the image.
Image<double> full_frame_convolve(ImageView<const double> image, SpectrumView filter,
                                  double filling);

/// Convolves a variance plane with the image-space square of a response (a term of
/// docs/mathematics.md, Eq. 5); otherwise the same.
Image<double> full_frame_propagate(ImageView<const double> variance, SpectrumView response,
                                   double filling);

}  // namespace whitediff
