#include "parallel.hpp"

#include <omp.h>

#include <chrono>
#include <thread>

#include "support.hpp"

using namespace whitediff;

TEST_CASE("every index runs once, on the threads asked for") {
  for (const int threads : {1, 2, 5}) {
    std::vector<std::atomic<int>> runs(1000);
    std::atomic<int> highest = 0;
    parallel_for(runs.size(), threads, [&](std::size_t i) {
      ++runs[i];
      int seen = highest;
      while (thread_index() > seen && !highest.compare_exchange_weak(seen, thread_index())) {
      }
    });
    CHECK(std::all_of(runs.begin(), runs.end(), [](const auto& count) { return count == 1; }));
    CHECK(highest < threads);
  }
}

TEST_CASE("the first failure stops the rest and reaches the caller") {
  std::atomic<int> runs = 0;
  const auto body = [&](std::size_t i) {
    ++runs;
    if (i == 3) throw std::out_of_range("three");
    // All of them would take seconds: time enough for the failure to be seen.
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  };
  CHECK_THROWS_WITH_AS(parallel_for(5000, 2, body), "three", std::out_of_range);
  CHECK(runs < 5000);
}

TEST_CASE("the number of threads is what was asked for, or all cores") {
  CHECK(thread_count(3) == 3);
  CHECK(thread_count(0) == omp_get_num_procs());
  CHECK_THROWS_AS(thread_count(-1), std::invalid_argument);
}
