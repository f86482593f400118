#include "whitediff/image.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <new>

#include "parallel.hpp"
#include "row_bands.hpp"

#ifdef __linux__
#include <sys/mman.h>
#include <unistd.h>
#endif

namespace whitediff {
namespace {

constexpr std::size_t huge_page = std::size_t{1} << 21;
constexpr std::size_t small_page = std::size_t{1} << 12;

}  // namespace

namespace detail {

#ifdef __linux__

namespace {

bool is_mapped(std::size_t bytes) { return bytes >= 2 * huge_page; }

/// New pages that begin where a huge page can.
void* map_pages(std::size_t bytes) {
  const std::size_t room = bytes + huge_page;
  void* mapped = mmap(nullptr, room, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapped == MAP_FAILED) throw std::bad_alloc();
  auto* const begin = static_cast<std::byte*>(mapped);
  const std::size_t before = -reinterpret_cast<std::uintptr_t>(begin) % huge_page;
  std::byte* const memory = begin + before;
  if (before > 0) munmap(begin, before);
  munmap(memory + bytes, room - before - bytes);
  // Advice only: where it is refused, pages are small and slower to come.
  madvise(memory, bytes, MADV_HUGEPAGE);
  return memory;
}

std::size_t whole_pages(std::size_t bytes) {
  static const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  return (bytes + page - 1) / page * page;
}

}  // namespace

#endif

void* zeroed_memory(std::size_t bytes) {
#ifdef __linux__
  if (is_mapped(bytes)) return map_pages(whole_pages(bytes));
#endif
  void* memory = std::calloc(bytes, 1);
  if (!memory && bytes > 0) throw std::bad_alloc();
  return memory;
}

void free_memory(void* memory, [[maybe_unused]] std::size_t bytes) {
#ifdef __linux__
  if (is_mapped(bytes)) {
    munmap(memory, whole_pages(bytes));
    return;
  }
#endif
  std::free(memory);
}

}  // namespace detail

template <class T>
Image<T> zero_image(Shape shape, int n_threads) {
  Image<T> image(shape);
  constexpr std::size_t chunk = huge_page / sizeof(T), page = small_page / sizeof(T);
  const std::size_t size = shape.size();
  parallel_for((size + chunk - 1) / chunk, thread_count(n_threads), [&](std::size_t n) {
    // To write a page is what makes it.
    volatile T* const pixels = image.data();
    const std::size_t end = std::min(size, (n + 1) * chunk);
    for (std::size_t i = n * chunk; i < end; i += page) pixels[i] = T(0);
  });
  return image;
}

template <class T>
Image<T> copy_of(ImageView<const T> pixels, int n_threads) {
  Image<T> copy(pixels.shape());
  for_each_band<T>(pixels.shape(), thread_count(n_threads), [&](int begin, int end) {
    for (int y = begin; y < end; ++y) std::copy_n(pixels.row(y), pixels.width(), copy.row(y));
  });
  return copy;
}

template Image<float> zero_image(Shape, int);
template Image<double> zero_image(Shape, int);
template Image<std::int32_t> zero_image(Shape, int);
template Image<float> copy_of(ImageView<const float>, int);
template Image<double> copy_of(ImageView<const double>, int);
template Image<std::int32_t> copy_of(ImageView<const std::int32_t>, int);
template Image<std::uint8_t> copy_of(ImageView<const std::uint8_t>, int);

}  // namespace whitediff
