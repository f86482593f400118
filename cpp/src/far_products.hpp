#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "taken_pixels.hpp"

namespace whitediff {

/// Sums over all pairs of pixels whose lag, the greater of y and x, is that of a ring.
struct FarProducts {
  double products = 0.0;   ///< Of the products of their values.
  std::int64_t pairs = 0;  ///< Of ones.

  void add(const FarProducts& other) {
    products += other.products;
    pairs += other.pairs;
  }
};

/// Lags of 8 to 12 pixels, and of 13 to 17.
using FarRings = std::array<FarProducts, 2>;

/// The sums of pairs of which one pixel, either of both, lies in a part of the image, the other
/// anywhere; the same for all threads.
template <class T>
std::vector<FarRings> far_products(const TakenPixels<T>& pixels, const std::vector<Box>& parts,
                                   int threads);

}  // namespace whitediff
