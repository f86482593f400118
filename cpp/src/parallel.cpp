#include "parallel.hpp"

#include <omp.h>

#include <string>

#include "require.hpp"

namespace whitediff {
namespace {

// More than any machine has; the OpenMP runtime ends the process where it cannot start threads.
constexpr int most_threads = 4096;

}  // namespace

int thread_count(int requested) {
  require(requested >= 0 && requested <= most_threads, "n_threads",
          "be 0 (all cores) to " + std::to_string(most_threads), requested);
  return requested > 0 ? requested : omp_get_num_procs();
}

int thread_index() { return omp_get_thread_num(); }

}  // namespace whitediff
