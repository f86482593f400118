#include "whitediff/full_frame.hpp"

#include "support.hpp"

using namespace whitediff;

namespace {

struct Pair {
  Image<double> kernel = test::noise<double>({4, 5}, 1);
  Image<double> psf = test::noise<double>({3, 6}, 2);

  Pair() { kernel(1, 2) += 5.0; }
  KernelImage kernel_image() const { return {kernel.view(), {1, 2}}; }
  LocalNoise noise() const {
    return {{{2.0, 0.5, {}}, {3.0, -1.5, {kernel_image()}}}, {{psf.view(), {1, 2}}}};
  }
};

}  // namespace

TEST_CASE("filter and responses follow their definition at every mode") {
  const Pair pair;
  for (const Shape grid : {Shape{9, 11}, {12, 10}}) {
    for (const Mode mode : {Mode::difference, Mode::score}) {
      const FullFrameFilter got = full_frame_filter(pair.noise(), mode, grid);
      REQUIRE(got.filter.shape() == grid);
      REQUIRE(got.responses.size() == 2);
      const auto transfer_at = [&](int ky, int kx) {
        return test::transfer(pair.kernel, {1, 2}, grid, ky, kx);
      };
      const auto power_at = [&](int ky, int kx) {
        return 2.0 * 0.25 + 3.0 * 2.25 * std::norm(transfer_at(ky, kx));
      };
      double error = 0.0;
      for (int ky = 0; ky < grid.height; ++ky) {
        for (int kx = 0; kx < grid.width; ++kx) {
          const double ratio = power_at(0, 0) / power_at(ky, kx);
          const auto psf = test::transfer(pair.psf, {1, 2}, grid, ky, kx);
          const std::complex<double> filter =
              mode == Mode::difference ? std::sqrt(ratio) : ratio * std::conj(psf);
          error =
              std::max({error, std::abs(got.filter(ky, kx) - filter),
                        std::abs(got.responses[0](ky, kx) - 0.5 * filter),
                        std::abs(got.responses[1](ky, kx) + 1.5 * transfer_at(ky, kx) * filter)});
        }
      }
      // Values up to a few hundred: rounding.
      CHECK(error < 1e-11);
    }
  }
}

TEST_CASE("a full-frame filter convolves, with zeros beyond the frame") {
  const Pair pair;
  auto image = test::noise<double>({14, 13}, 3);
  // The kernel itself as the filter: c_T of a source alone, undone by nothing.
  const FullFrameFilter unit =
      full_frame_filter({{{1.0, 1.0, {}}}, {}}, Mode::difference, {24, 25});
  CHECK(test::difference(full_frame_convolve(image.view(), unit.filter.view(), 0.0), image) <
        1e-14);

  const LocalNoise two{{{1.0, 1.0, {}}, {0.0, 1.0, {pair.kernel_image()}}}, {}};
  const FullFrameFilter blur = full_frame_filter(two, Mode::difference, {24, 25});
  const auto direct = test::convolve(image, *fixed_kernel(pair.kernel.view(), {1, 2}));
  // Sums of twenty products of order one.
  CHECK(test::difference(full_frame_convolve(image.view(), blur.responses[1].view(), 0.0), direct) <
        1e-12);

  Image<double> squared(pair.kernel.shape());
  std::transform(pair.kernel.data(), pair.kernel.data() + 20, squared.data(),
                 [](double value) { return value * value; });
  const auto propagated = test::convolve(image, *fixed_kernel(squared.view(), {1, 2}));
  CHECK(test::difference(full_frame_propagate(image.view(), blur.responses[1].view(), 0.0),
                         propagated) < 1e-11);
}

TEST_CASE("values that are not finite are filled, and come out as they went in") {
  auto image = test::constant<double>({8, 9}, 2.0);
  image(3, 4) = std::numeric_limits<double>::infinity();
  image(0, 0) = std::numeric_limits<double>::quiet_NaN();
  const FullFrameFilter unit = full_frame_filter({{{1.0, 1.0, {}}}, {}}, Mode::difference, {8, 10});
  const auto got = full_frame_convolve(image.view(), unit.filter.view(), 2.0);
  CHECK(got(3, 4) == image(3, 4));
  CHECK(std::isnan(got(0, 0)));
  CHECK(got(3, 5) == doctest::Approx(2.0).epsilon(1e-14));
}

TEST_CASE("what has no full-frame filter is refused") {
  const Pair pair;
  const auto filter = [](const LocalNoise& noise, Mode mode, Shape grid) {
    full_frame_filter(noise, mode, grid);
  };
  CHECK_THROWS_AS(filter({}, Mode::difference, {8, 8}), std::invalid_argument);
  CHECK_THROWS_AS(filter(pair.noise(), Mode::difference, {3, 8}), std::invalid_argument);
  CHECK_THROWS_AS(filter({{{1.0, 1.0, {}}}, {}}, Mode::score, {8, 8}), std::invalid_argument);
  CHECK_THROWS_AS(filter({{{0.0, 1.0, {}}}, {}}, Mode::difference, {8, 8}), std::invalid_argument);
  const Image<double> image({9, 8});
  const Spectrum small({8, 8});
  CHECK_THROWS_AS(full_frame_convolve(image.view(), small.view(), 0.0), std::invalid_argument);
  CHECK_THROWS_AS(full_frame_propagate(image.view(), small.view(), 0.0), std::invalid_argument);
}
