#include "forked.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <thread>

#include "parallel.hpp"
#include "support.hpp"

using namespace whitediff;

namespace {

/// What the exit status of a fork says that runs body(): 0 if it returns true. An alarm ends one
/// that waits forever.
template <class Body>
int status_of_fork(const Body& body) {
  const pid_t child = fork();
  if (child == 0) {
    alarm(60);
    _exit(body() ? 0 : 1);
  }
  int status = -1;
  waitpid(child, &status, 0);
  return status;
}

Image<float> whitened(int n_threads) {
  DecorrelateOptions options;
  options.whiten.n_threads = n_threads;
  const Image<float> image = test::noise<float>({90, 120}, 1);
  const KernelPtr kernel = test::varying_gaussian({9, 9}, 1.0, 1.5, 120.0);
  return decorrelate<float>(image.view(), {1.0, {}, 1.0, {}}, {2.0, {}, 1.0, {}}, kernel, options)
      .image;
}

}  // namespace

TEST_CASE("a fork uses one thread, whatever the process before it has used") {
  const Image<float> expected = whitened(3);
  CHECK(!is_forked());
  CHECK(status_of_fork([&] {
          return is_forked() && thread_count(0) == 1 && thread_count(3) == 1 &&
                 test::same_bits(whitened(3), expected);
        }) == 0);
  CHECK(thread_count(3) == 3);
}

TEST_CASE("a fork of a fork does so too") {
  CHECK(status_of_fork([] { return status_of_fork([] { return thread_count(2) == 1; }) == 0; }) ==
        0);
}

// A fork inherits locks of a sanitizer's own allocator that another thread has closed.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool sanitized = true;
#elif defined(__has_feature)
constexpr bool sanitized = __has_feature(address_sanitizer) || __has_feature(thread_sanitizer);
#else
constexpr bool sanitized = false;
#endif

TEST_CASE("a fork plans transforms while the process before it does" * doctest::skip(sanitized)) {
  std::atomic<bool> stop = false;
  std::thread planner([&] {
    while (!stop) {
      whitened(1);
      clear_plans();
    }
  });
  for (int n = 0; n < 20; ++n) {
    CHECK(status_of_fork([] {
            whitened(1);
            clear_plans();
            return true;
          }) == 0);
  }
  stop = true;
  planner.join();
}
