#pragma once

#include <complex>

#include "fft.hpp"
#include "whitediff/noise_model.hpp"

namespace whitediff {

/// Multiplies a spectrum by the Fourier transform of a kernel image.
void multiply_transfer(const KernelImage& kernel, const fft::RealTransform& transform,
                       std::complex<double>* spectrum);

}  // namespace whitediff
