#pragma once

#include <cstdint>

#include "whitediff/export.hpp"
#include "whitediff/image.hpp"

namespace whitediff {

// Rows as files hold them, made into rows of a plane: on the threads of the computation that asks
// for the rows, and in the calling thread alone where there is none.

/// Turns the bytes of every pixel round.
/// @param to  of the same shape.
template <class T>
WHITEDIFF_EXPORT void swap_bytes(ImageView<const T> stored, ImageView<T> to);

/// Tells which pixels of a mask have any of two sets of bits, in whatever byte order all three are:
/// bit 0 where there is one of the first, bit 1 where there is one of the second.
/// @param to  of the same shape.
template <class Bits>
WHITEDIFF_EXPORT void find_bits(ImageView<const Bits> mask, Bits first, Bits second,
                                ImageView<std::int32_t> to);

}  // namespace whitediff
