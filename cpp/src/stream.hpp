#pragma once

#include <cstddef>
#include <cstdint>

namespace whitediff {

// Rows of cells are too short for the machine to see which ones come next, and what is written is
// not read again.

/// Asks memory for numbers that are to be read soon: to the second cache, since the first one has
/// room for few requests, and waits when there are more. There is at least one.
void prefetch(const float* values, std::ptrdiff_t size);
void prefetch(const double* values, std::ptrdiff_t size);
void prefetch(const std::int32_t* values, std::ptrdiff_t size);

/// The same for numbers that stream() is to write, as far as it does not write past the caches.
void prefetch_output(const float* out, std::ptrdiff_t size);
void prefetch_output(const double* out, std::ptrdiff_t size);

/// Copies numbers to an output, past the caches where that is faster. Other threads may not see
/// them before finish_streams().
void stream(const float* values, std::ptrdiff_t size, float* out);
void stream(const double* values, std::ptrdiff_t size, double* out);

/// What stream() does on some machines.
void copy_past_caches(const float* values, std::ptrdiff_t size, float* out);
void copy_past_caches(const double* values, std::ptrdiff_t size, double* out);

/// Lets other threads see what this one has streamed. Takes as long as memory does: not for every
/// row.
void finish_streams();

}  // namespace whitediff
