#pragma once

#include <vector>

#include "whitediff/export.hpp"
#include "whitediff/geometry.hpp"

namespace whitediff {

/// A part of the frame that is filtered with one filter.
struct Cell {
  Box box;       ///< The pixels that the cell gives to the result (its inner box).
  Box expanded;  ///< The pixels that it reads: `box` and a border, inside the frame.

  bool operator==(const Cell&) const = default;
};

/// What becomes of pixels that several cells give.
enum class Reduction {
  crossfade,  ///< Mean weighted with the distance to the edge of each box: no seams
              ///< (docs/mathematics.md, Eq. 13).
  average,    ///< Plain mean.
  copy,       ///< The cell that comes last in the list.
};

/// Cells of equal size, to within a pixel, that cover a frame.
/// @param rows, columns  numbers of cells, at least 1, at most the frame's height and width.
/// @param overlap        pixels that neighbouring boxes share.
/// @param border         pixels by which `expanded` exceeds `box`, as far as the frame goes.
/// @throws std::invalid_argument if a number is out of range.
WHITEDIFF_EXPORT std::vector<Cell> make_cells(Shape frame, int rows, int columns, int overlap,
                                              int border);

/// Checks cells that a caller gives.
/// @throws std::invalid_argument if there is none, a box is empty or not inside its expanded box,
///         or an expanded box is not inside the frame.
WHITEDIFF_EXPORT void check_cells(const std::vector<Cell>& cells, Shape frame);

/// Which pixels of a frame lie in the box of a cell, row by row.
WHITEDIFF_EXPORT std::vector<bool> coverage(const std::vector<Cell>& cells, Shape frame);

/// The weights with which cells make the result, pixel by pixel; those of one pixel sum to one.
class WHITEDIFF_EXPORT Blend {
 public:
  /// Keeps a reference to the cells.
  Blend(const std::vector<Cell>& cells, Reduction reduction);

  /// What is simple about the weights of a row.
  struct Row {
    int begin, end;  ///< Pixels that no other cell gives; their weights, all one, are not written.
    int last;        ///< All rows up to this one have the same weights.
  };

  /// Weights of the pixels box.x0 .. box.x1 - 1 of the cell in row y of the frame.
  /// @param weights  room for as many values as the box is wide.
  Row row(std::size_t cell, int y, double* weights) const;

  /// The cells that share pixels with this one and must have given theirs before it does: sums
  /// then do not depend on who is faster.
  const std::vector<std::size_t>& predecessors(std::size_t cell) const {
    return predecessors_[cell];
  }

  /// All cells in an order that goes down the frame, every cell after its predecessors and, as far
  /// as can be, not next to them. Each group needs rows of the frame of its own.
  std::vector<std::vector<std::size_t>> groups() const;

 private:
  const std::vector<Cell>& cells_;
  Reduction reduction_;
  std::vector<std::vector<std::size_t>> neighbours_, predecessors_;
  std::vector<std::size_t> round_;  // cells of one round share no pixels
};

}  // namespace whitediff
