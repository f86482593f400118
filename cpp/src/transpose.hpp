#pragma once

#include <array>
#include <complex>
#include <cstddef>

#include "values.hpp"

namespace whitediff {

/// out[x][y] = in[y][x] for `rows` rows of `columns` numbers, both multiples of 4.
void transpose(const std::complex<float>* in, std::size_t in_pitch, int rows, int columns,
               std::complex<float>* out, std::size_t out_pitch);
void transpose(const std::complex<double>* in, std::size_t in_pitch, int rows, int columns,
               std::complex<double>* out, std::size_t out_pitch);

/// Numbers above `least` and at most `greatest`; NaN is none of them.
template <class T>
struct Range {
  T least, greatest;
};

/// The levels of the rows that are the real and the imaginary part.
template <class T>
using Ramps = std::array<Ramp<T>, 2>;

/// out[x] = real[x] - level(x) + i (imaginary[x] - level(x)); says whether all of these are in a
/// range.
bool interleave(const float* real, const float* imaginary, int size, const Ramps<float>& levels,
                const Range<float>& range, std::complex<float>* out);
bool interleave(const double* real, const double* imaginary, int size, const Ramps<double>& levels,
                const Range<double>& range, std::complex<double>* out);

/// The way back.
void separate(const std::complex<float>* in, int size, const Ramps<float>& levels, float* real,
              float* imaginary);
void separate(const std::complex<double>* in, int size, const Ramps<double>& levels, double* real,
              double* imaginary);

}  // namespace whitediff
