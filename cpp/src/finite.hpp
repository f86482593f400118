#pragma once

#include <span>

namespace whitediff {

/// Whether no value of a row is NaN or infinite.
bool all_finite(const float* row, int size);
bool all_finite(const double* row, int size);
template <class T>
bool all_finite(std::span<const T> row) {
  return all_finite(row.data(), static_cast<int>(row.size()));
}

}  // namespace whitediff
