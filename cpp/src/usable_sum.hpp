#pragma once

#include <cstddef>
#include <cstdint>

#include "whitediff/image.hpp"

namespace whitediff {

/// Sums over the finite pixels of a box, with and without those that are masked.
struct UsableSum {
  double sum = 0.0, masked_sum = 0.0;
  std::size_t count = 0, masked_count = 0;

  UsableSum& operator+=(const UsableSum& other) {
    sum += other.sum;
    masked_sum += other.masked_sum;
    count += other.count;
    masked_count += other.masked_count;
    return *this;
  }

  /// Of the unmasked pixels; of the masked ones if there is no other, and 0 if there is none.
  double mean() const {
    if (count > 0) return sum / static_cast<double>(count);
    return masked_count > 0 ? masked_sum / static_cast<double>(masked_count) : 0.0;
  }
};

template <class T>
UsableSum usable_sum(ImageView<const T> image, ImageView<const std::int32_t> mask,
                     std::int32_t ignore, const Box& box);

}  // namespace whitediff
