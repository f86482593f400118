#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "cell_filter.hpp"
#include "cell_transform.hpp"
#include "completion.hpp"
#include "filter_edge.hpp"
#include "frame_rows.hpp"
#include "turns.hpp"
#include "values.hpp"
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
  ValueRule<T> rule;  ///< Of the image.
  FilterOptions filter;
  FilterSupport support;
  VariancePropagation variance;
  int border;
  Shape transform;
  int frame_height;
};

/// Filters cells one after the other; every thread has its own.
template <class T>
class CellWorker {
 public:
  /// Keeps a reference to the task.
  explicit CellWorker(const CellTask<T>& task) : task_(task), engine_(task) {}

  /// Makes the filter for the noise at one position.
  void set_filter(const LocalNoise& noise) {
    engine_.set_filter(noise);
    exact_is_set_ = false;
  }
  long clipped_modes() const { return engine_.filter.clipped_modes(); }

  /// Adds what one cell gives to the outputs, when its turn comes.
  /// @param noise  what the filter was made for; its variances stand in for those that are unknown.
  void run(std::size_t cell, const LocalNoise& noise);

 private:
  /// The weights of a row, most of which have those of the row before.
  struct Weights {
    Blend::Row row;
    int first = 0;
    std::vector<double> shared;
    std::vector<char> given;  // whether another cell has given the pixel something already
  };

  /// Pixels of a row of the frame.
  struct Run {
    int row, begin, end;
  };

  /// Transform and filter of a cell, in one precision.
  template <class U>
  struct Engine {
    CellTransform<U> transform;
    CellFilter<U> filter;
    fft::Buffer<std::complex<U>> variance_lines;

    explicit Engine(const CellTask<T>& task)
        : transform(task.transform),
          filter(task.transform, task.filter, task.support, task.variance) {}
    void set_filter(const LocalNoise& noise) { filter.set(noise, transform); }
  };

  /// Calls use(engine) with that of T, or with one in double precision.
  template <class Use>
  void with_engine(bool exact, const LocalNoise& noise, const Use& use);

  /// Row y of what a tile reads of a plane, counted from the first row of the tile.
  std::span<const T> tile_row(ImageView<const T> plane, int tile, int y) const;
  /// Bits of the pixels of that row; null if there is no mask.
  const std::int32_t* tile_bits(int tile, int y) const;
  /// Whether the cell sees what lies beyond the frame.
  bool reaches_edge() const;
  /// That of the expanded box, for filling it.
  Level filling_level(double sigma);
  /// The same to spare digits alone.
  Level rough_level();
  /// Along rows of the tiles.
  template <class U>
  auto ramps_of(const Level& level) const {
    return [this, &level](int tile, int y) {
      const Box& expanded = tiles_[tile].expanded;
      return level.row<U>(expanded.x0, expanded.y0 + y);
    };
  }
  /// The standard deviation of the noise of the filtered image.
  double noise_sigma(const LocalNoise& noise) const;

  /// Loads the image as it is; says whether that will do: all pixels are values near the level.
  bool load_image(const Level& level, double sigma);
  /// Finds the extremes of the image, and reports rows with gaps.
  Extremes<T> extremes_of_image() const;
  /// Loads the image with its gaps filled.
  template <class U>
  void load_values(Engine<U>& engine, const Level& level) const;
  /// Calls visit(tile, y, row) for every row y of the box, `row` beginning at box.x0; it may change
  /// the row.
  template <class U, class LevelOf, class Visit>
  void read(Engine<U>& engine, const LevelOf& level, const Visit& visit);
  template <class U>
  void give_image(Engine<U>& engine, const Level& level, bool complete);
  /// Propagates the variances in full, and transforms the columns back; says whether that takes
  /// double precision.
  template <class U>
  bool filter_variance(Engine<U>& engine, const LocalNoise& noise) const;
  /// Loads a variance plane with the mean where it is not known, and reports such rows; says
  /// whether that takes double precision.
  template <class U>
  bool load_known(Engine<U>& engine, std::size_t source, double mean) const;
  template <class U>
  void give_variance(Engine<U>& engine);
  /// Marks pixels of the box whose filter sees too much of gaps or of what the cell does not read.
  void mark_edge(bool complete);
  void find_marks(bool complete);
  std::vector<Gap> gaps_of(int y) const;
  const Weights& weigh(int tile, int y);
  /// Asks memory for the pixels of a row of an output that is to come.
  void prefetch_row(ImageView<T> plane, int tile, int y) const;
  /// Gives the pixels of the box in a row, times their weights, to an output.
  template <class U>
  void add_row(const Weights& weights, const U* values, T* out) const;

  int frame_row(int y) const { return y + task_.input.first; }
  int output_row(int y) const { return y + task_.input.first - task_.output.first; }
  /// The rows that the taller tile reads.
  int height() const;

  const CellTask<T>& task_;
  Engine<T> engine_;
  std::unique_ptr<Engine<double>> exact_;  // made when a cell first asks for it
  bool exact_is_set_ = false;
  std::array<Weights, 2> weights_;  // of the tiles
  fft::Room<T> level_room_;

  std::vector<Run> marked_;                 // at the edge of the cell that was last there
  std::optional<std::size_t> marked_cell_;  // which one, if it had no gaps: the same in any frame

  // The cell at work; rows count from the first one of the input.
  std::size_t cell_ = 0;
  Box box_, expanded_;
  std::array<Cell, 2> tiles_;
};

}  // namespace whitediff
