#pragma once

#include <cstdint>
#include <variant>
#include <vector>

#include "values.hpp"
#include "whitediff/image.hpp"

namespace whitediff {

/// Rows of the planes of one noise source.
template <class T>
struct SourceRows {
  std::variant<double, ImageView<const T>> variance;
  T limit = static_cast<T>(largest_value);  ///< No variance is larger.
  bool zero = false;                        ///< Whether the source has no noise anywhere.

  /// A variance of zero, where others are not, stands for a pixel that nothing is known of.
  bool is_known(T value) const {
    return (value > T(0) || (zero && value == T(0))) && value <= limit;
  }
};

/// Rows of all planes that a result is made of. Row 0 of the views is row `first` of the frame.
template <class T>
struct InputRows {
  int first = 0;
  ImageView<const T> image;
  ImageView<const std::int32_t> mask;
  std::vector<SourceRows<T>> sources;
};

/// Rows of the result, likewise.
template <class T>
struct OutputRows {
  int first = 0;
  ImageView<T> image, variance;
  ImageView<std::uint8_t> filter_edge;
};

}  // namespace whitediff
