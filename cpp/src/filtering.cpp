#include "filtering.hpp"

#include <algorithm>
#include <numeric>

namespace whitediff {
namespace {

constexpr std::size_t batch_bytes = std::size_t{8} << 20;

/// How many cells have their kernels evaluated at once: memory is bounded, work stays parallel.
std::size_t batch_size(const NoiseModel& noise, int threads) {
  std::size_t kernels = noise.psf().size();
  for (const auto& source : noise.sources()) kernels += source.kernels.size();
  const std::size_t bytes = std::max<std::size_t>(kernels, 1) * noise.largest_kernel().size() * 8;
  return std::max<std::size_t>(batch_bytes / bytes, 4 * static_cast<std::size_t>(threads));
}

}  // namespace

template <class T>
Filtering<T>::Filtering(CellTask<T> task, const NoiseModel& noise, int threads,
                        const Progress& progress)
    : task_(std::move(task)),
      noise_(noise),
      threads_(threads),
      progress_(progress),
      varying_(noise.size() > 1),
      at_once_(batch_size(noise, threads)),
      workers_(threads),
      clipped_(task_.cells.size()) {
  if (!varying_) frame_ = noise.batch();
}

template <class T>
CellWorker<T>& Filtering<T>::worker() {
  return workers_.get([&] {
    CellWorker<T> worker(task_);
    if (!varying_) worker.set_filter(frame_[0]);
    return worker;
  });
}

template <class T>
void Filtering<T>::run_cell(std::size_t cell, const NoiseModel::Batch& local, std::size_t n) {
  CellWorker<T>& worker = this->worker();
  if (varying_) worker.set_filter(local[n]);
  worker.run(cell, varying_ ? local[n] : frame_[0]);
  clipped_[cell] = worker.clipped_modes();
}

template <class T>
void Filtering<T>::run(std::span<const std::size_t> cells, InputRows<T> input,
                       const OutputRows<T>& output) {
  task_.input = std::move(input);
  task_.output = output;
  for (std::size_t first = 0; first < cells.size(); first += at_once_) {
    const auto batch = cells.subspan(first, std::min(at_once_, cells.size() - first));
    const NoiseModel::Batch local = varying_ ? noise_.batch(batch) : NoiseModel::Batch();
    parallel_for(batch.size(), threads_, [&](std::size_t n) {
      try {
        run_cell(batch[n], local, n);
        ++done_;
        if (thread_index() == 0) report();
      } catch (...) {
        task_.turns.give_up();
        throw;
      }
    });
    report();
  }
}

template <class T>
void Filtering<T>::report() {
  const std::size_t done = done_;
  if (!progress_ || done == reported_) return;
  reported_ = done;
  progress_(done, task_.cells.size());
}

template <class T>
long Filtering<T>::clipped_modes() const {
  return varying_ ? std::accumulate(clipped_.begin(), clipped_.end(), 0L) : clipped_.front();
}

template class Filtering<float>;
template class Filtering<double>;

}  // namespace whitediff
