#include "whitediff/cells.hpp"

#include <algorithm>
#include <numeric>
#include <string>

#include "multiversion.hpp"
#include "require.hpp"

namespace whitediff {
namespace {

/// How deep a pixel lies inside a run of pixels: 1/2 at either end.
WHITEDIFF_ALWAYS_INLINE double depth(int position, int begin, int end) {
  return std::min(position - begin, end - 1 - position) + 0.5;
}

/// Adds what a box has to give to the pixels begin .. end - 1 of a row `deep` in it.
WHITEDIFF_MULTIVERSION
void add_shares(const Box& box, double deep, int begin, int end, double* weights) {
  for (int x = begin; x < end; ++x) weights[x - begin] += depth(x, box.x0, box.x1) * deep;
}

/// What a box gives of the whole, of which `weights` holds what others give.
WHITEDIFF_MULTIVERSION
void divide_shares(const Box& box, double deep, int begin, int end, double* weights) {
  for (int x = begin; x < end; ++x) {
    const double own = depth(x, box.x0, box.x1) * deep;
    weights[x - begin] = own / (own + weights[x - begin]);
  }
}

}  // namespace

std::vector<Cell> make_cells(Shape frame, int rows, int columns, int overlap, int border) {
  require(rows >= 1 && rows <= frame.height, "rows", "be 1 to " + std::to_string(frame.height),
          rows);
  require(columns >= 1 && columns <= frame.width, "columns",
          "be 1 to " + std::to_string(frame.width), columns);
  require(overlap >= 0, "overlap", "be >= 0", overlap);
  require(border >= 0, "border", "be >= 0", border);
  const Box whole{0, 0, frame.width, frame.height};
  // Larger ones reach no farther than the frame.
  const int longest = std::max(frame.height, frame.width);
  border = std::min(border, longest);
  overlap = std::min(overlap, longest);
  const int before = overlap / 2;
  const int after = overlap - before;
  std::vector<Cell> cells;
  for (int j = 0; j < rows; ++j) {
    for (int i = 0; i < columns; ++i) {
      const Box box = Box{begin_of_part(i, columns, frame.width) - before,
                          begin_of_part(j, rows, frame.height) - before,
                          begin_of_part(i + 1, columns, frame.width) + after,
                          begin_of_part(j + 1, rows, frame.height) + after}
                          .clipped(whole);
      cells.push_back({box, box.grown(border).clipped(whole)});
    }
  }
  return cells;
}

void check_cells(const std::vector<Cell>& cells, Shape frame) {
  require(!cells.empty(), "cells", "hold at least one box", "none");
  const Box whole{0, 0, frame.width, frame.height};
  for (const Cell& cell : cells) {
    require(!cell.box.empty(), "cells", "have boxes of at least one pixel", cell.box);
    require(cell.expanded.contains(cell.box), "cells",
            "have the box " + to_string(cell.box) + " inside its expanded box", cell.expanded);
    require(whole.contains(cell.expanded), "cells", "lie inside the frame " + to_string(whole),
            cell.expanded);
  }
}

std::vector<bool> coverage(const std::vector<Cell>& cells, Shape frame) {
  std::vector<bool> covered(frame.size());
  for (const Cell& cell : cells) {
    for (int y = cell.box.y0; y < cell.box.y1; ++y) {
      const auto row = covered.begin() + static_cast<std::ptrdiff_t>(y) * frame.width;
      std::fill(row + cell.box.x0, row + cell.box.x1, true);
    }
  }
  return covered;
}

Blend::Blend(const std::vector<Cell>& cells, Reduction reduction)
    : cells_(cells),
      reduction_(reduction),
      neighbours_(cells.size()),
      predecessors_(cells.size()),
      round_(cells.size()) {
  std::vector<std::size_t> order(cells.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return cells[a].box.y0 < cells[b].box.y0; });
  for (auto i = order.begin(); i != order.end(); ++i) {
    for (auto j = i + 1; j != order.end() && cells[*j].box.y0 < cells[*i].box.y1; ++j) {
      if (!cells[*i].box.overlaps(cells[*j].box)) continue;
      neighbours_[*i].push_back(*j);
      neighbours_[*j].push_back(*i);
    }
  }
  for (auto& list : neighbours_) std::sort(list.begin(), list.end());
  for (std::size_t cell = 0; cell < cells.size(); ++cell) {
    std::vector<bool> taken(neighbours_[cell].size() + 1);
    for (const std::size_t other : neighbours_[cell]) {
      if (other < cell && round_[other] < taken.size()) taken[round_[other]] = true;
    }
    round_[cell] =
        static_cast<std::size_t>(std::find(taken.begin(), taken.end(), false) - taken.begin());
  }
  for (std::size_t cell = 0; cell < cells.size(); ++cell) {
    for (const std::size_t other : neighbours_[cell]) {
      if (round_[other] < round_[cell]) predecessors_[cell].push_back(other);
    }
  }
}

Blend::Row Blend::row(std::size_t cell, int y, double* weights) const {
  const Box& box = cells_[cell].box;
  const auto others = [&](const auto& visit) {
    for (const std::size_t other : neighbours_[cell]) {
      const Box& theirs = cells_[other].box;
      const bool counts = reduction_ != Reduction::copy || other > cell;
      if (counts && y >= theirs.y0 && y < theirs.y1) visit(theirs.clipped(box), theirs);
    }
  };
  Row alone{box.x0, box.x1, box.y1 - 1};
  for (const std::size_t other : neighbours_[cell]) {
    const Box& theirs = cells_[other].box;
    // In rows that a cell as high as this one shares with it, the two are equally deep.
    if (theirs.y0 == box.y0 && theirs.y1 == box.y1) continue;
    if (y < theirs.y0) {
      alone.last = std::min(alone.last, theirs.y0 - 1);
    } else if (y < theirs.y1) {
      alone.last = y;
    }
  }
  others([&](const Box& shared, const Box&) {
    if (shared.x0 == box.x0) {
      alone.begin = std::max(alone.begin, shared.x1);
    } else {
      alone.end = std::min(alone.end, shared.x0);
    }
  });
  alone.end = std::max(alone.begin, alone.end);

  // First what the neighbours give, then the own share of the whole.
  std::fill(weights, weights + (alone.begin - box.x0), 0.0);
  std::fill(weights + (alone.end - box.x0), weights + box.width(), 0.0);
  others([&](const Box& shared, const Box& theirs) {
    double* of_shared = weights + (shared.x0 - box.x0);
    if (reduction_ == Reduction::crossfade) {
      add_shares(theirs, depth(y, theirs.y0, theirs.y1), shared.x0, shared.x1, of_shared);
    } else {
      for (int n = 0; n < shared.width(); ++n) of_shared[n] += 1.0;
    }
  });
  const auto divide = [&](int begin, int end) {
    double* of_pixels = weights + (begin - box.x0);
    if (reduction_ == Reduction::crossfade) {
      divide_shares(box, depth(y, box.y0, box.y1), begin, end, of_pixels);
      return;
    }
    for (int n = 0; n < end - begin; ++n) {
      double& weight = of_pixels[n];
      if (reduction_ == Reduction::copy) {
        weight = weight > 0.0 ? 0.0 : 1.0;
      } else {
        weight = 1.0 / (1.0 + weight);
      }
    }
  };
  divide(box.x0, alone.begin);
  divide(alone.end, box.x1);
  return alone;
}

std::vector<std::vector<std::size_t>> Blend::groups() const {
  std::vector<std::size_t> order(cells_.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return round_[a] < round_[b]; });
  // The row at which a cell's turn comes: its first one, or where that of a predecessor does.
  std::vector<int> turn(cells_.size());
  for (const std::size_t cell : order) {
    turn[cell] = cells_[cell].box.y0;
    for (const std::size_t other : predecessors_[cell]) {
      turn[cell] = std::max(turn[cell], turn[other]);
    }
  }
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return turn[a] < turn[b]; });
  std::vector<std::vector<std::size_t>> groups;
  for (std::size_t i = 0; i < order.size(); ++i) {
    if (i == 0 || turn[order[i]] != turn[order[i - 1]]) groups.emplace_back();
    groups.back().push_back(order[i]);
  }
  return groups;
}

}  // namespace whitediff
