#pragma once

#include <complex>
#include <cstddef>

namespace whitediff {

// Products of spectra, number by number. std::complex's own operator looks for NaN, which keeps it
// from being vectorised.

/// lines *= filter
void multiply(const float* filter, std::size_t size, std::complex<float>* lines);
void multiply(const double* filter, std::size_t size, std::complex<double>* lines);
void multiply(const std::complex<float>* filter, std::size_t size, std::complex<float>* lines);
void multiply(const std::complex<double>* filter, std::size_t size, std::complex<double>* lines);

/// sums += lines * filter
void multiply_add(const std::complex<float>* lines, const std::complex<float>* filter,
                  std::size_t size, std::complex<float>* sums);
void multiply_add(const std::complex<double>* lines, const std::complex<double>* filter,
                  std::size_t size, std::complex<double>* sums);

}  // namespace whitediff
