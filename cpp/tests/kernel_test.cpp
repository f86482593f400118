#include "support.hpp"

using namespace whitediff;

namespace {

std::vector<double> values(std::size_t count, unsigned seed) {
  const auto image = test::noise<double>({1, static_cast<int>(count)}, seed);
  return {image.data(), image.data() + count};
}

std::shared_ptr<const SpatialFunction> polynomial(std::vector<double> coefficients) {
  return std::make_shared<Polynomial2D>(std::move(coefficients));
}

}  // namespace

TEST_CASE("the default centre is the middle pixel, the lower one of two") {
  CHECK(default_center({1, 1}) == KernelCenter{0, 0});
  CHECK(default_center({5, 8}) == KernelCenter{2, 3});
}

TEST_CASE("a fixed kernel is the same everywhere") {
  const auto image = test::noise<double>({3, 4}, 1);
  const KernelPtr kernel = fixed_kernel(image.view());
  CHECK(kernel->shape() == Shape{3, 4});
  CHECK(kernel->center() == KernelCenter{1, 1});
  CHECK(test::same_bits(kernel->at({0.0, 0.0}), image));
  CHECK(test::same_bits(kernel->at({1e4, -1e4}), image));
  CHECK(kernel->sum({7.0, 7.0}) == doctest::Approx(test::sum(image)).epsilon(1e-14));
  CHECK(fixed_kernel(image.view(), {2, 3})->center() == KernelCenter{2, 3});
}

TEST_CASE("a fixed kernel is read from a view with gaps between rows") {
  const auto image = test::noise<double>({5, 9}, 2);
  const KernelPtr kernel = fixed_kernel(image.view().cut({2, 1, 5, 5}));
  const Image<double> got = kernel->at({0, 0});
  CHECK(got(0, 0) == image(1, 2));
  CHECK(got(3, 2) == image(4, 4));
}

TEST_CASE("a spatial kernel is the sum of basis images times functions") {
  const Shape shape{2, 3};
  const auto basis = values(2 * shape.size(), 3);
  const SpatialKernel kernel(basis, shape,
                             {polynomial({1.0, 0.5, -0.25}),
                              std::make_shared<Chebyshev2D>(std::vector<double>{0.0, 1.0, 0.0},
                                                            Chebyshev2D::Range{0, 10, 0, 20})},
                             {1, 0});
  CHECK(kernel.basis() == basis);
  CHECK(kernel.functions().size() == 2);
  const std::vector<Point> positions{{0.0, 0.0}, {5.0, 3.0}, {10.0, 20.0}};
  std::vector<double> images(positions.size() * shape.size());
  kernel.evaluate(positions, images.data());
  for (std::size_t n = 0; n < positions.size(); ++n) {
    const auto [x, y] = positions[n];
    for (std::size_t i = 0; i < shape.size(); ++i) {
      const double direct =
          (1.0 + 0.5 * x - 0.25 * y) * basis[i] + (x / 5.0 - 1.0) * basis[shape.size() + i];
      CHECK(images[n * shape.size() + i] == doctest::Approx(direct).epsilon(1e-13));
    }
  }
}

TEST_CASE("a tabulated kernel is bilinear between nodes and constant outside") {
  const Shape shape{1, 2};
  const std::vector<double> x{0.0, 10.0, 30.0}, y{5.0, 6.0};
  // Pixels are bilinear functions of the node position, so interpolation is exact.
  const auto exact = [](Point p) { return std::array{p.x + 2.0 * p.y, 3.0 - 0.1 * p.x * p.y}; };
  std::vector<double> images;
  for (const double node_y : y) {
    for (const double node_x : x) {
      const auto pixels = exact({node_x, node_y});
      images.insert(images.end(), pixels.begin(), pixels.end());
    }
  }
  const TabulatedKernel kernel(x, y, images, shape, {0, 0});
  CHECK(kernel.x() == x);
  CHECK(kernel.y() == y);
  CHECK(kernel.images() == images);
  const auto check = [&](Point position, Point stands_for) {
    const Image<double> got = kernel.at(position);
    const auto expected = exact(stands_for);
    CHECK(got(0, 0) == doctest::Approx(expected[0]).epsilon(1e-14));
    CHECK(got(0, 1) == doctest::Approx(expected[1]).epsilon(1e-14));
  };
  for (const Point inside : {Point{0.0, 5.0}, {10.0, 6.0}, {3.0, 5.25}, {29.0, 5.5}, {30.0, 5.0}}) {
    check(inside, inside);
  }
  check({-50.0, 5.5}, {0.0, 5.5});
  check({12.0, 100.0}, {12.0, 6.0});
  check({1e9, -1e9}, {30.0, 5.0});
}

TEST_CASE("one node is a constant kernel") {
  const TabulatedKernel kernel({3.0}, {4.0}, {1.0, 2.0}, {2, 1}, {0, 0});
  CHECK(kernel.sum({-100.0, 100.0}) == 3.0);
}

TEST_CASE("a flipped kernel is turned by 180 degrees about its centre") {
  const auto image = test::noise<double>({3, 4}, 6);
  const KernelPtr kernel = fixed_kernel(image.view(), {0, 1});
  const KernelPtr turned = flipped(kernel);
  CHECK(turned->center() == KernelCenter{2, 2});
  const Shape grid{8, 8};
  for (int ky = 0; ky < 8; ++ky) {
    const auto plain = test::transfer(image, {0, 1}, grid, ky, 3);
    const auto other = test::transfer(turned->at({0, 0}), turned->center(), grid, ky, 3);
    CHECK(std::abs(other - std::conj(plain)) < 1e-14);
  }
  CHECK(test::same_bits(flipped(turned)->at({0, 0}), image));
}

TEST_CASE("what is no kernel is refused") {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const auto constant = polynomial({1.0});
  const auto spatial = [&](std::vector<double> basis, Shape shape,
                           SpatialKernel::Functions functions, KernelCenter center) {
    SpatialKernel(std::move(basis), shape, std::move(functions), center);
  };
  CHECK_THROWS_AS(spatial({}, {0, 3}, {constant}, {0, 0}), std::invalid_argument);
  CHECK_THROWS_AS(spatial({1.0}, {1, 1}, {}, {0, 0}), std::invalid_argument);
  CHECK_THROWS_AS(spatial({1.0}, {1, 1}, {nullptr}, {0, 0}), std::invalid_argument);
  CHECK_THROWS_AS(spatial({1.0, 2.0}, {1, 1}, {constant}, {0, 0}), std::invalid_argument);
  CHECK_THROWS_AS(spatial({nan}, {1, 1}, {constant}, {0, 0}), std::invalid_argument);
  CHECK_THROWS_AS(spatial({1.0, 2.0}, {1, 2}, {constant}, {0, 2}), std::invalid_argument);
  CHECK_THROWS_AS(spatial({1.0, 2.0}, {1, 2}, {constant}, {-1, 0}), std::invalid_argument);

  const auto tabulated = [](std::vector<double> x, std::vector<double> y,
                            std::vector<double> images) {
    TabulatedKernel(std::move(x), std::move(y), std::move(images), {1, 1}, {0, 0});
  };
  CHECK_THROWS_AS(tabulated({}, {0.0}, {}), std::invalid_argument);
  CHECK_THROWS_AS(tabulated({1.0, 1.0}, {0.0}, {1.0, 2.0}), std::invalid_argument);
  CHECK_THROWS_AS(tabulated({0.0}, {2.0, 1.0}, {1.0, 2.0}), std::invalid_argument);
  CHECK_THROWS_AS(tabulated({nan}, {0.0}, {1.0}), std::invalid_argument);
  CHECK_THROWS_AS(tabulated({0.0, 1.0}, {0.0}, {1.0}), std::invalid_argument);
  CHECK_THROWS_AS(tabulated({0.0}, {0.0}, {nan}), std::invalid_argument);
}
