// Kernels of any shape, coefficients and nodes, evaluated anywhere: refused, or as many values as
// they promise, finite ones if whitening takes them.

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <vector>

#include "input.hpp"
#include "whitediff/kernel.hpp"
#include "whitediff/noise_model.hpp"
#include "whitediff/whiten.hpp"

using namespace whitediff;

namespace {

std::vector<double> values_from(fuzz::Input& input, int count) {
  std::vector<double> values(count);
  for (double& value : values) {
    value = input.within(0, 7) == 0 ? input.take<double>() : input.take<std::int16_t>() / 256.0;
  }
  return values;
}

std::shared_ptr<const SpatialFunction> function_from(fuzz::Input& input) {
  auto coefficients = values_from(input, input.within(0, 10));
  if (input.within(0, 1) == 0) return std::make_shared<Polynomial2D>(std::move(coefficients));
  const auto range = values_from(input, 4);
  return std::make_shared<Chebyshev2D>(std::move(coefficients),
                                       Chebyshev2D::Range{range[0], range[1], range[2], range[3]});
}

KernelPtr kernel_from(fuzz::Input& input) {
  const Shape shape{input.within(0, 7), input.within(0, 7)};
  const KernelCenter center{input.within(-1, 7), input.within(-1, 7)};
  if (input.within(0, 1) == 0) {
    const int count = input.within(0, 3);
    SpatialKernel::Functions functions;
    for (int i = 0; i < count; ++i) functions.push_back(function_from(input));
    auto basis = values_from(input, count * shape.height * shape.width);
    return std::make_shared<SpatialKernel>(std::move(basis), shape, std::move(functions), center);
  }
  auto x = values_from(input, input.within(0, 4)), y = values_from(input, input.within(0, 4));
  const int count = static_cast<int>(x.size() * y.size()) * shape.height * shape.width;
  auto images = values_from(input, count);
  return std::make_shared<TabulatedKernel>(std::move(x), std::move(y), std::move(images), shape,
                                           center);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  try {
    KernelPtr kernel = kernel_from(input);
    if (input.within(0, 1) == 0) kernel = flipped(kernel);
    std::vector<Point> positions(input.within(0, 3));
    for (Point& position : positions) {
      const auto xy = values_from(input, 2);
      position = {xy[0], xy[1]};
    }
    std::vector<double> images(positions.size() * kernel->shape().size());
    kernel->evaluate(positions, images.data());
    if (input.within(0, 15) > 0) return 0;

    const Image<float> image({16, 17});
    WhitenOptions options;
    options.n_threads = 1;
    if (!positions.empty()) options.xy0 = positions.front();
    const auto white =
        whiten<float>(image.view(), {{1.0, {}, 1.0, {}}, {1.0, {kernel}, 1.0, {}}}, options);
    fuzz::require(std::all_of(white.image.data(), white.image.data() + image.shape().size(),
                              [](float value) { return std::isfinite(value); }),
                  "a finite image comes out finite");
  } catch (const std::invalid_argument&) {
  }
  return 0;
}
