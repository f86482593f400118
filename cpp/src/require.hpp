#pragma once

#include <concepts>
#include <cstdio>
#include <stdexcept>
#include <string>
#include <type_traits>

#include "whitediff/geometry.hpp"

namespace whitediff {

/// "(x, y)", as messages show positions.
inline std::string to_string(Point point) {
  return "(" + std::to_string(point.x) + ", " + std::to_string(point.y) + ")";
}

/// What std::to_string gives in hundreds of digits, or as zero.
inline std::string in_short(double number) {
  char text[32];
  std::snprintf(text, sizeof text, "%g", number);
  return text;
}

/// Refuses an argument with the one message that all of them have: "NAME must MUST, got GOT".
/// @param got  text, or what to_string takes.
/// @throws std::invalid_argument
template <class Got>
[[noreturn]] void refuse(const std::string& name, const std::string& must, const Got& got) {
  const std::string message = name + " must " + must + ", got ";
  if constexpr (std::convertible_to<Got, std::string>) {
    throw std::invalid_argument(message + got);
  } else if constexpr (std::floating_point<Got>) {
    throw std::invalid_argument(message + in_short(got));
  } else {
    using std::to_string;
    throw std::invalid_argument(message + to_string(got));
  }
}

/// Refuses an argument unless the condition holds.
template <class Got>
void require(bool condition, const std::string& name, const std::string& must, const Got& got) {
  if (!condition) refuse(name, must, got);
}

/// Refuses a plane unless it has the shape of the image.
inline void require_shape(Shape shape, Shape image, const std::string& name) {
  require(shape == image, name, "have shape " + to_string(image) + ", that of the image", shape);
}

}  // namespace whitediff
