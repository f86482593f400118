#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <vector>

#include "whitediff/geometry.hpp"

namespace whitediff {

/// The threads to use: `requested`, or for 0 the usable_cores(); 1 in a fork of a process.
/// @throws std::invalid_argument if `requested` is negative.
int thread_count(int requested);

/// The threads to use for a frame: `requested`, or for 0 as many as it keeps busy, up to
/// thread_count(0): to wake one takes as long as a small frame does.
int threads_of_frame(Shape frame, int requested);

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

  /// Calls visit(value) for every one that was made.
  template <class Visit>
  void for_each(const Visit& visit) const {
    for (const auto& value : values_) {
      if (value) visit(*value);
    }
  }

 private:
  std::vector<std::unique_ptr<T>> values_;
};

/// Runs body() in the calling thread, inside one OpenMP region, whose other threads are there for
/// the loops that it runs and sleep between them: at the end of a region of its own, each loop
/// would have them spin for some milliseconds, which takes the time of whoever has work. What the
/// body throws reaches the caller.
void with_threads(int threads, const std::function<void()>& body);

/// How many threads the region has in which the calling one may begin a loop; 1 outside of any.
int threads_at_hand();

/// Runs body(i) for i = 0 .. count - 1 on up to `threads` threads, begun in this order; the calling
/// thread is the one of index 0. The first exception stops the rest and is thrown again in the
/// calling thread.
void parallel_for(std::size_t count, int threads, const std::function<void(std::size_t)>& body);

}  // namespace whitediff
