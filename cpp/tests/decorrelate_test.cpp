#include "whitediff/decorrelate.hpp"

#include "support.hpp"

using namespace whitediff;

namespace {

constexpr Shape frame{150, 171};

template <class T>
void check_same(const Whitened<T>& a, const Whitened<T>& b) {
  CHECK(test::same_bits(a.image, b.image));
  CHECK(test::same_bits(a.variance, b.variance));
}

NoiseSource<double> raw(double variance) { return {variance, {}, 1.0, {}}; }

}  // namespace

TEST_CASE("a matched template is a source that went through the kernel") {
  const auto difference = test::noise<double>(frame, 1);
  const KernelPtr kernel = test::varying_gaussian({15, 15}, 1.0, 1.6, frame.width, 1.3);
  const auto expected = whiten<double>(difference.view(), {raw(2.0), {3.0, {kernel}, 1.0, {}}}, {});
  check_same(decorrelate<double>(difference.view(), raw(2.0), raw(3.0), kernel), expected);

  DecorrelateOptions scaled;
  scaled.scale = 0.5;
  check_same(decorrelate<double>(difference.view(), raw(2.0), raw(3.0), kernel, scaled),
             whiten<double>(difference.view(), {{2.0, {}, 0.5, {}}, {3.0, {kernel}, 0.5, {}}}, {}));
}

TEST_CASE("a matched science image is divided by the kernel's sum at the centre of the frame") {
  const auto difference = test::noise<double>(frame, 2);
  const KernelPtr kernel = test::function_kernel({9, 9}, [](Point position, int dx, int dy) {
    return (1.0 + 1e-3 * position.x) * std::exp(-0.4 * (dx * dx + dy * dy));
  });
  DecorrelateOptions options;
  options.convolved = Convolved::science_image;
  options.whiten.xy0 = {1000.0, -30.0};
  const double weight = 1.0 / kernel->sum({1000.0 + 85.0, -30.0 + 74.5});
  check_same(decorrelate<double>(difference.view(), raw(2.0), raw(3.0), kernel, options),
             whiten<double>(difference.view(), {{2.0, {kernel}, weight, {}}, {3.0, {}, weight, {}}},
                            options.whiten));
  options.scale = 1.0;
  check_same(
      decorrelate<double>(difference.view(), raw(2.0), raw(3.0), kernel, options),
      whiten<double>(difference.view(), {{2.0, {kernel}, 1.0, {}}, raw(3.0)}, options.whiten));
}

TEST_CASE("a likelihood image was correlated with the pre-kernel") {
  const auto likelihood = test::noise<double>(frame, 3);
  const KernelPtr kernel = test::gaussian_kernel({9, 9}, 1.2);
  const KernelPtr psf = fixed_kernel(test::noise<double>({5, 6}, 4).view());
  DecorrelateOptions options;
  options.whiten.filter = FilterOptions::score();
  options.preconvolved = true;
  options.whiten.psf = {psf};
  WhitenOptions expected = options.whiten;
  expected.psf = {psf, flipped(psf)};
  check_same(decorrelate<double>(likelihood.view(), raw(1.0), raw(0.5), kernel, options),
             whiten<double>(likelihood.view(),
                            {{1.0, {flipped(psf)}, 1.0, {}}, {0.5, {kernel}, 1.0, {}}}, expected));

  const KernelPtr pre_kernel = test::gaussian_kernel({7, 7}, 1.5);
  options.pre_kernel = pre_kernel;
  expected.psf = {psf, flipped(pre_kernel)};
  check_same(
      decorrelate<double>(likelihood.view(), raw(1.0), raw(0.5), kernel, options),
      whiten<double>(likelihood.view(),
                     {{1.0, {flipped(pre_kernel)}, 1.0, {}}, {0.5, {kernel}, 1.0, {}}}, expected));
}

TEST_CASE("the score of an ordinary difference has its sources and its PSF") {
  const auto difference = test::noise<double>(frame, 3);
  const KernelPtr kernel = test::gaussian_kernel({9, 9}, 1.2);
  DecorrelateOptions options;
  options.whiten.filter = FilterOptions::score();
  options.whiten.psf = {test::gaussian_kernel({13, 13}, 1.6)};
  check_same(
      decorrelate<double>(difference.view(), raw(1.0), raw(0.5), kernel, options),
      whiten<double>(difference.view(), {raw(1.0), {0.5, {kernel}, 1.0, {}}}, options.whiten));
  options.convolved = Convolved::science_image;
  options.scale = 0.5;
  check_same(decorrelate<double>(difference.view(), raw(1.0), raw(0.5), kernel, options),
             whiten<double>(difference.view(), {{1.0, {kernel}, 0.5, {}}, {0.5, {}, 0.5, {}}},
                            options.whiten));
}

TEST_CASE("the sources of a subtraction are what whiten takes") {
  const auto likelihood = test::noise<double>(frame, 3);
  const auto variance = test::noise<double>(frame, 7);
  const KernelPtr kernel = test::gaussian_kernel({9, 9}, 1.2);
  const KernelPtr pre_kernel = test::gaussian_kernel({7, 7}, 1.5);
  DecorrelateOptions options;
  options.whiten.filter = FilterOptions::score();
  options.preconvolved = true;
  options.pre_kernel = pre_kernel;
  options.scale = 0.5;
  const auto [sources, psf] = subtraction_sources<double>(
      frame, {variance.view(), {}, 1.0, {}, 3.0, "science"}, raw(2.0), kernel, options);
  REQUIRE(sources.size() == 2);
  CHECK(std::get<Plane<double>>(sources[0].variance).rows({0, 1}).data() == variance.data());
  CHECK(std::get<double>(sources[1].variance) == 2.0);
  CHECK(sources[0].mean_variance == 3.0);
  CHECK(sources[0].name == "science");
  CHECK(sources[0].kernels.size() == 1);
  CHECK(sources[1].kernels == std::vector<KernelPtr>{kernel});
  CHECK(sources[0].weight == 0.5);
  CHECK(sources[1].weight == 0.5);
  REQUIRE(psf.size() == 2);
  CHECK(psf[0] == pre_kernel);
  CHECK(psf[1] == sources[0].kernels[0]);
}

TEST_CASE("float32 works as float64 does") {
  const auto difference = test::noise<double>(frame, 5);
  const auto narrow = test::converted<float>(difference);
  const KernelPtr kernel = test::gaussian_kernel({9, 9}, 1.2);
  const auto expected = decorrelate<double>(difference.view(), raw(1.0), raw(1.0), kernel);
  const auto got =
      decorrelate<float>(narrow.view(), {1.0, {}, 1.0, {}}, {1.0, {}, 1.0, {}}, kernel);
  // float32 rounding of a transform: 6e-8 times the square root of the number of levels, 16.
  CHECK(test::difference(got.image, expected.image) < 2e-6 * test::largest(difference));
}

TEST_CASE("arguments that contradict each other are refused") {
  const auto image = test::noise<double>({30, 31}, 6);
  const KernelPtr kernel = test::gaussian_kernel({5, 5}, 1.0);
  const auto run = [&](NoiseSource<double> science, const KernelPtr& matching,
                       const DecorrelateOptions& options) {
    decorrelate<double>(image.view(), science, raw(1.0), matching, options);
  };
  CHECK_THROWS_AS(run({1.0, {kernel}, 1.0, {}}, kernel, {}), std::invalid_argument);
  CHECK_THROWS_AS(run({1.0, {}, 2.0, {}}, kernel, {}), std::invalid_argument);
  CHECK_THROWS_AS(run(raw(1.0), nullptr, {}), std::invalid_argument);

  DecorrelateOptions options;
  options.pre_kernel = kernel;
  CHECK_THROWS_AS(run(raw(1.0), kernel, options), std::invalid_argument);
  options = {};
  options.whiten.filter = FilterOptions::score();
  CHECK_THROWS_AS(run(raw(1.0), kernel, options), std::invalid_argument);
  options.preconvolved = true;
  CHECK_THROWS_AS(run(raw(1.0), kernel, options), std::invalid_argument);
  options.whiten.psf = {kernel};
  options.convolved = Convolved::science_image;
  CHECK_THROWS_AS(run(raw(1.0), kernel, options), std::invalid_argument);

  options = {};
  options.convolved = Convolved::science_image;
  const double pixels[] = {1.0, -1.0};
  CHECK_THROWS_AS(run(raw(1.0), fixed_kernel({pixels, {1, 2}}), options), std::invalid_argument);
  // A sum of zero in single precision, and one whose inverse is not finite.
  const double rounded[] = {1.0, -1.0 + 5e-8};
  CHECK_THROWS_AS(run(raw(1.0), fixed_kernel({rounded, {1, 2}}), options), std::invalid_argument);
  const double tiny[] = {1e-310};
  CHECK_THROWS_AS(run(raw(1.0), fixed_kernel({tiny, {1, 1}}), options), std::invalid_argument);
  options.scale = std::numeric_limits<double>::infinity();
  CHECK_THROWS_AS(run(raw(1.0), kernel, options), std::invalid_argument);
}
