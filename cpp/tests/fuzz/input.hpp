#pragma once

#include <fuzzer/FuzzedDataProvider.h>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <memory>
#include <utility>
#include <vector>

#include "whitediff/kernel.hpp"

namespace whitediff::fuzz {

/// Takes values out of the bytes that the fuzzer makes; the lowest there are when these are used
/// up.
class Input : public FuzzedDataProvider {
 public:
  using FuzzedDataProvider::FuzzedDataProvider;

  /// A number in lowest .. highest.
  int within(int lowest, int highest) { return ConsumeIntegralInRange(lowest, highest); }
  /// True once in n times.
  bool once_in(int n) { return within(1, n) == n; }

  /// A number of no great size, as a rule; any at all once in a while.
  double number() {
    static constexpr double odd[] = {0.0,
                                     -0.0,
                                     1.0,
                                     -1.0,
                                     1e-300,
                                     5e-324,
                                     1e-30,
                                     1e25,
                                     -1e30,
                                     1e300,
                                     std::numeric_limits<double>::infinity(),
                                     -std::numeric_limits<double>::infinity(),
                                     std::numeric_limits<double>::quiet_NaN()};
    if (once_in(16)) return PickValueInArray(odd);
    if (once_in(32)) return ConsumeFloatingPoint<double>();
    return within(-1024, 1024) / 256.0;
  }

  std::vector<double> numbers(int count) {
    std::vector<double> values(count);
    for (double& value : values) value = number();
    return values;
  }

  std::shared_ptr<const SpatialFunction> function() {
    static constexpr int sound[] = {1, 1, 3, 6, 10};
    auto coefficients = numbers(once_in(16) ? within(0, 10) : PickValueInArray(sound));
    if (ConsumeBool()) return std::make_shared<Polynomial2D>(std::move(coefficients));
    Chebyshev2D::Range range{-1.0, 40.0, -1.0, 40.0};
    if (once_in(8)) range = {number(), number(), number(), number()};
    return std::make_shared<Chebyshev2D>(std::move(coefficients), range);
  }

  KernelPtr kernel() {
    const Shape shape = {within(once_in(32) ? 0 : 1, 7), within(1, 7)};
    const KernelCenter center =
        once_in(16) ? KernelCenter{within(-1, 7), within(-1, 7)} : default_center(shape);
    if (ConsumeBool()) {
      const int count = within(once_in(32) ? 0 : 1, 3);
      SpatialKernel::Functions functions;
      for (int i = 0; i < count; ++i) functions.push_back(function());
      auto basis = numbers(count * shape.height * shape.width);
      return std::make_shared<SpatialKernel>(std::move(basis), shape, std::move(functions), center);
    }
    auto x = nodes(), y = nodes();
    auto images = numbers(static_cast<int>(x.size() * y.size()) * shape.height * shape.width);
    return std::make_shared<TabulatedKernel>(std::move(x), std::move(y), std::move(images), shape,
                                             center);
  }

 private:
  /// Positions that increase, as a rule.
  std::vector<double> nodes() {
    if (once_in(16)) return numbers(within(0, 4));
    std::vector<double> values(within(1, 4));
    double last = -10.0;
    for (double& value : values) value = last += within(1, 5000) / 100.0;
    return values;
  }
};

inline void require(bool condition, const char* what) {
  if (condition) return;
  std::fprintf(stderr, "does not hold: %s\n", what);
  std::abort();
}

}  // namespace whitediff::fuzz
