#pragma once

#include <array>
#include <optional>
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
  /// What stands for pixels that are not finite; if empty, the mean of each cell.
  std::optional<double> filling;
  const std::vector<NoiseSource<T>>& sources;
  const std::vector<Cell>& cells;
  const Blend& blend;
  FilterOptions filter;
  FilterSupport support;
  VariancePropagation variance;
  int border;
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
  void set_filter(const LocalNoise& noise) { filter_.set(noise, transform_); }
  long clipped_modes() const { return filter_.clipped_modes(); }

  /// Adds what one cell gives to the outputs; the variances of `noise` stand in for those that are
  /// not finite.
  void run(std::size_t cell, const LocalNoise& noise);

 private:
  using Tiles = std::array<Cell, 2>;

  /// Loads the image and says whether it has no gaps; they are filled if there is a filling.
  bool load_image(const Tiles& tiles, std::optional<T> filling);
  void filter_image(std::size_t cell);
  /// Calls visit(y, row) for every row y of the box, `row` beginning at box.x0.
  template <class Visit>
  void read(const Tiles& tiles, const Visit& visit);
  void propagate_variance(std::size_t cell, const LocalNoise& noise);
  /// The estimated variance of the pixels of a box in row y.
  void estimate_variance(const Box& box, int y);
  /// @throws std::invalid_argument if a variance plane has a negative, unmasked pixel in row y.
  void check_variance(const NoiseSource<T>& source, ImageView<const T> plane, const Box& box,
                      int y) const;
  /// Gives the pixels of a box in row y, times their weights, to an output.
  void add_row(const Box& box, const Blend::Run& alone, const T* values, T* out) const;

  const CellTask<T>& task_;
  CellTransform<T> transform_;
  CellFilter<T> filter_;
  fft::Buffer<std::complex<T>> variance_lines_;
  std::vector<double> weights_;
  std::vector<T> row_;
};

}  // namespace whitediff
