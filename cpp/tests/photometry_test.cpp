#include "whitediff/photometry.hpp"

#include <array>
#include <utility>

#include "support.hpp"

using namespace whitediff;

namespace {

constexpr Point origin{300.0, -40.0};

/// Two kernels of which one gives way to the other across the frame.
KernelPtr changing(const Image<double>& from, const Image<double>& to, double width) {
  std::vector<double> basis(from.data(), from.data() + from.shape().size());
  basis.insert(basis.end(), to.data(), to.data() + to.shape().size());
  const double at_origin = 1.0 + origin.x / width;
  return std::make_shared<SpatialKernel>(
      basis, from.shape(),
      SpatialKernel::Functions{
          std::make_shared<Polynomial2D>(std::vector<double>{at_origin, -1.0 / width, 0.0}),
          std::make_shared<Polynomial2D>(std::vector<double>{1.0 - at_origin, 1.0 / width, 0.0})},
      default_center(from.shape()));
}

struct Scene {
  Shape frame{150, 260};
  KernelPtr kernel =
      changing(test::gaussian({17, 17}, 0.9), test::gaussian({17, 17}, 1.9), frame.width);
  KernelPtr psf =
      changing(test::gaussian({25, 21}, 1.4), test::gaussian({25, 21}, 2.2), frame.width);

  std::vector<NoiseSource<double>> sources() const {
    std::vector<NoiseSource<double>> sources(2);
    sources[0].variance = 1.0;
    sources[1].variance = 3.0;
    sources[1].kernels = {kernel};
    return sources;
  }

  WhitenOptions options(Mode mode, Reduction reduction = Reduction::crossfade) const {
    WhitenOptions options;
    if (mode == Mode::score) options.filter = FilterOptions::score();
    options.psf = {psf};
    options.xy0 = origin;
    options.cells = make_cells(frame, 2, 3, 8, 200);
    options.reduction = reduction;
    return options;
  }

  /// The image, filtered, of a source of flux one in a pixel.
  Whitened<double> star(int x, int y, const WhitenOptions& options) const {
    Image<double> image(frame);
    const Image<double> at = psf->at({x + origin.x, y + origin.y});
    const auto [cy, cx] = psf->center();
    for (int v = 0; v < at.shape().height; ++v) {
      for (int u = 0; u < at.shape().width; ++u) image(y + v - cy, x + u - cx) = at(v, u);
    }
    return whiten<double>(image.view(), sources(), options);
  }
};

constexpr std::array<std::pair<int, int>, 4> places{{{40, 40}, {86, 74}, {92, 100}, {200, 76}}};

}  // namespace

TEST_CASE("the PSF at a position is what becomes of a source of flux one there") {
  const Scene scene;
  for (const Reduction reduction : {Reduction::crossfade, Reduction::average, Reduction::copy}) {
    for (const Mode mode : {Mode::difference, Mode::score}) {
      const WhitenOptions options = scene.options(mode, reduction);
      for (const auto& [x, y] : places) {
        const Whitened<double> whitened = scene.star(x, y, options);
        const auto psfs = psfs_at(whitened, {{x + origin.x, y + origin.y}});
        const Image<double>& psf = psfs.front();
        REQUIRE(psf.shape() == Shape{25, 21});
        double error = 0.0;
        for (int v = 0; v < 25; ++v) {
          for (int u = 0; u < 21; ++u) {
            error = std::max(error, std::abs(psf(v, u) - whitened.image(y + v - 12, x + u - 10)));
          }
        }
        // Filters are cut off where they are below 5e-6 (score: 5e-5) of the noise; peaks are 0.05.
        CHECK(error < (mode == Mode::score ? 5e-6 : 5e-8));
      }
    }
  }
}

TEST_CASE("the response is the peak of a source of flux one") {
  const Scene scene;
  const WhitenOptions options = scene.options(Mode::score);
  for (const auto& [x, y] : places) {
    const Whitened<double> whitened = scene.star(x, y, options);
    const PeakResponse response(whitened);
    const Image<double> rows = response.rows(y - 3, y + 2);
    REQUIRE(rows.shape() == Shape{5, 260});
    // Between nodes a parabola is off by a third derivative, 1e-4 in cells of 90 pixels here.
    CHECK(rows(3, x) == doctest::Approx(whitened.image(y, x)).epsilon(1e-4));
  }
}

TEST_CASE("beyond the frame, and where no cell is, the nearest one counts") {
  const Scene scene;
  WhitenOptions options = scene.options(Mode::difference);
  options.cells = {{{10, 10, 100, 140}, {}}, {{115, 10, 250, 140}, {}}};
  const Whitened<double> whitened = scene.star(60, 60, options);
  const std::vector<Point> positions{
      {origin.x - 1e9, origin.y}, {origin.x + 105, origin.y + 50}, {origin.x + 117, origin.y - 80}};
  const auto found = psfs_at(whitened, positions);
  const auto expected = psfs_at(whitened, positions, std::vector<std::size_t>{0, 0, 1});
  CHECK(test::same_bits(found[0], expected[0]));
  CHECK(test::same_bits(found[2], expected[2]));
  // The stamp of the second one reaches into the other cell, which has another filter.
  CHECK(found[1](12, 0) == expected[1](12, 0));
  CHECK(found[1](12, 20) != expected[1](12, 20));
  const Image<double> response = PeakResponse(whitened).rows(0, 150);
  CHECK(std::isnan(response(50, 105)));
  CHECK(std::isfinite(response(50, 99)));
}

TEST_CASE("what cannot be is refused") {
  const Scene scene;
  WhitenOptions options = scene.options(Mode::difference);
  const Whitened<double> whitened = scene.star(60, 60, options);
  CHECK_THROWS_AS(psfs_at(whitened, {{test::not_a_number, 0.0}}), std::invalid_argument);
  CHECK_THROWS_AS(psfs_at(whitened, {{0.0, 0.0}}, std::vector<std::size_t>{6}),
                  std::invalid_argument);
  CHECK_THROWS_AS(psfs_at(whitened, {{0.0, 0.0}}, std::vector<std::size_t>{}),
                  std::invalid_argument);
  CHECK_THROWS_AS(PeakResponse(whitened).rows(100, 151), std::invalid_argument);
  options.psf.clear();
  const Whitened<double> without = scene.star(60, 60, options);
  CHECK_THROWS_AS(psfs_at(without, {{0.0, 0.0}}), std::invalid_argument);
  CHECK_THROWS_AS(PeakResponse{without}, std::invalid_argument);
}
