#pragma once

#include <cstdint>
#include <vector>

#include "frame_rows.hpp"
#include "gain_profile.hpp"
#include "whitediff/whiten.hpp"

namespace whitediff {

/// Completes rows of a result once all cells that reach them have given their pixels. It goes along
/// whole rows, which is how memory is fastest.
template <class T>
class Completion {
 public:
  /// Keeps references to cells and blend.
  Completion(const std::vector<Cell>& cells, const Blend& blend, VariancePropagation variance,
             std::int32_t ignore_mask)
      : cells_(cells),
        blend_(blend),
        variance_(variance),
        ignore_mask_(ignore_mask),
        gains_(cells.size()) {}

  /// What a cell multiplies the variance of every source by. Threads may set different cells.
  void set_gains(std::size_t cell, const std::vector<double>& gains) { gains_[cell] = gains; }

  /// Estimates the variances (docs/mathematics.md, Eq. 4), or puts gaps back into those that were
  /// propagated in full. Pixels of no cell become NaN; rows of no cell need no input.
  /// @throws std::invalid_argument if a variance plane has a negative, unmasked pixel in a cell.
  void run(const InputRows<T>& input, const OutputRows<T>& output, int threads) const;

 private:
  class RowWorker;

  const std::vector<Cell>& cells_;
  const Blend& blend_;
  VariancePropagation variance_;
  std::int32_t ignore_mask_;
  std::vector<std::vector<double>> gains_;  // of cells, then of sources
};

}  // namespace whitediff
