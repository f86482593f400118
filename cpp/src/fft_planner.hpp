#pragma once

// What fft.cpp and the back ends of Fourier transforms share.

#include <cstddef>
#include <mutex>

namespace whitediff::fft {

/// Guards plans and caches. FFTW's planner is not thread-safe; execution is. Recursive, since a
/// constructor that fails destroys the plans that it has made so far, and caches make plans while
/// they hold it.
std::recursive_mutex& planner_mutex();

/// How far apart lines of a batch lie, in numbers of so many bytes.
std::size_t line_pitch(int length, int batch, std::size_t bytes);

}  // namespace whitediff::fft
