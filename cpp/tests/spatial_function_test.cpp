#include "support.hpp"

using namespace whitediff;

TEST_CASE("a polynomial follows its definition") {
  const std::vector<double> c{1.5, -2.0, 0.25, 0.5, -0.125, 3.0, 1.0, 2.0, -1.0, 0.75};
  const Polynomial2D polynomial(c);
  CHECK(polynomial.coefficients() == c);
  for (const auto [x, y] : {Point{0.0, 0.0}, {2.0, -3.0}, {-1.5, 0.5}, {10.0, 7.0}}) {
    const double direct = c[0] + c[1] * x + c[2] * y + c[3] * x * x + c[4] * x * y + c[5] * y * y +
                          c[6] * x * x * x + c[7] * x * x * y + c[8] * x * y * y + c[9] * y * y * y;
    // Ten terms in another order: rounding.
    CHECK(polynomial({x, y}) == doctest::Approx(direct).epsilon(1e-14));
  }
  CHECK(Polynomial2D({4.0})({1e6, -1e6}) == 4.0);
}

TEST_CASE("Chebyshev polynomials are cosines of multiples of an angle") {
  const Chebyshev2D::Range range{-3.0, 5.0, 10.0, 30.0};
  // T_i(x') T_j(y') one at a time, in the order of Polynomial2D, up to degree 4.
  for (int degree = 0, index = 0; degree <= 4; ++degree) {
    for (int j = 0; j <= degree; ++j, ++index) {
      std::vector<double> c(15, 0.0);
      c[index] = 2.0;
      const Chebyshev2D function(c, range);
      for (const auto [x, y] : {Point{-3.0, 10.0}, {5.0, 30.0}, {0.3, 17.0}, {4.9, 11.0}}) {
        const double in_x = std::cos((degree - j) * std::acos((x - 1.0) / 4.0));
        const double in_y = std::cos(j * std::acos((y - 20.0) / 10.0));
        // acos is steep at the ends: rounding of 1e-16 becomes 1e-8 squared.
        CHECK(function({x, y}) == doctest::Approx(2.0 * in_x * in_y).epsilon(1e-12));
      }
    }
  }
}

TEST_CASE("what is no function of position is refused") {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const double infinity = std::numeric_limits<double>::infinity();
  for (const std::size_t count : {0, 2, 4, 5, 7}) {
    CHECK_THROWS_AS(Polynomial2D(std::vector<double>(count, 1.0)), std::invalid_argument);
    CHECK_THROWS_AS(Chebyshev2D(std::vector<double>(count, 1.0), {0, 1, 0, 1}),
                    std::invalid_argument);
  }
  CHECK_THROWS_AS(Polynomial2D({1.0, nan, 0.0}), std::invalid_argument);
  CHECK_THROWS_AS(Chebyshev2D({infinity}, {0, 1, 0, 1}), std::invalid_argument);
  CHECK_THROWS_AS(Chebyshev2D({1.0}, {1, 1, 0, 1}), std::invalid_argument);
  CHECK_THROWS_AS(Chebyshev2D({1.0}, {0, 1, 2, 1}), std::invalid_argument);
  CHECK_THROWS_AS(Chebyshev2D({1.0}, {0, nan, 0, 1}), std::invalid_argument);
  CHECK_THROWS_AS(Chebyshev2D({1.0}, {0, infinity, 0, 1}), std::invalid_argument);
}
