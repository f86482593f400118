#include "whitediff/stored_rows.hpp"

#include <cstddef>
#include <cstring>

#include "multiversion.hpp"
#include "parallel.hpp"
#include "row_bands.hpp"

namespace whitediff {
namespace {

WHITEDIFF_ALWAYS_INLINE std::uint32_t turned(std::uint32_t bits) { return __builtin_bswap32(bits); }
WHITEDIFF_ALWAYS_INLINE std::uint64_t turned(std::uint64_t bits) { return __builtin_bswap64(bits); }

template <class Bits>
WHITEDIFF_ALWAYS_INLINE void turn_row(const std::byte* stored, int size, std::byte* to) {
  for (int x = 0; x < size; ++x) {
    Bits bits;
    std::memcpy(&bits, stored + x * sizeof(Bits), sizeof(Bits));
    bits = turned(bits);
    std::memcpy(to + x * sizeof(Bits), &bits, sizeof(Bits));
  }
}

WHITEDIFF_MULTIVERSION
void swap_row(const float* stored, int size, float* to) {
  turn_row<std::uint32_t>(reinterpret_cast<const std::byte*>(stored), size,
                          reinterpret_cast<std::byte*>(to));
}

WHITEDIFF_MULTIVERSION
void swap_row(const double* stored, int size, double* to) {
  turn_row<std::uint64_t>(reinterpret_cast<const std::byte*>(stored), size,
                          reinterpret_cast<std::byte*>(to));
}

template <class Bits>
WHITEDIFF_ALWAYS_INLINE void find_in(const Bits* mask, int size, Bits first, Bits second,
                                     std::int32_t* to) {
  for (int x = 0; x < size; ++x) {
    to[x] = ((mask[x] & first) != 0) + 2 * ((mask[x] & second) != 0);
  }
}

WHITEDIFF_MULTIVERSION
void find_in_row(const std::uint8_t* mask, int size, std::uint8_t first, std::uint8_t second,
                 std::int32_t* to) {
  find_in(mask, size, first, second, to);
}

WHITEDIFF_MULTIVERSION
void find_in_row(const std::uint16_t* mask, int size, std::uint16_t first, std::uint16_t second,
                 std::int32_t* to) {
  find_in(mask, size, first, second, to);
}

WHITEDIFF_MULTIVERSION
void find_in_row(const std::uint32_t* mask, int size, std::uint32_t first, std::uint32_t second,
                 std::int32_t* to) {
  find_in(mask, size, first, second, to);
}

WHITEDIFF_MULTIVERSION
void find_in_row(const std::uint64_t* mask, int size, std::uint64_t first, std::uint64_t second,
                 std::int32_t* to) {
  find_in(mask, size, first, second, to);
}

}  // namespace

template <class T>
void swap_bytes(ImageView<const T> stored, ImageView<T> to) {
  for_each_band<T>(to.shape(), threads_at_hand(), [&](int begin, int end) {
    for (int y = begin; y < end; ++y) swap_row(stored.row(y), to.width(), to.row(y));
  });
}

template <class Bits>
void find_bits(ImageView<const Bits> mask, Bits first, Bits second, ImageView<std::int32_t> to) {
  for_each_band<std::int32_t>(to.shape(), threads_at_hand(), [&](int begin, int end) {
    for (int y = begin; y < end; ++y) {
      find_in_row(mask.row(y), to.width(), first, second, to.row(y));
    }
  });
}

template void swap_bytes(ImageView<const float>, ImageView<float>);
template void swap_bytes(ImageView<const double>, ImageView<double>);
template void find_bits(ImageView<const std::uint8_t>, std::uint8_t, std::uint8_t,
                        ImageView<std::int32_t>);
template void find_bits(ImageView<const std::uint16_t>, std::uint16_t, std::uint16_t,
                        ImageView<std::int32_t>);
template void find_bits(ImageView<const std::uint32_t>, std::uint32_t, std::uint32_t,
                        ImageView<std::int32_t>);
template void find_bits(ImageView<const std::uint64_t>, std::uint64_t, std::uint64_t,
                        ImageView<std::int32_t>);

}  // namespace whitediff
