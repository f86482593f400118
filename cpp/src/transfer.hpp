#pragma once

#include <complex>

#include "fft.hpp"
#include "whitediff/noise_model.hpp"

namespace whitediff {

/// Multiplies a spectrum by the Fourier transform of a kernel image.
void multiply_transfer(const KernelImage& kernel, const fft::RealTransform& transform,
                       std::complex<double>* spectrum);

/// Multiplies a spectrum by the square root of that of a covariance: what takes independent pixels
/// to such noise.
void multiply_root(const NoiseCovariance& covariance, const fft::RealTransform& transform,
                   std::complex<double>* spectrum);

}  // namespace whitediff
