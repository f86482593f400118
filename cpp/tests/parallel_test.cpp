#include "parallel.hpp"

#include <omp.h>

#include <atomic>
#include <chrono>
#include <ctime>
#include <thread>

#include "support.hpp"

using namespace whitediff;

namespace {

/// What all threads of the process have taken of the cores so far.
double processor_seconds() {
  timespec time;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

void sleep_for_ms(int time) { std::this_thread::sleep_for(std::chrono::milliseconds(time)); }

}  // namespace

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
    sleep_for_ms(1);
  };
  CHECK_THROWS_WITH_AS(parallel_for(5000, 2, body), "three", std::out_of_range);
  CHECK(runs < 5000);
}

TEST_CASE("the number of threads is what was asked for, or the usable cores") {
  CHECK(thread_count(3) == 3);
  CHECK(thread_count(0) == usable_cores());
  CHECK_THROWS_AS(thread_count(-1), std::invalid_argument);
}

TEST_CASE("loops share the threads of a call, each loop complete before the next one") {
  for (const int threads : {1, 2, 4}) {
    const auto caller = std::this_thread::get_id();
    std::atomic<int> runs = 0;
    with_threads(threads, [&] {
      CHECK(std::this_thread::get_id() == caller);
      for (int loop = 0; loop < 300; ++loop) {
        parallel_for(1 + loop % 7, threads, [&](std::size_t) {
          if (thread_index() == 0) CHECK(std::this_thread::get_id() == caller);
          ++runs;
        });
        REQUIRE(runs == 1 + loop % 7);
        runs = 0;
      }
    });
  }
}

TEST_CASE("every thread of a call has its share of a long loop") {
  std::vector<int> runs(3);
  with_threads(3, [&] {
    parallel_for(300, 3, [&](std::size_t) {
      ++runs[thread_index()];
      sleep_for_ms(1);
    });
  });
  CHECK(runs[0] + runs[1] + runs[2] == 300);
  CHECK(*std::min_element(runs.begin(), runs.end()) > 0);
}

TEST_CASE("a call goes on after a loop that failed, and what it throws reaches the caller") {
  const auto body = [] {
    const auto fail = [](std::size_t) { throw std::out_of_range("loop"); };
    CHECK_THROWS_WITH_AS(parallel_for(9, 3, fail), "loop", std::out_of_range);
    std::atomic<int> runs = 0;
    parallel_for(9, 3, [&](std::size_t) { ++runs; });
    CHECK(runs == 9);
    throw std::runtime_error("call");
  };
  CHECK_THROWS_WITH_AS(with_threads(3, body), "call", std::runtime_error);
}

TEST_CASE("a loop inside a loop, or inside a parallel region, has one thread") {
  std::atomic<int> runs = 0, others = 0;
  const auto inner = [&] {
    const auto caller = std::this_thread::get_id();
    const int index = thread_index();
    parallel_for(4, 4, [&](std::size_t) {
      ++runs;
      others += std::this_thread::get_id() != caller || thread_index() != 0;
    });
    others += thread_index() != index;
  };
  parallel_for(8, 3, [&](std::size_t) { inner(); });
#pragma omp parallel num_threads(2)
  inner();
  CHECK(others == 0);
  CHECK(runs >= 4 * 9);
}

TEST_CASE("threads that wait take no time") {
  const double before = processor_seconds();
  with_threads(4, [] {
    // For work, and for one another.
    sleep_for_ms(100);
    parallel_for(4, 4, [](std::size_t i) { sleep_for_ms(i == 3 ? 100 : 0); });
  });
  // Threads that spin would take at least as long as they wait, each.
  CHECK(processor_seconds() - before < 0.05);
}

TEST_CASE("a region has threads at hand for whoever may begin a loop") {
  CHECK(threads_at_hand() == 1);
  with_threads(3, [] {
    CHECK(threads_at_hand() == 3);
    with_threads(2, [] { CHECK(threads_at_hand() == 3); });
    std::atomic<int> inside = 0;
    parallel_for(3, 3, [&](std::size_t) { inside += threads_at_hand(); });
    CHECK(inside == 3);
  });
  CHECK(threads_at_hand() == 1);
}
