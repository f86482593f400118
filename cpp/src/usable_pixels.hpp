#pragma once

#include <algorithm>
#include <array>
#include <cmath>

#include "finite.hpp"
#include "whitediff/statistics.hpp"

namespace whitediff {

/// The finite, unmasked pixels of a plane, band by band of rows, so that bands can be shared out to
/// threads while sums over them stay the same.
template <class T>
class UsablePixels {
 public:
  UsablePixels(ImageView<const T> plane, const PixelMask& mask) : plane_(plane), mask_(mask) {}

  std::size_t bands() const {
    return static_cast<std::size_t>((plane_.height() + rows - 1) / rows);
  }

  bool usable(int y, int x) const {
    return std::isfinite(plane_(y, x)) && !(mask_.active() && (mask_.bits(y, x) & mask_.ignore));
  }

  ImageView<const T> plane() const { return plane_; }

  /// Calls visit(values, size) with the pixels of a band in pieces of at most `piece`.
  template <class Visit>
  void visit(std::size_t band, const Visit& visit) const {
    std::array<T, piece> packed;
    const int begin = static_cast<int>(band) * rows;
    for (int y = begin; y < std::min(begin + rows, plane_.height()); ++y) {
      for (int x0 = 0; x0 < plane_.width(); x0 += piece) {
        const int size = std::min(piece, plane_.width() - x0);
        const T* values = plane_.row(y) + x0;
        if (!mask_.active() && all_finite(values, size)) {
          visit(values, size);
          continue;
        }
        int kept = 0;
        for (int x = 0; x < size; ++x) {
          packed[kept] = values[x];
          kept += usable(y, x0 + x);
        }
        visit(packed.data(), kept);
      }
    }
  }

  static constexpr int piece = 1024;

 private:
  static constexpr int rows = 64;

  ImageView<const T> plane_;
  PixelMask mask_;
};

}  // namespace whitediff
