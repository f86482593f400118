#pragma once

#include "whitediff/export.hpp"

namespace whitediff {

/// The cores that the calling thread may keep busy: the least of what OpenMP is set to
/// (OMP_NUM_THREADS, omp_set_num_threads), of the cores that the process may run on, and of the
/// share of their time that its control group has, rounded up.
WHITEDIFF_EXPORT int usable_cores();

}  // namespace whitediff
