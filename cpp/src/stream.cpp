#include "stream.hpp"

#include <algorithm>
#include <cstdint>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

namespace whitediff {

#ifdef __SSE2__
namespace {

constexpr std::ptrdiff_t line_bytes = 64;

void store(const float* values, float* out) { _mm_stream_ps(out, _mm_loadu_ps(values)); }
void store(const double* values, double* out) { _mm_stream_pd(out, _mm_loadu_pd(values)); }

/// Whole lines of the cache alone: a piece of one would be read to be completed.
template <class T>
void stream_lines(const T* values, std::ptrdiff_t size, T* out) {
  constexpr std::ptrdiff_t line = line_bytes / sizeof(T), step = 16 / sizeof(T);
  const auto misplaced = reinterpret_cast<std::uintptr_t>(out) / sizeof(T) % line;
  const std::ptrdiff_t before =
      std::min(size, static_cast<std::ptrdiff_t>((line - misplaced) % line));
  const std::ptrdiff_t end = before + (size - before) / line * line;
  std::copy_n(values, before, out);
  for (std::ptrdiff_t x = before; x < end; x += step) store(values + x, out + x);
  std::copy(values + end, values + size, out + end);
}

}  // namespace

void stream(const float* values, std::ptrdiff_t size, float* out) {
  stream_lines(values, size, out);
}
void stream(const double* values, std::ptrdiff_t size, double* out) {
  stream_lines(values, size, out);
}
void finish_streams() { _mm_sfence(); }

#else

void stream(const float* values, std::ptrdiff_t size, float* out) {
  std::copy_n(values, size, out);
}
void stream(const double* values, std::ptrdiff_t size, double* out) {
  std::copy_n(values, size, out);
}
void finish_streams() {}

#endif

}  // namespace whitediff
