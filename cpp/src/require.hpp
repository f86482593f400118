#pragma once

#include <stdexcept>
#include <string>

namespace whitediff {

/// @throws std::invalid_argument with this message unless the condition holds.
inline void require(bool condition, const std::string& message) {
  if (!condition) throw std::invalid_argument(message);
}

}  // namespace whitediff
