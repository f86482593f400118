#include "cell_plan.hpp"

#include <limits>

#include "support.hpp"

using namespace whitediff;

namespace {

using test::infinity;

/// Whether a filter of a radius reads, for every pixel of the box, the pixel itself that it asks
/// for or a zero, never one that the transform has wrapped around.
bool reads_no_stranger(int begin, int box_begin, int box_end, int end, int radius, int length) {
  for (int pixel = box_begin; pixel < box_end; ++pixel) {
    for (int shift = -radius; shift <= radius; ++shift) {
      const int asked = pixel - shift - begin;
      const int read = ((asked % length) + length) % length;
      if (read != asked && read < end - begin) return false;
    }
  }
  return true;
}

}  // namespace

TEST_CASE("planned cells cover the frame, with their border") {
  for (const Shape frame : {Shape{1, 1}, {17, 400}, {300, 31}, {1000, 700}, {2048, 2048}}) {
    for (const int border : {1, 10, 32, 100}) {
      CAPTURE(to_string(frame));
      CAPTURE(border);
      const auto cells = plan_cells(frame, {border, infinity, infinity});
      CHECK_NOTHROW(check_cells(cells, frame));
      const auto covered = coverage(cells, frame);
      CHECK(std::find(covered.begin(), covered.end(), false) == covered.end());
      const Box whole{0, 0, frame.width, frame.height};
      for (const Cell& cell : cells) {
        CHECK(cell.expanded == cell.box.grown(border).clipped(whole));
      }
    }
  }
}

TEST_CASE("boxes keep to the size over which the filter varies little") {
  const Shape frame{900, 1100};
  const auto cells = plan_cells(frame, {20, 90.0, 120.0});
  for (const Cell& cell : cells) {
    // Boxes overlap by a few pixels, which the limit does not count.
    CHECK(cell.box.width() <= 90 + 16);
    CHECK(cell.box.height() <= 120 + 16);
  }
  CHECK(cells.size() > plan_cells(frame, {20, infinity, infinity}).size());
}

TEST_CASE("a filter that varies within a pixel still gets boxes worth a transform") {
  const auto cells = plan_cells({500, 500}, {16, 0.0, 0.0});
  for (const Cell& cell : cells) CHECK(cell.box.width() >= 31);
}

TEST_CASE("the tiles of a cell are its halves, with what they read") {
  std::mt19937 generator(6);
  const auto pick = [&](int lowest, int highest) {
    return std::uniform_int_distribution(lowest, highest)(generator);
  };
  for (int trial = 0; trial < 50; ++trial) {
    const Shape frame{pick(1, 90), pick(1, 90)};
    const int radius = pick(0, 50);
    for (const Cell& cell :
         make_cells(frame, pick(1, std::min(4, frame.height)), 1, pick(0, 9), pick(0, 60))) {
      const auto [upper, lower] = tiles_of(cell, radius);
      CHECK(upper.box.y0 == cell.box.y0);
      CHECK(upper.box.y1 == lower.box.y0);
      CHECK(lower.box.y1 == cell.box.y1);
      CHECK(upper.box.height() - lower.box.height() <= 1);
      for (const Cell& tile : {upper, lower}) {
        if (tile.box.empty()) continue;
        CHECK(tile.box.width() == cell.box.width());
        CHECK(cell.expanded.contains(tile.expanded));
        // A tile sees as far as the filter reaches, or as far as the cell does.
        CHECK(tile.expanded.contains(tile.box.grown(radius).clipped(cell.expanded)));
      }
    }
  }
}

TEST_CASE("transforms hold every cell without wrapping around") {
  std::mt19937 generator(5);
  const auto pick = [&](int lowest, int highest) {
    return std::uniform_int_distribution(lowest, highest)(generator);
  };
  for (int trial = 0; trial < 30; ++trial) {
    const Shape frame{pick(1, 120), pick(1, 120)};
    const int radius = pick(0, 60);
    auto cells = make_cells(frame, pick(1, std::min(4, frame.height)),
                            pick(1, std::min(4, frame.width)), pick(0, 9), pick(0, 70));
    const Shape transform = transform_shape(cells, radius);
    CHECK(transform.width % 16 == 0);
    CHECK(transform.height % 16 == 0);
    for (const Cell& cell : cells) {
      for (const auto& [box, expanded] : tiles_of(cell, radius)) {
        if (box.empty()) continue;
        CHECK(transform.height >= expanded.height());
        CHECK(transform.width >= expanded.width());
        CHECK(reads_no_stranger(expanded.x0, box.x0, box.x1, expanded.x1, radius, transform.width));
        CHECK(
            reads_no_stranger(expanded.y0, box.y0, box.y1, expanded.y1, radius, transform.height));
      }
    }
  }
}
