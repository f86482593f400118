#pragma once

#include <atomic>
#include <cstddef>
#include <exception>
#include <memory>
#include <vector>

namespace whitediff {

/// The threads to use: `requested`, or for 0 all the cores that the process may run on.
/// @throws std::invalid_argument if `requested` is negative.
int thread_count(int requested);

/// The index of the calling thread inside parallel_for, from 0.
int thread_index();

/// What each thread has for itself inside parallel_for.
template <class T>
class PerThread {
 public:
  explicit PerThread(int threads) : values_(threads) {}

  /// That of the calling thread, made by make() if it is not there yet.
  template <class Make>
  T& get(const Make& make) {
    auto& value = values_[thread_index()];
    if (!value) value = std::make_unique<T>(make());
    return *value;
  }

 private:
  std::vector<std::unique_ptr<T>> values_;
};

/// Runs body(i) for i = 0 .. count - 1 on `threads` threads, begun in this order. The first
/// exception stops the rest and is thrown again in the calling thread.
template <class Body>
void parallel_for(std::size_t count, int threads, const Body& body) {
  if (static_cast<std::size_t>(threads) > count) threads = static_cast<int>(count);
  if (count == 0) return;
  std::exception_ptr failure;
  std::atomic<bool> failed = false;
#pragma omp parallel for schedule(monotonic : dynamic) num_threads(threads)
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
