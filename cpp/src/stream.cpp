#include "stream.hpp"

#include <algorithm>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

namespace whitediff {
namespace {

constexpr std::ptrdiff_t line_bytes = 64;

template <class T>
constexpr std::ptrdiff_t line = line_bytes / sizeof(T);

template <bool write, class T>
void prefetch_lines(const T* values, std::ptrdiff_t size) {
  constexpr int second_cache = 2;
  for (std::ptrdiff_t x = 0; x < size; x += line<T>) {
    __builtin_prefetch(values + x, write, second_cache);
  }
  __builtin_prefetch(values + size - 1, write, second_cache);
}

#ifdef __SSE2__

/// A line that is written past the caches need not be fetched first, which saves Intel's machines
/// much. AMD's write rows of cells faster through the caches, if their lines are there.
bool writes_past_caches() {
  static const bool is_intel = __builtin_cpu_is("intel") != 0;
  return is_intel;
}

void store(const float* values, float* out) { _mm_stream_ps(out, _mm_loadu_ps(values)); }
void store(const double* values, double* out) { _mm_stream_pd(out, _mm_loadu_pd(values)); }

/// Whole lines of the cache alone: a piece of one would be read to be completed.
template <class T>
void copy_lines(const T* values, std::ptrdiff_t size, T* out) {
  constexpr std::ptrdiff_t step = 16 / sizeof(T);
  const auto misplaced =
      static_cast<std::ptrdiff_t>(reinterpret_cast<std::uintptr_t>(out) / sizeof(T) % line<T>);
  const std::ptrdiff_t before = std::min(size, (line<T> - misplaced) % line<T>);
  const std::ptrdiff_t end = before + (size - before) / line<T> * line<T>;
  std::copy_n(values, before, out);
  for (std::ptrdiff_t x = before; x < end; x += step) store(values + x, out + x);
  std::copy(values + end, values + size, out + end);
}

#else

bool writes_past_caches() { return false; }

template <class T>
void copy_lines(const T* values, std::ptrdiff_t size, T* out) {
  std::copy_n(values, size, out);
}

#endif

template <class T>
void copy(const T* values, std::ptrdiff_t size, T* out) {
  if (writes_past_caches()) {
    copy_lines(values, size, out);
  } else {
    std::copy_n(values, size, out);
  }
}

template <class T>
void prefetch_lines_of_output(const T* out, std::ptrdiff_t size) {
  if (writes_past_caches()) {
    // The lines of its ends are written to in part.
    prefetch_lines<true>(out, 1);
    prefetch_lines<true>(out + size - 1, 1);
  } else {
    prefetch_lines<true>(out, size);
  }
}

}  // namespace

void prefetch(const float* values, std::ptrdiff_t size) { prefetch_lines<false>(values, size); }
void prefetch(const double* values, std::ptrdiff_t size) { prefetch_lines<false>(values, size); }
void prefetch(const std::int32_t* values, std::ptrdiff_t size) {
  prefetch_lines<false>(values, size);
}

void prefetch_output(const float* out, std::ptrdiff_t size) { prefetch_lines_of_output(out, size); }
void prefetch_output(const double* out, std::ptrdiff_t size) {
  prefetch_lines_of_output(out, size);
}

void stream(const float* values, std::ptrdiff_t size, float* out) { copy(values, size, out); }
void stream(const double* values, std::ptrdiff_t size, double* out) { copy(values, size, out); }

void copy_past_caches(const float* values, std::ptrdiff_t size, float* out) {
  copy_lines(values, size, out);
}
void copy_past_caches(const double* values, std::ptrdiff_t size, double* out) {
  copy_lines(values, size, out);
}

void finish_streams() {
#ifdef __SSE2__
  _mm_sfence();
#endif
}

}  // namespace whitediff
