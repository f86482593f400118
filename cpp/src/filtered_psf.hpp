#pragma once

#include <vector>

#include "whitediff/filter.hpp"

namespace whitediff {

/// The filter of one position applied to the product of the kernels of a PSF, which may be that of
/// another position, on pixels of the first of them, for a PSF of sum one.
/// @throws std::invalid_argument if there is none, or its sum is zero.
Image<double> filtered_psf(const LocalNoise& noise, const std::vector<KernelImage>& psf,
                           const FilterOptions& options, const FilterSupport& support);

}  // namespace whitediff
