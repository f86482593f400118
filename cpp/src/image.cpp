#include "whitediff/image.hpp"

#include <cstdint>
#include <cstdlib>
#include <new>

#ifdef __linux__
#include <sys/mman.h>
#endif

namespace whitediff::detail {

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

}  // namespace whitediff::detail
