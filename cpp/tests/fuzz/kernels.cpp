// Kernels of any shape, coefficients and nodes, evaluated anywhere: refused, or as many values as
// they promise, the same at each position whatever the others are.

#include <cstring>
#include <stdexcept>
#include <vector>

#include "input.hpp"
#include "whitediff/kernel.hpp"

using namespace whitediff;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  try {
    KernelPtr kernel = input.kernel();
    if (input.ConsumeBool()) kernel = flipped(kernel);
    std::vector<Point> positions(input.within(0, 5));
    for (Point& position : positions) {
      position = {input.number() * 16.0, input.number() * 16.0};
    }
    const std::size_t pixels = kernel->shape().size();
    std::vector<double> images(positions.size() * pixels);
    kernel->evaluate(positions, images.data());
    for (std::size_t n = 0; n < positions.size(); ++n) {
      const Image<double> alone = kernel->at(positions[n]);
      fuzz::require(
          std::memcmp(alone.data(), images.data() + n * pixels, pixels * sizeof(double)) == 0,
          "the same position has the same kernel");
      kernel->sum(positions[n]);
    }
  } catch (const std::invalid_argument&) {
  }
  return 0;
}
