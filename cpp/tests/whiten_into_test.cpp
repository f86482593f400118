#include <algorithm>
#include <utility>

#include "support.hpp"
#include "whitediff/whiten.hpp"

using namespace whitediff;

TEST_CASE_TEMPLATE("whitening leaves nothing of what pixels held before", T, float, double) {
  const Shape shape{45, 38};
  const Image<T> image = test::noise<T>(shape, 3);
  const std::vector<NoiseSource<T>> sources{{1.0, {}}, {2.0, {test::gaussian_kernel({9, 9}, 1.2)}}};
  WhitenOptions options;
  options.n_threads = 2;
  // Some pixels are given by one cell, others by up to four, or by the second of them alone.
  options.cells = {
      {{0, 0, 25, 30}, {}}, {{17, 0, 38, 30}, {}}, {{0, 20, 20, 45}, {}}, {{12, 22, 38, 45}, {}}};
  const auto full = VariancePropagation::full, estimate = VariancePropagation::estimate;
  for (const auto& [variance, reduction] :
       {std::pair(estimate, Reduction::crossfade), std::pair(full, Reduction::crossfade),
        std::pair(full, Reduction::average), std::pair(full, Reduction::copy)}) {
    options.variance = variance;
    options.reduction = reduction;
    const auto expected = whiten(image.view(), sources, options);
    Image<T> whitened(shape), plane(shape);
    Image<std::uint8_t> edge(shape);
    std::fill_n(whitened.data(), shape.size(), T(test::not_a_number));
    std::fill_n(plane.data(), shape.size(), T(test::not_a_number));
    std::fill_n(edge.data(), shape.size(), std::uint8_t{1});
    whiten_into(image.view(), sources, whitened.view(), plane.view(), edge.view(), options);
    CHECK(test::same_bits(whitened, expected.image));
    CHECK(test::same_bits(plane, expected.variance));
    CHECK(test::same_bits(edge, expected.filter_edge));
    Image<T> wide({45, 39});
    CHECK_THROWS_AS(
        whiten_into(image.view(), sources, wide.view(), plane.view(), edge.view(), options),
        std::invalid_argument);
    CHECK_THROWS_AS(
        whiten_into(image.view(), sources, whitened.view(), wide.view(), edge.view(), options),
        std::invalid_argument);
  }
}
