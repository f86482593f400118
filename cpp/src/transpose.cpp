#include "transpose.hpp"

#include "multiversion.hpp"

namespace whitediff {
namespace {

// Four complex<float>, which are moved as a whole, each as the bits of a double.
typedef double Four __attribute__((vector_size(32), aligned(8), may_alias));

/// A level along a row: in most rows it is one number.
template <bool sloped, class T>
WHITEDIFF_ALWAYS_INLINE T at(const Ramp<T>& level, int x) {
  return sloped ? level.first + level.step * static_cast<T>(x) : level.first;
}

template <bool sloped, class T>
WHITEDIFF_ALWAYS_INLINE bool interleave_with(const T* real, const T* imaginary, int size,
                                             const Ramps<T>& levels, const Range<T>& range,
                                             T* out) {
  const auto [least, greatest] = range;
  const auto [level, other] = levels;
  int outside = 0;
  for (int x = 0; x < size; ++x) {
    const T a = real[x] - at<sloped>(level, x), b = imaginary[x] - at<sloped>(other, x);
    out[2 * x] = a;
    out[2 * x + 1] = b;
    outside |= !(a > least) | !(a <= greatest) | !(b > least) | !(b <= greatest);
  }
  return outside == 0;
}

template <class T>
bool is_sloped(const Ramps<T>& levels) {
  return levels[0].step != 0 || levels[1].step != 0;
}

template <class T>
WHITEDIFF_ALWAYS_INLINE bool interleave_parts(const T* real, const T* imaginary, int size,
                                              const Ramps<T>& levels, const Range<T>& range,
                                              T* out) {
  return is_sloped(levels) ? interleave_with<true>(real, imaginary, size, levels, range, out)
                           : interleave_with<false>(real, imaginary, size, levels, range, out);
}

template <bool sloped, class T>
WHITEDIFF_ALWAYS_INLINE void separate_with(const T* in, int size, const Ramps<T>& levels, T* real,
                                           T* imaginary) {
  const auto [level, other] = levels;
  for (int x = 0; x < size; ++x) {
    real[x] = in[2 * x] + at<sloped>(level, x);
    imaginary[x] = in[2 * x + 1] + at<sloped>(other, x);
  }
}

template <class T>
WHITEDIFF_ALWAYS_INLINE void separate_parts(const T* in, int size, const Ramps<T>& levels, T* real,
                                            T* imaginary) {
  if (is_sloped(levels)) {
    separate_with<true>(in, size, levels, real, imaginary);
  } else {
    separate_with<false>(in, size, levels, real, imaginary);
  }
}

}  // namespace

WHITEDIFF_MULTIVERSION
void transpose(const std::complex<float>* in, std::size_t in_pitch, int rows, int columns,
               std::complex<float>* out, std::size_t out_pitch) {
  for (int y = 0; y < rows; y += 4) {
    for (int x = 0; x < columns; x += 4) {
      const auto row = [&](int j) __attribute__((always_inline))->const Four* {
        return reinterpret_cast<const Four*>(in + (y + j) * in_pitch + x);
      };
      const Four a = *row(0), b = *row(1), c = *row(2), d = *row(3);
      const Four ab_even = __builtin_shufflevector(a, b, 0, 4, 2, 6);
      const Four ab_odd = __builtin_shufflevector(a, b, 1, 5, 3, 7);
      const Four cd_even = __builtin_shufflevector(c, d, 0, 4, 2, 6);
      const Four cd_odd = __builtin_shufflevector(c, d, 1, 5, 3, 7);
      const auto column = [&](int j) __attribute__((always_inline))->Four* {
        return reinterpret_cast<Four*>(out + (x + j) * out_pitch + y);
      };
      *column(0) = __builtin_shufflevector(ab_even, cd_even, 0, 1, 4, 5);
      *column(1) = __builtin_shufflevector(ab_odd, cd_odd, 0, 1, 4, 5);
      *column(2) = __builtin_shufflevector(ab_even, cd_even, 2, 3, 6, 7);
      *column(3) = __builtin_shufflevector(ab_odd, cd_odd, 2, 3, 6, 7);
    }
  }
}

void transpose(const std::complex<double>* in, std::size_t in_pitch, int rows, int columns,
               std::complex<double>* out, std::size_t out_pitch) {
  for (int y = 0; y < rows; y += 4) {
    for (int x = 0; x < columns; x += 4) {
      for (int j = 0; j < 4; ++j) {
        for (int i = 0; i < 4; ++i)
          out[(x + i) * out_pitch + y + j] = in[(y + j) * in_pitch + x + i];
      }
    }
  }
}

// std::complex is laid out as two numbers, by the standard.
WHITEDIFF_MULTIVERSION
bool interleave(const float* real, const float* imaginary, int size, const Ramps<float>& level,
                const Range<float>& range, std::complex<float>* out) {
  return interleave_parts(real, imaginary, size, level, range, reinterpret_cast<float*>(out));
}
WHITEDIFF_MULTIVERSION
bool interleave(const double* real, const double* imaginary, int size, const Ramps<double>& level,
                const Range<double>& range, std::complex<double>* out) {
  return interleave_parts(real, imaginary, size, level, range, reinterpret_cast<double*>(out));
}

WHITEDIFF_MULTIVERSION
void separate(const std::complex<float>* in, int size, const Ramps<float>& level, float* real,
              float* imaginary) {
  separate_parts(reinterpret_cast<const float*>(in), size, level, real, imaginary);
}
WHITEDIFF_MULTIVERSION
void separate(const std::complex<double>* in, int size, const Ramps<double>& level, double* real,
              double* imaginary) {
  separate_parts(reinterpret_cast<const double*>(in), size, level, real, imaginary);
}

}  // namespace whitediff
