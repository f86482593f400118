// The geometry of cells: whatever the boxes, they are refused or every pixel gets its due.

#include "whitediff/cells.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <vector>

#include "cell_plan.hpp"
#include "input.hpp"
#include "whitediff/image.hpp"

using namespace whitediff;

namespace {

/// Zero to infinity.
double limit_from(fuzz::Input& input) {
  const double limit = std::abs(input.number());
  return std::isnan(limit) ? 0.0 : limit;
}

std::vector<Cell> cells_from(fuzz::Input& input, Shape frame) {
  switch (input.within(0, 3)) {
    case 0:
      return make_cells(frame, input.ConsumeIntegral<int>(), input.ConsumeIntegral<int>(),
                        input.ConsumeIntegral<int>(), input.ConsumeIntegral<int>());
    case 1:
      return make_cells(frame, input.within(1, 5), input.within(1, 5), input.within(0, 50),
                        input.within(0, 50));
    case 2:
      return plan_cells(frame, {input.within(0, 200), limit_from(input), limit_from(input)});
    default: {
      std::vector<Cell> cells;
      for (int count = input.within(0, 6); count > 0; --count) {
        const auto box = [&]() -> Box {
          if (input.once_in(4)) {
            return {input.ConsumeIntegral<int>(), input.ConsumeIntegral<int>(),
                    input.ConsumeIntegral<int>(), input.ConsumeIntegral<int>()};
          }
          const int x = input.within(0, frame.width - 1), y = input.within(0, frame.height - 1);
          return {x, y, input.within(x, frame.width), input.within(y, frame.height)};
        };
        const Box inner = box();
        cells.push_back({inner, input.ConsumeBool() ? inner : box()});
      }
      return cells;
    }
  }
}

void check_weights(const std::vector<Cell>& cells, Shape frame, Reduction reduction) {
  const Blend blend(cells, reduction);
  Image<double> total(frame);
  std::vector<bool> done(cells.size());
  std::size_t members = 0;
  int turn = -1;
  for (const auto& group : blend.groups()) {
    int lowest = -1;
    for (const std::size_t cell : group) {
      const Box& box = cells[cell].box;
      lowest = std::max(lowest, box.y0);
      for (std::size_t other = 0; other < cells.size(); ++other) {
        const bool first = done[other] && cells[other].box.overlaps(box);
        const auto& before = blend.predecessors(cell);
        fuzz::require(std::count(before.begin(), before.end(), other) == (first ? 1 : 0),
                      "predecessors are the cells with shared pixels that come earlier");
      }
      fuzz::require(!done[cell], "every cell comes once");
      done[cell] = true;
      ++members;
      std::vector<double> weights(box.width());
      for (int y = box.y0; y < box.y1; ++y) {
        const auto [begin, end, last] = blend.row(cell, y, weights.data());
        fuzz::require(last >= y && last < box.y1, "weights hold for rows of the box");
        for (int x = box.x0; x < box.x1; ++x) {
          total(y, x) += x >= begin && x < end ? 1.0 : weights[x - box.x0];
        }
      }
    }
    fuzz::require(lowest > turn, "groups go down the frame");
    turn = lowest;
  }
  fuzz::require(members == cells.size(), "every cell is in a group");
  const auto covered = coverage(cells, frame);
  for (std::size_t i = 0; i < frame.size(); ++i) {
    fuzz::require(std::abs(total.data()[i] - (covered[i] ? 1.0 : 0.0)) < 1e-12,
                  "weights sum to one");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  const Shape frame{input.within(1, 120), input.within(1, 120)};
  std::vector<Cell> cells;
  try {
    cells = cells_from(input, frame);
    check_cells(cells, frame);
  } catch (const std::invalid_argument&) {
    return 0;
  }
  for (const Reduction reduction : {Reduction::crossfade, Reduction::average, Reduction::copy}) {
    check_weights(cells, frame, reduction);
  }
  const int radius = input.within(0, 200);
  const Shape transform = transform_shape(cells, radius);
  for (const Cell& cell : cells) {
    for (const Cell& tile : tiles_of(cell, radius)) {
      fuzz::require(
          tile.expanded.height() <= transform.height && tile.expanded.width() <= transform.width,
          "transforms hold every tile");
    }
  }
  return 0;
}
