#pragma once

#include <atomic>
#include <cstddef>
#include <vector>

#include "whitediff/cells.hpp"

namespace whitediff {

/// Lets cells that share pixels give them one after the other, always in the same order. No thread
/// waits for ever if every thread takes cells in the order of Blend::groups().
class Turns {
 public:
  /// Keeps a reference to the blend.
  Turns(const Blend& blend, std::size_t cells) : blend_(blend), done_(cells) {}

  /// Waits for the predecessors of a cell; false if the computation has been given up.
  bool wait(std::size_t cell) const;
  void finish(std::size_t cell);
  /// Wakes all who wait: there is an error, and some turns will never come.
  void give_up();

 private:
  const Blend& blend_;
  std::vector<std::atomic<bool>> done_;
  std::atomic<bool> given_up_ = false;
};

}  // namespace whitediff
