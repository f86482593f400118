#pragma once

namespace whitediff {

/// Whether no value of a row is NaN or infinite.
bool all_finite(const float* row, int size);
bool all_finite(const double* row, int size);

}  // namespace whitediff
