#pragma once

#include "whitediff/export.hpp"
#include "whitediff/filter.hpp"

namespace whitediff {

/// The PSF of the filtered image at one position: the filter applied to the product of the
/// kernels in noise.psf, on pixels of the first of them, scaled to a sum of one
/// (docs/mathematics.md, Eq. 6). `psfs_at` keeps fluxes instead.
/// @throws std::invalid_argument if the noise has no PSF, or the PSF's sum is zero.
WHITEDIFF_EXPORT Image<double> whitened_psf(const LocalNoise& noise, const FilterOptions& options,
                                            const FilterSupport& support);

}  // namespace whitediff
