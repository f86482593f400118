#pragma once

#include <complex>
#include <cstddef>

namespace whitediff {

// Products, sums and mirror images of spectra, number by number. std::complex's own operator looks
// for NaN, which keeps it from being vectorised.

/// lines *= filter
void multiply(const float* filter, std::size_t size, std::complex<float>* lines);
void multiply(const double* filter, std::size_t size, std::complex<double>* lines);
void multiply(const std::complex<float>* filter, std::size_t size, std::complex<float>* lines);
void multiply(const std::complex<double>* filter, std::size_t size, std::complex<double>* lines);

/// lines += others
void add(const std::complex<float>* others, std::size_t size, std::complex<float>* lines);
void add(const std::complex<double>* others, std::size_t size, std::complex<double>* lines);

/// out[-k] = conj(line[k]), both with period `size`.
void mirror(const std::complex<float>* line, int size, std::complex<float>* out);
void mirror(const std::complex<double>* line, int size, std::complex<double>* out);

}  // namespace whitediff
