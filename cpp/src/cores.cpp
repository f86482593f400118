#include "whitediff/cores.hpp"

#include <omp.h>

#include <algorithm>
#include <cmath>

#include "cpu_quota.hpp"

namespace whitediff {

int usable_cores() {
  // Limits of groups hardly ever change, and reading them takes as long as whitening a small image.
  static const std::optional<double> quota = cpu_quota("/proc/self/cgroup", "/sys/fs/cgroup");
  int cores = std::min(omp_get_max_threads(), omp_get_num_procs());
  if (quota) cores = static_cast<int>(std::min<double>(cores, std::ceil(*quota)));
  return std::max(cores, 1);
}

}  // namespace whitediff
