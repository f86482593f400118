#include "usable_pixels.hpp"

#include <limits>

#include "multiversion.hpp"

namespace whitediff {
namespace {

// Few runs of this length have a pixel that is left out, and one test finds them all.
constexpr int run = 32;

/// Zero if the run has nothing to be left out.
template <class T>
WHITEDIFF_ALWAYS_INLINE std::int32_t left_out(const T* values, const std::int32_t* bits,
                                              std::int32_t ignore, int size) {
  std::int32_t found = 0;
  if (bits) {
    for (int i = 0; i < size; ++i) found |= bits[i] & ignore;
  }
  for (int i = 0; i < size; ++i) found |= !(std::abs(values[i]) <= std::numeric_limits<T>::max());
  return found;
}

template <class T>
WHITEDIFF_ALWAYS_INLINE int pack(const T* values, const std::int32_t* bits, std::int32_t ignore,
                                 int size, T* packed) {
  int kept = 0;
  for (int x0 = 0; x0 < size; x0 += run) {
    const int length = std::min(run, size - x0);
    const std::int32_t* run_bits = bits ? bits + x0 : nullptr;
    const bool clean = length == run ? !left_out(values + x0, run_bits, ignore, run)
                                     : !left_out(values + x0, run_bits, ignore, length);
    if (clean) {
      std::copy_n(values + x0, length, packed + kept);
      kept += length;
      continue;
    }
    for (int x = 0; x < length; ++x) {
      packed[kept] = values[x0 + x];
      kept += std::isfinite(values[x0 + x]) && !(bits && (bits[x0 + x] & ignore));
    }
  }
  return kept;
}

}  // namespace

WHITEDIFF_MULTIVERSION int pack_usable(const float* values, const std::int32_t* bits,
                                       std::int32_t ignore, int size, float* packed) {
  return pack(values, bits, ignore, size, packed);
}
WHITEDIFF_MULTIVERSION int pack_usable(const double* values, const std::int32_t* bits,
                                       std::int32_t ignore, int size, double* packed) {
  return pack(values, bits, ignore, size, packed);
}

}  // namespace whitediff
