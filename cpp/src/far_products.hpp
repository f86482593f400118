#pragma once

#include <cstdint>
#include <vector>

#include "taken_pixels.hpp"

namespace whitediff {

/// Sums over all pairs of pixels at five lags, in the greater of y and x.
struct FarProducts {
  double products = 0.0;   ///< Of the products of their values.
  std::int64_t pairs = 0;  ///< Of ones.

  void add(const FarProducts& other) {
    products += other.products;
    pairs += other.pairs;
  }
};

/// The sums of pairs of which one pixel, either of both, lies in a part of the image, the other
/// anywhere; the same for all threads.
/// @param far  the longest of the lags, 12 or 17.
template <class T>
std::vector<FarProducts> far_products(const TakenPixels<T>& pixels, const std::vector<Box>& parts,
                                      int far, int threads);

}  // namespace whitediff
