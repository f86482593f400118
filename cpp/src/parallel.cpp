#include "parallel.hpp"

#include <omp.h>

#include <stdexcept>
#include <string>

namespace whitediff {
namespace {

// More than any machine has; the OpenMP runtime ends the process where it cannot start threads.
constexpr int most_threads = 4096;

}  // namespace

int thread_count(int requested) {
  if (requested < 0 || requested > most_threads) {
    throw std::invalid_argument("n_threads: expected 0 (all cores) to " +
                                std::to_string(most_threads) + ", got " +
                                std::to_string(requested));
  }
  return requested > 0 ? requested : omp_get_num_procs();
}

int thread_index() { return omp_get_thread_num(); }

}  // namespace whitediff
