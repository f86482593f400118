#pragma once

#include <vector>

#include "whitediff/export.hpp"
#include "whitediff/geometry.hpp"

namespace whitediff {

/// A function of position: the coefficient of one basis image of a SpatialKernel.
class WHITEDIFF_EXPORT SpatialFunction {
 public:
  virtual ~SpatialFunction() = default;
  virtual double operator()(Point position) const = 0;
};

/// A polynomial in pixel coordinates, of the total degree that the number of coefficients tells.
class WHITEDIFF_EXPORT Polynomial2D final : public SpatialFunction {
 public:
  /// @param coefficients  of 1; x, y; x^2, xy, y^2; ...: (d + 1)(d + 2) / 2 of them for degree d.
  /// @throws std::invalid_argument if the count is no such number or a value is not finite.
  explicit Polynomial2D(std::vector<double> coefficients);

  double operator()(Point position) const override;
  const std::vector<double>& coefficients() const { return coefficients_; }

 private:
  std::vector<double> coefficients_;
  int degree_;
};

/// A series of products T_i(x') T_j(y') of Chebyshev polynomials of the first kind, x' and y'
/// running from -1 to 1 over a range of positions.
class WHITEDIFF_EXPORT Chebyshev2D final : public SpatialFunction {
 public:
  /// The range of positions, ends included.
  struct Range {
    double x_min, x_max, y_min, y_max;
  };

  /// @param coefficients  in the order of Polynomial2D: 1; T1(x'), T1(y'); T2(x'), T1(x')T1(y'),
  /// ...
  /// @param range         x_min < x_max and y_min < y_max.
  /// @throws std::invalid_argument if the count fits no degree, the range is empty, or a value is
  ///         not finite.
  Chebyshev2D(std::vector<double> coefficients, Range range);

  double operator()(Point position) const override;
  const std::vector<double>& coefficients() const { return coefficients_; }
  const Range& range() const { return range_; }

 private:
  std::vector<double> coefficients_;
  Range range_;
  int degree_;
};

}  // namespace whitediff
