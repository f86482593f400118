#include "finite.hpp"

#include <cmath>

#include "multiversion.hpp"

namespace whitediff {
namespace {

/// Zero if all values of the row are finite, else NaN.
template <class T>
WHITEDIFF_ALWAYS_INLINE T probe_of(const T* row, int size) {
  T probe = 0;
#pragma omp simd reduction(+ : probe)
  for (int x = 0; x < size; ++x) probe += row[x] * T(0);
  return probe;
}

WHITEDIFF_MULTIVERSION float probe(const float* row, int size) { return probe_of(row, size); }
WHITEDIFF_MULTIVERSION double probe(const double* row, int size) { return probe_of(row, size); }

}  // namespace

bool all_finite(const float* row, int size) { return !std::isnan(probe(row, size)); }
bool all_finite(const double* row, int size) { return !std::isnan(probe(row, size)); }

}  // namespace whitediff
