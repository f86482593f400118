#include "whitediff/psf.hpp"

#include "filtered_psf.hpp"
#include "support.hpp"

using namespace whitediff;

namespace {

struct Blurred {
  Image<double> kernel = test::gaussian({15, 15}, 1.5);
  Image<double> psf = test::gaussian({21, 17}, 1.3, 0.9);

  LocalNoise noise() const {
    return {{{1.0, 1.0, {}}, {2.0, 1.0, {{kernel.view(), {7, 7}}}}}, {{psf.view(), {10, 8}}}};
  }
};

}  // namespace

TEST_CASE("the PSF of the whitened image is the filtered PSF, of sum one") {
  const Blurred image;
  const LocalNoise noise = image.noise();
  const FilterSupport support = filter_support({&noise}, {});
  const Image<double> got = whitened_psf(noise, {}, support);
  REQUIRE(got.shape() == image.psf.shape());
  CHECK(test::sum(got) == doctest::Approx(1.0).epsilon(1e-14));

  const FilterImage filter = filter_image(noise, {}, support);
  // The PSF is zero beyond its image, so the direct convolution on its pixels is complete.
  Image<double> direct = test::convolve(image.psf, *fixed_kernel(filter.image.view()));
  const double total = test::sum(direct);
  std::transform(direct.data(), direct.data() + direct.shape().size(), direct.data(),
                 [total](double value) { return value / total; });
  // The filter image ends at the tolerance, 1e-5 of the noise.
  CHECK(test::difference(got, direct) < 1e-5);
  // Whitening sharpens what was blurred.
  CHECK(got(10, 8) > 1.1 * image.psf(10, 8) / 0.9);
}

TEST_CASE("white noise leaves the PSF as it is") {
  const Blurred image;
  const LocalNoise noise{{{1.0, 1.0, {}}}, {{image.psf.view(), {10, 8}}}};
  const Image<double> got = whitened_psf(noise, {}, filter_support({&noise}, {}));
  double error = 0.0;
  for (std::size_t i = 0; i < got.shape().size(); ++i) {
    error = std::max(error, std::abs(got.data()[i] - image.psf.data()[i] / 0.9));
  }
  // A transform there and back: rounding.
  CHECK(error < 1e-15);
}

TEST_CASE("a centre away from the middle stays where it is") {
  Blurred image;
  LocalNoise noise = image.noise();
  const FilterSupport support = filter_support({&noise}, {});
  const Image<double> middle = whitened_psf(noise, {}, support);
  noise.psf[0].center = {9, 6};
  const Image<double> moved = whitened_psf(noise, {}, support);
  // Pixels are relative to the centre on both sides, whatever it is.
  CHECK(test::difference(middle, moved) < 1e-15);
}

TEST_CASE("a PSF may be larger than the grid of the filter") {
  const Blurred image;
  LocalNoise noise = image.noise();
  const FilterSupport support = filter_support({&noise}, {});
  const Image<double> expected = whitened_psf(noise, {}, support);
  Image<double> wide({support.grid + 177, 17});
  for (int v = 0; v < 21; ++v) std::copy_n(image.psf.view().row(v), 17, wide.view().row(v + 150));
  noise.psf = {{wide.view(), {160, 8}}};
  const Image<double> got = whitened_psf(noise, {}, support);
  for (int v = 0; v < 21; ++v) {
    for (int u = 0; u < 17; ++u) {
      // In units of the peak: what leaves the smaller image counts in the sum of the larger one.
      CHECK(std::abs(got(v + 150, u) / got(160, 8) - expected(v, u) / expected(10, 8)) < 1e-7);
    }
  }
}

TEST_CASE("the filter of one end of a PSF does not reach the other around the grid") {
  const Blurred image;
  LocalNoise noise = image.noise();
  const FilterSupport support = filter_support({&noise}, {});
  // A star in the corner of a PSF that nearly fills the grid.
  const int side = support.grid - 3;
  Image<double> star({side, side});
  star(0, 0) = 1.0;
  noise.psf = {{star.view(), {0, 0}}};
  const Image<double> got = PsfFilter(noise, noise.psf, {}, support).apply(noise.psf);
  for (int v = support.radius + 1; v < side; ++v) {
    for (int u = support.radius + 1; u < side; ++u) {
      // What filters are cut off at.
      CHECK(std::abs(got(v, u)) < 1e-5);
    }
  }
}

TEST_CASE("a PSF that cannot be is refused") {
  const Blurred image;
  LocalNoise noise = image.noise();
  const FilterSupport support = filter_support({&noise}, {});
  noise.psf.clear();
  CHECK_THROWS_AS(whitened_psf(noise, {}, support), std::invalid_argument);
  const Image<double> zero({5, 5});
  noise.psf = {{zero.view(), {2, 2}}};
  CHECK_THROWS_AS(whitened_psf(noise, {}, support), std::invalid_argument);
}
