#include "gain_profile.hpp"

#include <random>

#include "support.hpp"

using namespace whitediff;

namespace {

constexpr Shape frame{41, 53};

/// Two by three cells, one across them, one inside another, and pixels that no cell has.
std::vector<Cell> crowd() {
  std::vector<Cell> cells;
  for (const Box& box : {Box{0, 0, 20, 22},
                         {14, 0, 40, 22},
                         {36, 0, 50, 22},
                         {0, 18, 20, 38},
                         {14, 18, 40, 38},
                         {5, 10, 45, 30},
                         {16, 20, 19, 24}}) {
    cells.push_back({box, box});
  }
  return cells;
}

double depth(int x, int begin, int end) { return std::min(x - begin, end - 1 - x) + 0.5; }

/// The blended gain of one pixel, the slow way; NaN where there is no cell.
double blended(const std::vector<Cell>& cells, const std::vector<std::vector<double>>& gains,
               std::size_t source, Reduction reduction, int y, int x) {
  double sum = 0.0, weights = 0.0, last = 0.0;
  for (std::size_t cell = 0; cell < cells.size(); ++cell) {
    const Box& box = cells[cell].box;
    if (x < box.x0 || x >= box.x1 || y < box.y0 || y >= box.y1) continue;
    const double weight = reduction == Reduction::crossfade
                              ? depth(x, box.x0, box.x1) * depth(y, box.y0, box.y1)
                              : 1.0;
    last = gains[cell][source];
    sum += weight * last;
    weights += weight;
  }
  if (weights == 0.0) return std::numeric_limits<double>::quiet_NaN();
  return reduction == Reduction::copy ? last : sum / weights;
}

}  // namespace

TEST_CASE_TEMPLATE("gains are blended as pixels are", T, float, double) {
  const std::vector<Cell> cells = crowd();
  std::mt19937_64 generator(1);
  std::uniform_real_distribution<double> uniform(0.5, 2.0);
  std::vector<std::vector<double>> gains(cells.size(), std::vector<double>(2));
  for (auto& of_cell : gains) {
    for (double& gain : of_cell) gain = uniform(generator);
  }
  for (const Reduction reduction : {Reduction::crossfade, Reduction::average, Reduction::copy}) {
    const Blend blend(cells, reduction);
    // All rows at once, and some in the middle.
    for (const Rows& rows : {Rows{0, frame.height}, Rows{19, 24}}) {
      GainProfile<T> profile(cells, blend, gains, {1.0, 2.0}, rows, frame.width);
      double error = 0.0;
      bool covered = true;
      for (int y = rows.begin; y < rows.end; ++y) {
        profile.move_to(y);
        bool whole = true, any = false;
        for (int x = 0; x < frame.width; ++x) {
          for (std::size_t source = 0; source < 2; ++source) {
            const double expected = (source + 1.0) * blended(cells, gains, source, reduction, y, x);
            covered = covered && bool(profile.covered()[x]) == !std::isnan(expected);
            whole = whole && !std::isnan(expected);
            any = any || !std::isnan(expected);
            error = std::max(
                error, std::abs(profile.of(source)[x] - (std::isnan(expected) ? 0.0 : expected)));
          }
        }
        covered = covered && profile.covers_all() == whole && profile.covers_any() == any;
      }
      CHECK(covered);
      // Some roundings of numbers up to 4.
      CHECK(error < 16.0 * std::numeric_limits<T>::epsilon());
    }
  }
}

TEST_CASE("a profile ends with the cells that it is of") {
  // One above the other without an overlap, then a gap, then one more.
  const std::vector<Cell> cells{{{0, 0, 9, 5}, {}}, {{0, 5, 9, 8}, {}}, {{0, 11, 9, 14}, {}}};
  const Blend blend(cells, Reduction::crossfade);
  const std::vector<std::vector<double>> gains{{1.0}, {2.0}, {3.0}};
  GainProfile<double> profile(cells, blend, gains, {1.0}, {0, 16}, 9);
  for (int y = 0; y < 16; ++y) {
    CAPTURE(y);
    profile.move_to(y);
    const double expected = y < 5 ? 1.0 : y < 8 ? 2.0 : y < 11 ? 0.0 : y < 14 ? 3.0 : 0.0;
    CHECK(profile.of(0)[4] == expected);
    CHECK(profile.covers_any() == (expected > 0.0));
  }
}

TEST_CASE("a gain and its factor may leave the range of float32, their product not") {
  const std::vector<Cell> cells = make_cells({4, 4}, 1, 1, 0, 0);
  const Blend blend(cells, Reduction::crossfade);
  const std::vector<std::vector<double>> gains(cells.size(), {1e-50, 1e50});
  GainProfile<float> profile(cells, blend, gains, {2e50, 3e-50}, {0, 4}, 4);
  profile.move_to(1);
  CHECK(profile.of(0)[2] == 2.0f);
  CHECK(profile.of(1)[2] == 3.0f);
}

TEST_CASE("a profile is made again only where it changes") {
  const std::vector<Cell> cells = make_cells({90, 50}, 3, 2, 8, 0);
  const Blend blend(cells, Reduction::crossfade);
  const std::vector<std::vector<double>> gains(cells.size(), {1.0});
  GainProfile<double> profile(cells, blend, gains, {1.0}, {0, 90}, 50);
  int made = 0;
  for (int y = 0; y < 90; ++y) made += profile.move_to(y);
  // Once for each of three rows of cells, and in every row of the two overlaps.
  CHECK(made == 3 + 2 * 8);
}
