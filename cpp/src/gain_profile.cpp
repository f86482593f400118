#include "gain_profile.hpp"

#include <algorithm>
#include <limits>
#include <utility>

namespace whitediff {

template <class T>
GainProfile<T>::GainProfile(const std::vector<Cell>& cells, const Blend& blend,
                            const std::vector<std::vector<double>>& gains,
                            std::vector<double> factors, const Rows& rows, int width)
    : cells_(cells),
      blend_(blend),
      gains_(gains),
      factors_(std::move(factors)),
      profiles_(factors_.size(), std::vector<T>(width)),
      covered_(width) {
  for (std::size_t cell = 0; cell < cells.size(); ++cell) {
    const Box& box = cells[cell].box;
    if (box.y0 < rows.end && box.y1 > rows.begin) reaching_.push_back(cell);
  }
}

template <class T>
bool GainProfile<T>::move_to(int row) {
  if (row >= first_ && row <= last_) return false;
  first_ = row;
  last_ = std::numeric_limits<int>::max();
  for (auto& profile : profiles_) std::fill(profile.begin(), profile.end(), T(0));
  std::fill(covered_.begin(), covered_.end(), false);
  for (const std::size_t cell : reaching_) {
    const Box& box = cells_[cell].box;
    if (row < box.y0) {
      last_ = std::min(last_, box.y0 - 1);
    } else if (row < box.y1) {
      add(cell, row);
    }
  }
  const auto is_covered = [](char covered) { return covered; };
  covers_all_ = std::all_of(covered_.begin(), covered_.end(), is_covered);
  covers_any_ = std::any_of(covered_.begin(), covered_.end(), is_covered);
  return true;
}

template <class T>
void GainProfile<T>::add(std::size_t cell, int row) {
  const Box& box = cells_[cell].box;
  weights_.resize(box.width());
  const Blend::Row alone = blend_.row(cell, row, weights_.data());
  last_ = std::min({last_, alone.last, box.y1 - 1});
  std::fill(weights_.begin() + (alone.begin - box.x0), weights_.begin() + (alone.end - box.x0),
            1.0);
  for (std::size_t i = 0; i < profiles_.size(); ++i) {
    // A small gain may go with a large factor: their product alone need be within the range of T.
    const double gain = gains_[cell][i] * factors_[i];
    for (int x = box.x0; x < box.x1; ++x) {
      profiles_[i][x] += static_cast<T>(weights_[x - box.x0] * gain);
    }
  }
  std::fill(covered_.begin() + box.x0, covered_.begin() + box.x1, true);
}

template class GainProfile<float>;
template class GainProfile<double>;

}  // namespace whitediff
