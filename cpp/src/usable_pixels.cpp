#include "usable_pixels.hpp"

#include "multiversion.hpp"

namespace whitediff {
namespace {

// Few runs of this length have a pixel that is left out, and one test finds them all.
constexpr int run = 32;

/// Zero if the run has nothing to be left out.
template <class T>
WHITEDIFF_ALWAYS_INLINE std::int32_t left_out(const T* values, const std::int32_t* bits,
                                              std::int32_t ignore, T least, int size) {
  constexpr auto most = static_cast<T>(largest_value);
  std::int32_t found = 0;
  if (bits) {
    for (int i = 0; i < size; ++i) found |= bits[i] & ignore;
  }
  for (int i = 0; i < size; ++i) found |= !(values[i] > least && values[i] <= most);
  return found;
}

template <class T>
WHITEDIFF_ALWAYS_INLINE int pack(const T* values, const std::int32_t* bits, std::int32_t ignore,
                                 T least, int size, T* packed) {
  constexpr auto most = static_cast<T>(largest_value);
  int kept = 0;
  for (int x0 = 0; x0 < size; x0 += run) {
    const int length = std::min(run, size - x0);
    const std::int32_t* run_bits = bits ? bits + x0 : nullptr;
    const bool clean = length == run ? !left_out(values + x0, run_bits, ignore, least, run)
                                     : !left_out(values + x0, run_bits, ignore, least, length);
    if (clean) {
      std::copy_n(values + x0, length, packed + kept);
      kept += length;
      continue;
    }
    for (int x = 0; x < length; ++x) {
      const T value = values[x0 + x];
      packed[kept] = value;
      kept += value > least && value <= most && !(bits && (bits[x0 + x] & ignore));
    }
  }
  return kept;
}

}  // namespace

WHITEDIFF_MULTIVERSION int pack_usable(const float* values, const std::int32_t* bits,
                                       std::int32_t ignore, float least, int size, float* packed) {
  return pack(values, bits, ignore, least, size, packed);
}
WHITEDIFF_MULTIVERSION int pack_usable(const double* values, const std::int32_t* bits,
                                       std::int32_t ignore, double least, int size,
                                       double* packed) {
  return pack(values, bits, ignore, least, size, packed);
}

}  // namespace whitediff
