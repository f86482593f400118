#pragma once

#include <atomic>
#include <cstddef>
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
  /// Keeps references to plan, blend and rule.
  Completion(const Whitening& plan, Shape frame, const Blend& blend, VariancePropagation variance,
             const ValueRule<T>& rule)
      : cells_(plan.cells),
        noise_(plan.noise),
        blend_(blend),
        variance_(variance),
        rule_(rule),
        gains_(plan.cells.size()),
        has_gaps_(frame.height),
        has_unknown_(frame.height) {
    unknown_.variances.resize(plan.noise.sources().size());
  }

  /// What a cell multiplies the variance of every source by. Threads may set different cells.
  void set_gains(std::size_t cell, const std::vector<double>& gains) { gains_[cell] = gains; }
  /// A row of the frame in which a cell has found pixels without a value. From any thread.
  void report_gaps(int row) { has_gaps_[row].store(true, std::memory_order_relaxed); }
  /// The same of variances, if they are propagated in full.
  void report_unknown(int row) { has_unknown_[row].store(true, std::memory_order_relaxed); }

  /// Estimates the variances (docs/mathematics.md, Eq. 4), or completes those that were propagated
  /// in full: where the variance of a source is not known its mean stands in, and what is no
  /// variance (not finite, beyond the limit) is put back. Pixels of no cell become NaN; rows of no
  /// cell need no input.
  void run(const InputRows<T>& input, const OutputRows<T>& output, int threads);

  /// Forgets what cells have reported, for the next frame; what was found so far is kept.
  void restart();

  /// What was found in the rows that are complete.
  const Unknown& unknown() const { return unknown_; }

 private:
  class RowWorker;

  const std::vector<Cell>& cells_;
  const NoiseModel& noise_;
  const Blend& blend_;
  VariancePropagation variance_;
  ValueRule<T> rule_;
  std::vector<std::vector<double>> gains_;  // of cells, then of sources
  std::vector<std::atomic<bool>> has_gaps_, has_unknown_;
  Unknown unknown_;
};

}  // namespace whitediff
