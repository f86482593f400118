#include "filter_edge.hpp"

#include <cmath>
#include <random>

#include "support.hpp"
#include "whitediff/whiten.hpp"

using namespace whitediff;

namespace {

/// Shares that fall off with the distance, lopsided so that no shift is taken for another.
FilterSupport lopsided(int reach) {
  FilterSupport support{8, 64, 0.0};
  double sum = 0.0;
  for (int dy = -reach; dy <= reach; ++dy) {
    for (int dx = -reach; dx <= reach; ++dx) {
      support.shares.push_back(std::exp(-1.5 * std::hypot(dy - 0.2, dx + 0.3)));
      sum += support.shares.back();
    }
  }
  for (double& share : support.shares) share /= sum;
  return support;
}

/// The share of the filter at a pixel that falls on gaps or beyond the frame, term by term.
double share_at(const FilterSupport& support, const Image<std::uint8_t>& is_gap, int y, int x) {
  const int reach = support.reach();
  double share = 0.0;
  std::size_t n = 0;
  for (int dy = -reach; dy <= reach; ++dy) {
    for (int dx = -reach; dx <= reach; ++dx, ++n) {
      const int row = y - dy, column = x - dx;
      const bool inside =
          row >= 0 && row < is_gap.shape().height && column >= 0 && column < is_gap.shape().width;
      if (!inside || is_gap(row, column)) share += support.shares[n];
    }
  }
  return share;
}

}  // namespace

TEST_CASE("pixels are marked whose filter fell on gaps or beyond the frame") {
  std::mt19937 random(7);
  for (const int reach : {1, 3, 9}) {
    const FilterSupport support = lopsided(reach);
    REQUIRE(support.reach() == reach);
    for (const double part : {0.0, 0.002, 0.3, 1.0}) {
      const Shape frame{17, 31};  // less than the longest reach on both sides
      Image<std::uint8_t> is_gap(frame);
      std::vector<std::vector<Gap>> gaps(frame.height + 2 * reach);
      for (int y = 0; y < frame.height; ++y) {
        for (int x = 0; x < frame.width; ++x) {
          is_gap(y, x) = std::bernoulli_distribution(part)(random);
          if (is_gap(y, x)) gaps[y + reach].push_back({x, x + 1});
        }
      }
      FilterEdge edge(support, frame);
      std::vector<std::uint8_t> marks(frame.width);
      for (int y = 0; y < frame.height; ++y) {
        edge.mark(y, {gaps.data() + y, static_cast<std::size_t>(2 * reach + 1)}, marks.data());
        for (int x = 0; x < frame.width; ++x) {
          const double share = share_at(support, is_gap, y, x);
          // Sums in another order: no share lies so near the limit that rounding tells.
          REQUIRE(std::abs(share - edge_share) > 1e-12);
          CHECK(marks[x] == (share > edge_share));
        }
      }
    }
  }
}

TEST_CASE("a gap of many pixels is the sum of them") {
  const FilterSupport support = lopsided(4);
  const Shape frame{1, 40};
  const auto marks_of = [&](const std::vector<Gap>& of_row) {
    std::vector<std::vector<Gap>> gaps(9);
    gaps[4] = of_row;
    std::vector<std::uint8_t> marks(frame.width);
    FilterEdge(support, frame).mark(0, gaps, marks.data());
    return marks;
  };
  std::vector<Gap> pixels;
  for (int x = 15; x < 28; ++x) pixels.push_back({x, x + 1});
  CHECK(marks_of({{15, 28}}) == marks_of(pixels));
}

TEST_CASE("the shares of a filter add up to nearly one, and its middle has most") {
  const Image<double> kernel = test::gaussian({25, 25}, 1.4, 1.0);
  const KernelImage image{kernel.view(), default_center(kernel.shape())};
  const LocalNoise noise{{{1.0, 1.0, {}}, {1.0, -1.0, {image}}}, {}};
  const FilterSupport support = filter_support({&noise}, {});
  double sum = 0.0;
  for (const double share : support.shares) sum += share;
  CHECK(sum < 1.0 + 1e-12);
  CHECK(sum > 0.9999);
  CHECK(support.shares[support.shares.size() / 2] > 0.5);
}
