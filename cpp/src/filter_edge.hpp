#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "whitediff/filter.hpp"
#include "whitediff/image.hpp"

namespace whitediff {

/// Pixels begin .. end - 1 of a row that have no value.
struct Gap {
  int begin, end;
};

/// Marks the pixels more than `edge_share` of whose filter, of its sum of squares, fell on gaps or
/// beyond the frame: neither their values nor their variances are those of the others.
class FilterEdge {
 public:
  FilterEdge(const FilterSupport& support, Shape frame);

  /// How far gaps reach, in pixels.
  int reach() const { return reach_; }

  /// Marks a row of the frame: 1 where the share is too large, 0 elsewhere. Says whether only the
  /// reach() pixels at either end can be marked.
  /// @param gaps  of row y - reach() to y + reach(); those of rows beyond the frame do not count.
  bool mark(int y, std::span<const std::vector<Gap>> gaps, std::uint8_t* marks);

 private:
  /// Adds the shares that fall on a gap of the row `dy` above.
  void add(int dy, const Gap& gap);

  int reach_;
  Shape frame_;
  std::vector<double> sums_;  ///< Of the shares of a row of shifts, up to each of them.
  std::vector<double> shares_;
  std::vector<std::uint8_t> plain_;  ///< Marks of a row with no gaps near it.
};

}  // namespace whitediff
