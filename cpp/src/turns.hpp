#pragma once

#include <atomic>
#include <cstddef>
#include <vector>

#include "whitediff/cells.hpp"

namespace whitediff {

/// Lets cells that share pixels give them one after the other, always in the same order. No thread
/// waits for ever if every thread takes cells in the order of Blend::groups().
///
/// Rounds of cells that share no pixels, each complete before the next one, would give the same
/// result, but leave threads without work at the end of each: two threads take 4 times that of a
/// cell for the 6 cells of 1024 x 1024 pixels, and 16 for the 24 of 2048 x 2048 in bands, where
/// turns take 3 and 12.
class Turns {
 public:
  /// What a cell gives, in this order.
  enum class Part { image, variance };

  /// Keeps a reference to the blend.
  Turns(const Blend& blend, std::size_t cells) : blend_(blend), finished_(cells) {}

  /// Waits until the predecessors of a cell have given this part; false if the computation has been
  /// given up.
  bool wait(std::size_t cell, Part part) const;
  void finish(std::size_t cell, Part part);
  /// Forgets what was given, for the next frame.
  void restart();
  /// Wakes all who wait: there is an error, and some turns will never come.
  void give_up();

 private:
  const Blend& blend_;
  std::vector<std::atomic<int>> finished_;  // parts, of each cell
  std::atomic<bool> given_up_ = false;
};

}  // namespace whitediff
