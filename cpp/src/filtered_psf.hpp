#pragma once

#include <complex>
#include <memory>
#include <vector>

#include "fft.hpp"
#include "whitediff/filter.hpp"

namespace whitediff {

/// The filter of one position, to be applied to PSFs, which may be those of other positions.
class PsfFilter {
 public:
  /// @param psf  the kernels of a PSF, which all others have the shapes of.
  /// @throws std::invalid_argument if there is none.
  PsfFilter(const LocalNoise& noise, const std::vector<KernelImage>& psf,
            const FilterOptions& options, const FilterSupport& support);

  /// The product of the kernels of a PSF, filtered, on pixels of the first of them, for a PSF of
  /// sum one.
  /// @throws std::invalid_argument if its sum is zero.
  Image<double> apply(const std::vector<KernelImage>& psf) const;

 private:
  std::shared_ptr<const fft::RealTransform> transform_;
  fft::Buffer<std::complex<double>> spectrum_;
};

}  // namespace whitediff
