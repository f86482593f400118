#include "turns.hpp"

namespace whitediff {

bool Turns::wait(std::size_t cell) const {
  for (const std::size_t other : blend_.predecessors(cell)) done_[other].wait(false);
  return !given_up_;
}

void Turns::finish(std::size_t cell) {
  done_[cell] = true;
  done_[cell].notify_all();
}

void Turns::give_up() {
  given_up_ = true;
  for (std::size_t cell = 0; cell < done_.size(); ++cell) finish(cell);
}

}  // namespace whitediff
