#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "cell_filter.hpp"
#include "cell_transform.hpp"
#include "completion.hpp"
#include "frame_rows.hpp"
#include "turns.hpp"
#include "whitediff/whiten.hpp"

namespace whitediff {

/// What all cells of a frame share. The rows may be exchanged between cells.
template <class T>
struct CellTask {
  InputRows<T> input;
  OutputRows<T> output;
  const std::vector<Cell>& cells;
  const Blend& blend;
  Turns& turns;
  Completion<T>& completion;
  std::int32_t ignore_mask;
  /// What stands for pixels that are not finite; if empty, the mean of each cell.
  std::optional<double> filling;
  FilterOptions filter;
  FilterSupport support;
  VariancePropagation variance;
  int border;
  Shape transform;
};

/// Filters cells one after the other; every thread has its own.
template <class T>
class CellWorker {
 public:
  /// Keeps a reference to the task.
  explicit CellWorker(const CellTask<T>& task)
      : task_(task),
        transform_(task.transform),
        filter_(task.transform, task.filter, task.support, task.variance) {}

  /// Makes the filter for the noise at one position.
  void set_filter(const LocalNoise& noise) { filter_.set(noise, transform_); }
  long clipped_modes() const { return filter_.clipped_modes(); }

  /// Adds what one cell gives to the outputs, when its turn comes; the variances of `noise` stand
  /// in for those that are not finite.
  void run(std::size_t cell, const LocalNoise& noise);

 private:
  /// The weights of a row, most of which have those of the row before.
  struct Weights {
    Blend::Row row;
    int first = 0;
    std::vector<double> shared;
  };

  /// Row y of what a tile reads of a plane, counted from the first row of the tile.
  std::span<const T> tile_row(ImageView<const T> plane, int tile, int y) const;
  /// Loads the image and says whether it has no gaps; they are filled if there is a filling.
  bool load_image(std::optional<T> filling);
  /// Transforms, filters and transforms the columns back; says whether the image has no gaps.
  bool filter_image();
  /// Calls visit(tile, y, row) for every row y of the box, `row` beginning at box.x0.
  template <class Visit>
  void read(const Visit& visit);
  void give_image(bool complete);
  /// Propagates the variances in full, and transforms the columns back.
  void filter_variance(const LocalNoise& noise);
  void give_variance();
  const Weights& weigh(int tile, int y);
  /// Gives the pixels of the box in a row, times their weights, to an output.
  void add_row(const Weights& weights, const T* values, T* out) const;

  int frame_row(int y) const { return y + task_.input.first; }
  int output_row(int y) const { return y + task_.input.first - task_.output.first; }
  /// The rows that the taller tile reads.
  int height() const;

  const CellTask<T>& task_;
  CellTransform<T> transform_;
  CellFilter<T> filter_;
  fft::Buffer<std::complex<T>> variance_lines_;
  std::array<Weights, 2> weights_;  // of the tiles

  // The cell at work; rows count from the first one of the input.
  std::size_t cell_ = 0;
  Box box_, expanded_;
  std::array<Cell, 2> tiles_;
};

}  // namespace whitediff
