#pragma once

#include <cstddef>

namespace whitediff {

/// Copies numbers to an output past the caches: what is not read again need not be fetched before
/// it is written. Other threads may not see them before finish_streams().
void stream(const float* values, std::ptrdiff_t size, float* out);
void stream(const double* values, std::ptrdiff_t size, double* out);

/// Lets other threads see what this one has streamed. Takes as long as memory does: not for every
/// row.
void finish_streams();

}  // namespace whitediff
