#include "whitediff/image.hpp"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <new>

#include "parallel.hpp"

#ifdef __linux__
#include <sys/mman.h>
#endif

namespace whitediff {
namespace detail {

void* zeroed_memory(std::size_t bytes) {
  // calloc leaves the pages of a large block to the first thread that touches them.
  void* memory = std::calloc(bytes, 1);
  if (!memory && bytes > 0) throw std::bad_alloc();
#ifdef __linux__
  constexpr std::uintptr_t huge_page = std::uintptr_t{1} << 21;
  const auto begin = (reinterpret_cast<std::uintptr_t>(memory) + huge_page - 1) & ~(huge_page - 1);
  const auto end = (reinterpret_cast<std::uintptr_t>(memory) + bytes) & ~(huge_page - 1);
  // Advice only: where it is refused, pages are small and slower to come.
  if (begin < end) madvise(reinterpret_cast<void*>(begin), end - begin, MADV_HUGEPAGE);
#endif
  return memory;
}

}  // namespace detail

template <class T>
Image<T> copy_of(ImageView<const T> pixels, int n_threads) {
  constexpr int band = 64;
  Image<T> copy(pixels.shape());
  const auto bands = static_cast<std::size_t>((pixels.height() + band - 1) / band);
  parallel_for(bands, thread_count(n_threads), [&](std::size_t n) {
    const int begin = static_cast<int>(n) * band;
    for (int y = begin; y < std::min(begin + band, pixels.height()); ++y) {
      std::copy_n(pixels.row(y), pixels.width(), copy.row(y));
    }
  });
  return copy;
}

template Image<float> copy_of(ImageView<const float>, int);
template Image<double> copy_of(ImageView<const double>, int);
template Image<std::int32_t> copy_of(ImageView<const std::int32_t>, int);

}  // namespace whitediff
