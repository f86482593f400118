#pragma once

#include <complex>
#include <cstddef>

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

/// out[x] = real[x] - level + i (imaginary[x] - level); says whether all numbers are in a range.
bool interleave(const float* real, const float* imaginary, int size, float level,
                const Range<float>& range, std::complex<float>* out);
bool interleave(const double* real, const double* imaginary, int size, double level,
                const Range<double>& range, std::complex<double>* out);

/// The way back.
void separate(const std::complex<float>* in, int size, float level, float* real, float* imaginary);
void separate(const std::complex<double>* in, int size, double level, double* real,
              double* imaginary);

}  // namespace whitediff
