#pragma once

#include <vector>

#include "cell_filter.hpp"
#include "cell_transform.hpp"
#include "whitediff/statistics.hpp"
#include "whitediff/whiten.hpp"

namespace whitediff {

/// What all cells of a frame share.
template <class T>
struct CellTask {
  ImageView<const T> image;
  PixelMask mask;
  const std::vector<NoiseSource<T>>& sources;
  const std::vector<Cell>& cells;
  const Blend& blend;
  FilterOptions filter;
  FilterSupport support;
  VariancePropagation variance;
  Shape transform;
  ImageView<T> image_out;
  ImageView<T> variance_out;
};

/// Filters cells one after the other; every thread has its own.
template <class T>
class CellWorker {
 public:
  explicit CellWorker(const CellTask<T>& task)
      : task_(task),
        transform_(task.transform),
        filter_(task.transform, task.filter, task.support, task.variance) {}

  /// Makes the filter for the noise at one position.
  void set_filter(const LocalNoise& noise) { filter_.set(noise); }
  long clipped_modes() const { return filter_.clipped_modes(); }

  /// Adds what one cell gives to the outputs; the variances of `noise` stand in for those that are
  /// not finite.
  void run(std::size_t cell, const LocalNoise& noise);

 private:
  void filter_image(const Cell& cell);
  void estimate_variance(const Cell& cell);
  void propagate_variance(const Cell& cell, const LocalNoise& noise);
  void set_weights(std::size_t cell);
  const T* weights(int row_of_box) const { return weights_.data() + row_of_box * box_width_; }

  const CellTask<T>& task_;
  CellTransform<T> transform_;
  CellFilter<T> filter_;
  fft::Buffer<std::complex<T>> variance_spectrum_;
  std::vector<double> row_weights_;
  std::vector<T> weights_;
  std::vector<T> row_;
  std::ptrdiff_t box_width_ = 0;
};

}  // namespace whitediff
