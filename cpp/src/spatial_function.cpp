#include "whitediff/spatial_function.hpp"

#include <cmath>
#include <string>

#include "require.hpp"

namespace whitediff {
namespace {

int checked_degree(const std::vector<double>& coefficients) {
  for (const double c : coefficients) require(std::isfinite(c), "coefficients", "be finite", c);
  int degree = 0;
  while ((degree + 1) * (degree + 2) / 2 < static_cast<int>(coefficients.size())) ++degree;
  require((degree + 1) * (degree + 2) / 2 == static_cast<int>(coefficients.size()), "coefficients",
          "be 1, 3, 6, 10, 15, ... in number", coefficients.size());
  return degree;
}

}  // namespace

Polynomial2D::Polynomial2D(std::vector<double> coefficients)
    : coefficients_(std::move(coefficients)), degree_(checked_degree(coefficients_)) {}

double Polynomial2D::operator()(Point position) const {
  // A Horner scheme in x for every power of y.
  double total = 0.0;
  double y_power = 1.0;
  for (int j = 0; j <= degree_; ++j) {
    double in_x = 0.0;
    for (int i = degree_ - j; i >= 0; --i) {
      const int degree = i + j;
      in_x = in_x * position.x + coefficients_[degree * (degree + 1) / 2 + j];
    }
    total += in_x * y_power;
    y_power *= position.y;
  }
  return total;
}

Chebyshev2D::Chebyshev2D(std::vector<double> coefficients, Range range)
    : coefficients_(std::move(coefficients)),
      range_(range),
      degree_(checked_degree(coefficients_)) {
  require(std::isfinite(range.x_min) && std::isfinite(range.x_max) && std::isfinite(range.y_min) &&
              std::isfinite(range.y_max) && range.x_min < range.x_max && range.y_min < range.y_max,
          "Chebyshev2D", "have finite x_min < x_max and y_min < y_max",
          "(" + std::to_string(range.x_min) + ", " + std::to_string(range.x_max) + ", " +
              std::to_string(range.y_min) + ", " + std::to_string(range.y_max) + ")");
}

double Chebyshev2D::operator()(Point position) const {
  const double x = (2.0 * position.x - range_.x_min - range_.x_max) / (range_.x_max - range_.x_min);
  const double y = (2.0 * position.y - range_.y_min - range_.y_max) / (range_.y_max - range_.y_min);
  std::vector<double> tx(degree_ + 1, 1.0);
  std::vector<double> ty(degree_ + 1, 1.0);
  for (int n = 1; n <= degree_; ++n) {
    tx[n] = n == 1 ? x : 2.0 * x * tx[n - 1] - tx[n - 2];
    ty[n] = n == 1 ? y : 2.0 * y * ty[n - 1] - ty[n - 2];
  }
  double total = 0.0;
  for (int degree = 0; degree <= degree_; ++degree) {
    for (int j = 0; j <= degree; ++j) {
      total += coefficients_[degree * (degree + 1) / 2 + j] * tx[degree - j] * ty[j];
    }
  }
  return total;
}

}  // namespace whitediff
