#pragma once

#include <atomic>
#include <cstddef>
#include <exception>

namespace whitediff {

/// The threads to use: `requested`, or for 0 all the cores that the process may run on.
/// @throws std::invalid_argument if `requested` is negative.
int thread_count(int requested);

/// The index of the calling thread inside parallel_for, from 0.
int thread_index();

/// Runs body(i) for i = 0 .. count - 1 on `threads` threads, in no particular order. The first
/// exception stops the rest and is thrown again in the calling thread.
template <class Body>
void parallel_for(std::size_t count, int threads, const Body& body) {
  if (static_cast<std::size_t>(threads) > count) threads = static_cast<int>(count);
  if (count == 0) return;
  std::exception_ptr failure;
  std::atomic<bool> failed = false;
#pragma omp parallel for schedule(dynamic) num_threads(threads)
  for (std::size_t i = 0; i < count; ++i) {
    if (failed.load(std::memory_order_relaxed)) continue;
    try {
      body(i);
    } catch (...) {
      if (!failed.exchange(true)) failure = std::current_exception();
    }
  }
  if (failure) std::rethrow_exception(failure);
}

}  // namespace whitediff
