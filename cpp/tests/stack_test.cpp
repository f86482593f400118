#include "whitediff/stack.hpp"

#include <algorithm>
#include <cmath>

#include "support.hpp"

using namespace whitediff;

namespace {

constexpr Shape shape{40, 33};
constexpr int count = 3;

Image<double> some_stamps() {
  Image<double> stamps({count * shape.height, shape.width});
  for (int y = 0; y < stamps.shape().height; ++y) {
    for (int x = 0; x < shape.width; ++x) stamps(y, x) = (7 * y + 13 * x * x) % 29 - 14;
  }
  stamps(shape.height + 5, 6) = test::not_a_number;
  return stamps;
}

Box rows_of(int n) { return {0, n * shape.height, shape.width, (n + 1) * shape.height}; }

template <class T>
bool are_equal(ImageView<const T> got, ImageView<const T> expected) {
  for (int y = 0; y < shape.height; ++y) {
    for (int x = 0; x < shape.width; ++x) {
      const T a = got(y, x), b = expected(y, x);
      if (a != b && a == a) return false;
      if ((a == a) != (b == b)) return false;
    }
  }
  return true;
}

}  // namespace

TEST_CASE("stamps are whitened as they are alone, with the same noise or with their own") {
  const Image<double> stamps = some_stamps();
  const KernelPtr kernel = test::gaussian_kernel({9, 9}, 1.2);
  WhitenOptions options;
  options.n_threads = 2;
  for (const bool apart : {false, true}) {
    std::vector<std::vector<NoiseSource<double>>> sources;
    for (int n = 0; n < (apart ? count : 1); ++n) {
      sources.push_back({{1.0 + n, {}}, {2.0, {kernel}}});
    }
    const auto stack = whiten_stack(stamps.view(), count, sources, options);
    REQUIRE(stack.whitenings.size() == sources.size());
    for (int n = 0; n < count; ++n) {
      const Box rows = rows_of(n);
      const auto alone = whiten(stamps.view().cut(rows), sources[apart ? n : 0], options);
      CHECK(are_equal(stack.image.view().cut(rows), alone.image.view()));
      CHECK(are_equal(stack.variance.view().cut(rows), alone.variance.view()));
      CHECK(are_equal(stack.filter_edge.view().cut(rows), alone.filter_edge.view()));
    }
    std::size_t gaps = 0;
    for (const Whitening& whitening : stack.whitenings) gaps += whitening.unknown.not_finite;
    CHECK(gaps == 1);
  }
}

TEST_CASE("what is no stack is refused") {
  const Image<double> stamps = some_stamps();
  const std::vector<NoiseSource<double>> sources{{1.0, {}}};
  CHECK_THROWS_AS(whiten_stack(stamps.view(), 7, {sources}), std::invalid_argument);
  CHECK_THROWS_AS(whiten_stack(stamps.view(), count, {sources, sources}), std::invalid_argument);
  WhitenOptions options;
  const Image<std::int32_t> mask(shape);
  options.mask = mask.view();
  CHECK_THROWS_AS(whiten_stack(stamps.view(), count, {sources}, options), std::invalid_argument);
}
