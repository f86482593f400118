#pragma once

#include <array>
#include <cstddef>
#include <vector>

#include "whitediff/cells.hpp"

namespace whitediff {

/// What limits the cells of a frame.
struct CellLimits {
  int border = 0;        ///< Pixels that a cell must read beyond its box.
  double widest = 0.0;   ///< The greatest width of a box for which the filter varies little.
  double highest = 0.0;  ///< Likewise the height.
};

/// The cells that cover a frame at the least cost.
std::vector<Cell> plan_cells(Shape frame, const CellLimits& limits);

/// The two halves of a cell, upper and lower, that one complex transform filters; the lower one
/// is empty if the box is one pixel high.
/// @param radius  of the filter: what a half reads of the other.
std::array<Cell, 2> tiles_of(const Cell& cell, int radius);

/// The shape of the transform that filters the tiles of each cell without wrapping around: a
/// filter of this radius finds zeros where it reaches out of what a tile reads.
Shape transform_shape(const std::vector<Cell>& cells, int radius);

}  // namespace whitediff
