#pragma once

#include <cstddef>
#include <vector>

#include "whitediff/cells.hpp"
#include "whitediff/plane.hpp"

namespace whitediff {

/// The gains of cells blended along one row of the frame, as the cells' pixels are.
template <class T>
class GainProfile {
 public:
  /// @param gains    of cells, then of sources.
  /// @param factors  what the gains of each source are multiplied by.
  /// @param rows     of the frame, those that a profile will be wanted of.
  /// Keeps references to cells, blend and gains.
  GainProfile(const std::vector<Cell>& cells, const Blend& blend,
              const std::vector<std::vector<double>>& gains, std::vector<double> factors,
              const Rows& rows, int width);

  /// Makes the profile of a row; says whether it is another than before.
  bool move_to(int row);

  /// That of a source, [x]; 0 where there is no cell.
  const std::vector<T>& of(std::size_t source) const { return profiles_[source]; }
  /// Whether there is a cell, [x].
  const std::vector<char>& covered() const { return covered_; }
  bool covers_all() const { return covers_all_; }
  bool covers_any() const { return covers_any_; }

 private:
  void add(std::size_t cell, int row);

  const std::vector<Cell>& cells_;
  const Blend& blend_;
  const std::vector<std::vector<double>>& gains_;
  std::vector<double> factors_;
  std::vector<std::size_t> reaching_;  // cells that reach the rows
  std::vector<std::vector<T>> profiles_;
  std::vector<char> covered_;
  bool covers_all_ = false, covers_any_ = false;
  std::vector<double> weights_;
  int first_ = 0, last_ = -1;  // rows with this profile
};

}  // namespace whitediff
