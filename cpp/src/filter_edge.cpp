#include "filter_edge.hpp"

#include <algorithm>

#include "whitediff/whiten.hpp"

namespace whitediff {

FilterEdge::FilterEdge(const FilterSupport& support, Shape frame)
    : reach_(support.reach()), frame_(frame), shares_(frame.width) {
  const int side = 2 * reach_ + 1;
  sums_.reserve(static_cast<std::size_t>(side) * (side + 1));
  for (int dy = 0; dy < side; ++dy) {
    double sum = 0.0;
    for (int dx = 0; dx < side; ++dx) {
      sums_.push_back(sum);
      sum += support.shares[static_cast<std::size_t>(dy) * side + dx];
    }
    sums_.push_back(sum);
  }
}

bool FilterEdge::mark(int y, std::span<const std::vector<Gap>> gaps, std::uint8_t* marks) {
  const bool inside = y >= reach_ && y + reach_ < frame_.height;
  const bool plain =
      inside && std::all_of(gaps.begin(), gaps.end(), [](const auto& row) { return row.empty(); });
  if (plain && !plain_.empty()) {
    std::copy(plain_.begin(), plain_.end(), marks);
    return true;
  }
  std::fill(shares_.begin(), shares_.end(), 0.0);
  for (int dy = -reach_; dy <= reach_; ++dy) {
    const int row = y - dy;
    if (row < 0 || row >= frame_.height) {
      add(dy, {-reach_, frame_.width + reach_});
      continue;
    }
    add(dy, {-reach_, 0});
    for (const Gap& gap : gaps[reach_ - dy]) add(dy, gap);
    add(dy, {frame_.width, frame_.width + reach_});
  }
  std::transform(shares_.begin(), shares_.end(), marks,
                 [](double share) { return static_cast<std::uint8_t>(share > edge_share); });
  if (plain) plain_.assign(marks, marks + frame_.width);
  return plain;
}

void FilterEdge::add(int dy, const Gap& gap) {
  const int side = 2 * reach_ + 1;
  const double* sums = sums_.data() + static_cast<std::ptrdiff_t>(dy + reach_) * (side + 1);
  const int begin = std::max(0, gap.begin - reach_);
  const int end = std::min(frame_.width, gap.end + reach_);
  for (int x = begin; x < end; ++x) {
    // The shifts x - g of all g of the gap.
    const int last = std::min(x - gap.begin + reach_ + 1, side);
    const int first = std::max(x - gap.end + 1 + reach_, 0);
    shares_[x] += sums[last] - sums[first];
  }
}

}  // namespace whitediff
