#include "support.hpp"

using namespace whitediff;

namespace {

constexpr Reduction reductions[] = {Reduction::crossfade, Reduction::average, Reduction::copy};

/// The weights of all pixels of a row of a cell, those that it alone gives included.
std::vector<double> weights_of(const Blend& blend, const Cell& cell, std::size_t index, int y) {
  std::vector<double> weights(cell.box.width(), -1.0);
  const Blend::Row alone = blend.row(index, y, weights.data());
  CHECK(alone.begin >= cell.box.x0);
  CHECK(alone.begin <= alone.end);
  CHECK(alone.end <= cell.box.x1);
  CHECK(alone.last >= y);
  CHECK(alone.last < cell.box.y1);
  std::fill(weights.begin() + (alone.begin - cell.box.x0),
            weights.begin() + (alone.end - cell.box.x0), 1.0);
  return weights;
}

void check_covers(const std::vector<Cell>& cells, Shape frame) {
  CHECK_NOTHROW(check_cells(cells, frame));
  const auto covered = coverage(cells, frame);
  CHECK(covered.size() == frame.size());
  CHECK(std::find(covered.begin(), covered.end(), false) == covered.end());
}

/// Checks the order in which cells give their pixels.
void check_order(const Blend& blend, const std::vector<Cell>& cells) {
  std::vector<std::size_t> position(cells.size()), group_of(cells.size());
  std::size_t members = 0;
  int turn = -1;
  const auto groups = blend.groups();
  for (std::size_t g = 0; g < groups.size(); ++g) {
    int lowest = -1;
    for (const std::size_t cell : groups[g]) {
      position[cell] = ++members;
      group_of[cell] = g;
      lowest = std::max(lowest, cells[cell].box.y0);
    }
    // Down the frame: each group has a cell that begins below all of the groups before it.
    CHECK(lowest > turn);
    turn = lowest;
  }
  CHECK(members == cells.size());
  CHECK(std::find(position.begin(), position.end(), 0) == position.end());

  const auto precedes = [&](std::size_t a, std::size_t b) {
    const auto& list = blend.predecessors(b);
    return std::count(list.begin(), list.end(), a);
  };
  for (std::size_t a = 0; a < cells.size(); ++a) {
    bool waits = false;
    int lowest = cells[a].box.y0;
    for (const std::size_t b : groups[group_of[a]]) {
      lowest = std::max(lowest, cells[b].box.y0);
      waits = waits || precedes(b, a);
    }
    // No cell comes later than its first row and its predecessors ask for.
    CHECK((waits || cells[a].box.y0 == lowest));
    CHECK(precedes(a, a) == 0);
    for (std::size_t b = 0; b < a; ++b) {
      const auto a_first = precedes(a, b), b_first = precedes(b, a);
      CHECK(a_first + b_first == (cells[a].box.overlaps(cells[b].box) ? 1 : 0));
      if (a_first) CHECK(position[a] < position[b]);
      if (b_first) CHECK(position[b] < position[a]);
    }
  }
}

/// Checks all that holds for every blend of cells that cover a frame.
void check_blend(const std::vector<Cell>& cells, Shape frame) {
  for (const Reduction reduction : reductions) {
    const Blend blend(cells, reduction);
    Image<double> total(frame);
    Image<int> given(frame), last(frame);
    bool in_range = true;
    for (std::size_t n = 0; n < cells.size(); ++n) {
      const Box& box = cells[n].box;
      std::vector<double> before;
      Blend::Row row{0, 0, -1};
      bool repeated = true;
      for (int y = box.y0; y < box.y1; ++y) {
        const auto weights = weights_of(blend, cells[n], n, y);
        if (y <= row.last) {
          repeated = repeated && weights == before;
        } else {
          std::vector<double> shared(box.width());
          row = blend.row(n, y, shared.data());
          before = weights;
        }
        for (int x = box.x0; x < box.x1; ++x) {
          const double weight = weights[x - box.x0];
          in_range = in_range && weight >= 0.0 && weight <= 1.0;
          total(y, x) += weight;
          ++given(y, x);
          if (weight == 1.0) last(y, x) = static_cast<int>(n);
        }
      }
      // Rows that are said to have the weights of the one before have them, to the last bit.
      CHECK(repeated);
    }
    CHECK(in_range);
    double error = 0.0;
    bool counts_agree = true;
    for (int y = 0; y < frame.height; ++y) {
      for (int x = 0; x < frame.width; ++x) {
        error = std::max(error, std::abs(total(y, x) - 1.0));
        for (std::size_t n = cells.size(); reduction == Reduction::copy && n-- > 0;) {
          if (!cells[n].box.contains({x, y, x + 1, y + 1})) continue;
          counts_agree = counts_agree && last(y, x) == static_cast<int>(n);
          break;
        }
      }
    }
    // Shares a / (a + b) of a handful of cells: rounding.
    CHECK(error < 1e-14);
    CHECK(counts_agree);

    check_order(blend, cells);
  }
}

}  // namespace

TEST_CASE("cells of a grid cover frames of every size") {
  std::mt19937 generator(21);
  const auto pick = [&](int lowest, int highest) {
    return std::uniform_int_distribution(lowest, highest)(generator);
  };
  for (int trial = 0; trial < 60; ++trial) {
    const Shape frame{pick(1, 90), pick(1, 90)};
    const int rows = pick(1, std::min(7, frame.height)),
              columns = pick(1, std::min(7, frame.width));
    const int overlap = pick(0, 25), border = pick(0, 40);
    CAPTURE(to_string(frame));
    CAPTURE(rows);
    CAPTURE(columns);
    CAPTURE(overlap);
    const auto cells = make_cells(frame, rows, columns, overlap, border);
    CHECK(cells.size() == std::size_t(rows) * columns);
    check_covers(cells, frame);
    const Box whole{0, 0, frame.width, frame.height};
    for (const auto& cell : cells) {
      CHECK(cell.expanded == cell.box.grown(border).clipped(whole));
    }
    // Boxes are of equal size to within a pixel, as far as the frame goes.
    for (const auto& cell : cells) {
      CHECK(cell.box.width() <= (frame.width + columns - 1) / columns + overlap);
      CHECK(cell.box.height() <= (frame.height + rows - 1) / rows + overlap);
    }
    check_blend(cells, frame);
    // Where only neighbours overlap, what has to be read at once is two rows of cells at most.
    if (overlap < std::min(frame.height / rows, frame.width / columns)) {
      for (const auto& group : Blend(cells, Reduction::crossfade).groups()) {
        const auto [first, last] = std::minmax_element(group.begin(), group.end());
        CHECK(*last / columns - *first / columns <= 1);
      }
    }
  }
}

TEST_CASE("any boxes that cover a frame blend") {
  std::mt19937 generator(22);
  const auto pick = [&](int lowest, int highest) {
    return std::uniform_int_distribution(lowest, highest)(generator);
  };
  for (int trial = 0; trial < 40; ++trial) {
    const Shape frame{pick(1, 50), pick(1, 50)};
    const Box whole{0, 0, frame.width, frame.height};
    // Boxes anywhere, one inside another, and equal ones, over a grid that leaves no gap.
    auto cells = make_cells(frame, pick(1, std::min(3, frame.height)),
                            pick(1, std::min(3, frame.width)), pick(0, 5), 0);
    for (int extra = pick(0, 6); extra > 0; --extra) {
      const int x = pick(0, frame.width - 1), y = pick(0, frame.height - 1);
      const Box box{x, y, pick(x + 1, frame.width), pick(y + 1, frame.height)};
      cells.push_back({box, box});
    }
    if (trial % 4 == 0) cells.push_back({whole, whole});
    std::shuffle(cells.begin(), cells.end(), generator);
    check_covers(cells, frame);
    check_blend(cells, frame);
  }
}

TEST_CASE("a cross-fade runs evenly from one box to the other") {
  const std::vector<Cell> cells{{{0, 0, 6, 1}, {0, 0, 6, 1}}, {{2, 0, 8, 1}, {2, 0, 8, 1}}};
  const Blend blend(cells, Reduction::crossfade);
  const auto left = weights_of(blend, cells[0], 0, 0);
  const std::vector<double> expected{1.0, 1.0, 3.5 / 4, 2.5 / 4, 1.5 / 4, 0.5 / 4};
  // Depths of pixel 2: its distance of 3.5 to the end of the left box, and 0.5 of the right one;
  // but the left box is six wide, so that its depth grows from its own beginning: min(2, 3) + 1/2.
  for (int x = 0; x < 6; ++x) {
    const double own = std::min(x, 5 - x) + 0.5;
    const double other = x < 2 ? 0.0 : std::min(x - 2, 7 - x) + 0.5;
    CHECK(left[x] == doctest::Approx(own / (own + other)).epsilon(1e-15));
  }
  CHECK(std::is_sorted(left.rbegin(), left.rend()));
  CHECK(left.front() == expected.front());
}

TEST_CASE("coverage tells the gaps between boxes") {
  const Box whole{0, 0, 6, 4};
  const std::vector<Cell> cells{{{0, 0, 2, 3}, whole}, {{1, 2, 5, 4}, whole}};
  const auto covered = coverage(cells, {4, 6});
  for (int y = 0; y < 4; ++y) {
    for (int x = 0; x < 6; ++x) {
      const bool in_first = x < 2 && y < 3, in_second = x >= 1 && x < 5 && y >= 2;
      CHECK(covered[y * 6 + x] == (in_first || in_second));
    }
  }
}

TEST_CASE("cells that do not fit the frame are refused") {
  CHECK_THROWS_AS(make_cells({10, 10}, 0, 1, 0, 0), std::invalid_argument);
  CHECK_THROWS_AS(make_cells({10, 10}, 1, 11, 0, 0), std::invalid_argument);
  CHECK_THROWS_AS(make_cells({10, 10}, 2, 2, -1, 0), std::invalid_argument);
  CHECK_THROWS_AS(make_cells({10, 10}, 2, 2, 0, -1), std::invalid_argument);

  const Shape frame{4, 6};
  const Box whole{0, 0, 6, 4};
  CHECK_THROWS_AS(check_cells({}, frame), std::invalid_argument);
  CHECK_THROWS_AS(check_cells({{{0, 0, 0, 4}, whole}}, frame), std::invalid_argument);
  CHECK_THROWS_AS(check_cells({{whole, {0, 0, 6, 3}}}, frame), std::invalid_argument);
  CHECK_THROWS_AS(check_cells({{whole, {0, 0, 7, 4}}}, frame), std::invalid_argument);
  CHECK_THROWS_AS(check_cells({{whole, {0, -1, 6, 4}}}, frame), std::invalid_argument);
}
