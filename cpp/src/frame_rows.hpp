#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "whitediff/image.hpp"

namespace whitediff {

/// Rows of the planes of one noise source.
template <class T>
struct SourceRows {
  std::variant<double, ImageView<const T>> variance;
  ImageView<const std::int32_t> mask;
  std::string name;
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
};

}  // namespace whitediff
