#include "turns.hpp"

namespace whitediff {
namespace {

/// How many parts there are when this one is finished.
int number(Turns::Part part) { return static_cast<int>(part) + 1; }

constexpr int more_than_all = 1 << 10;

}  // namespace

bool Turns::wait(std::size_t cell, Part part) const {
  for (const std::size_t other : blend_.predecessors(cell)) {
    int finished = finished_[other];
    while (finished < number(part) && !given_up_) {
      finished_[other].wait(finished);
      finished = finished_[other];
    }
  }
  return !given_up_;
}

void Turns::finish(std::size_t cell, Part part) {
  finished_[cell] = number(part);
  finished_[cell].notify_all();
}

void Turns::restart() {
  for (auto& finished : finished_) finished = 0;
}

void Turns::give_up() {
  given_up_ = true;
  for (auto& finished : finished_) {
    finished = more_than_all;
    finished.notify_all();
  }
}

}  // namespace whitediff
