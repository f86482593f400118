#include "parallel.hpp"

#include <omp.h>

#include <stdexcept>
#include <string>

namespace whitediff {

int thread_count(int requested) {
  if (requested < 0) {
    throw std::invalid_argument("n_threads: expected 0 (all cores) or more, got " +
                                std::to_string(requested));
  }
  return requested > 0 ? requested : omp_get_num_procs();
}

int thread_index() { return omp_get_thread_num(); }

}  // namespace whitediff
