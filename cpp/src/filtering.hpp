#pragma once

#include <atomic>
#include <span>
#include <vector>

#include "cell_worker.hpp"
#include "parallel.hpp"

namespace whitediff {

/// Filters the cells of a frame, in the order of Blend::groups(), on several threads.
template <class T>
class Filtering {
 public:
  /// @param task   without rows.
  /// @param noise  at every cell, or at one position for all of them.
  /// Keeps references to all but the task.
  Filtering(CellTask<T> task, const NoiseModel& noise, int threads, const Progress& progress);

  /// Adds what some cells give to the outputs.
  void run(std::span<const std::size_t> cells, InputRows<T> input, const OutputRows<T>& output);

  /// Modes with less power than the floor, over all filters.
  long clipped_modes() const;

 private:
  CellWorker<T>& worker();
  void run_cell(std::size_t cell, const NoiseModel::Batch& local, std::size_t n);
  /// Tells of progress; in the calling thread.
  void report();

  CellTask<T> task_;
  const NoiseModel& noise_;
  int threads_;
  const Progress& progress_;
  bool varying_;
  NoiseModel::Batch frame_;  // the noise, if there is one filter for all
  std::size_t at_once_;
  PerThread<CellWorker<T>> workers_;
  std::vector<long> clipped_;
  std::atomic<std::size_t> done_ = 0;
  std::size_t reported_ = 0;
};

}  // namespace whitediff
