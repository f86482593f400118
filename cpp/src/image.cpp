#include "whitediff/image.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <mutex>
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

/// Pages that nobody needs now, all of one size. Threads that meet here do without.
class SparePages {
 public:
  /// Null if there is none of this size; others are given back to the system.
  void* take(std::size_t bytes) {
    const std::unique_lock lock(mutex_, std::try_to_lock);
    if (!lock || count_ == 0) return nullptr;
    if (bytes == bytes_) return pages_[--count_];
    while (count_ > 0) munmap(pages_[--count_], bytes_);
    return nullptr;
  }

  /// Says whether they are kept, for the system to take when it needs them.
  bool keep(void* pages, std::size_t bytes) {
    const std::unique_lock lock(mutex_, std::try_to_lock);
    if (!lock || count_ == pages_.size() || (count_ > 0 && bytes != bytes_)) return false;
    if (madvise(pages, bytes, MADV_FREE) != 0) return false;
    pages_[count_++] = pages;
    bytes_ = bytes;
    return true;
  }

 private:
  std::mutex mutex_;
  std::array<void*, 3> pages_{};  // image, variance and mask of a frame
  std::size_t count_ = 0, bytes_ = 0;
};

SparePages& spare_pages() {
  // Never destroyed: images may be freed while the process ends.
  static auto* const pages = new SparePages;
  return *pages;
}

}  // namespace

#endif

void* get_memory(std::size_t bytes, [[maybe_unused]] Content content) {
#ifdef __linux__
  if (is_mapped(bytes)) {
    const std::size_t whole = whole_pages(bytes);
    void* spare = content == Content::anything ? spare_pages().take(whole) : nullptr;
    return spare ? spare : map_pages(whole);
  }
#endif
  void* memory = std::calloc(bytes, 1);
  if (!memory && bytes > 0) throw std::bad_alloc();
  return memory;
}

void free_memory(void* memory, [[maybe_unused]] std::size_t bytes,
                 [[maybe_unused]] Content content) {
#ifdef __linux__
  if (is_mapped(bytes)) {
    const std::size_t whole = whole_pages(bytes);
    const bool kept = content == Content::anything && spare_pages().keep(memory, whole);
    if (!kept) munmap(memory, whole);
    return;
  }
#endif
  std::free(memory);
}

}  // namespace detail

namespace {

/// Writes to every page, which is what makes it.
template <class T>
void touch(Image<T>& image, int n_threads) {
  constexpr std::size_t chunk = huge_page / sizeof(T), page = small_page / sizeof(T);
  const std::size_t size = image.shape().size();
  parallel_for((size + chunk - 1) / chunk, thread_count(n_threads), [&](std::size_t n) {
    volatile T* const pixels = image.data();
    const std::size_t end = std::min(size, (n + 1) * chunk);
    for (std::size_t i = n * chunk; i < end; i += page) pixels[i] = T(0);
  });
}

}  // namespace

template <class T>
Image<T> zero_image(Shape shape, int n_threads) {
  Image<T> image(shape);
  touch(image, n_threads);
  return image;
}

template <class T>
Image<T> output_image(Shape shape, int n_threads) {
  Image<T> image(shape, detail::Content::anything);
  touch(image, n_threads);
  return image;
}

template <class T>
Image<T> copy_of(ImageView<const T> pixels, int n_threads) {
  Image<T> copy(pixels.shape(), detail::Content::anything);
  const int threads = threads_of_frame(pixels.shape(), n_threads);
  for_each_band<T>(pixels.shape(), threads, [&](int begin, int end) {
    for (int y = begin; y < end; ++y) std::copy_n(pixels.row(y), pixels.width(), copy.row(y));
  });
  return copy;
}

template Image<float> zero_image(Shape, int);
template Image<double> zero_image(Shape, int);
template Image<std::int32_t> zero_image(Shape, int);
template Image<float> output_image(Shape, int);
template Image<double> output_image(Shape, int);
template Image<float> copy_of(ImageView<const float>, int);
template Image<double> copy_of(ImageView<const double>, int);
template Image<std::int32_t> copy_of(ImageView<const std::int32_t>, int);
template Image<std::uint8_t> copy_of(ImageView<const std::uint8_t>, int);

}  // namespace whitediff
