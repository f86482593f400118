// A stack of three science images, each matched by its own kernel and averaged, minus a template.
// Every raw image is one noise source: its variance, what it went through, its weight.

#include "simulate.hpp"

int main() {
  const whitediff::Shape frame{300, 400};
  const double sigmas[] = {0.8, 1.2, 1.6};
  const double weight = 1.0 / 3.0;

  auto image = example::noise(frame, 0.5, 1);
  std::vector<whitediff::NoiseSource<float>> sources{{0.5, {}, 1.0, {}}};
  double expected = 0.5;
  for (unsigned i = 0; i < 3; ++i) {
    const double variance = 1.0 + i;
    const auto kernel = example::gaussian(sigmas[i]);
    example::add_convolved(image, weight, kernel, example::noise(frame, variance, 2 + i));
    sources.push_back({variance, {whitediff::fixed_kernel(kernel.view())}, weight, {}});
    expected += weight * weight * variance;
  }

  const auto white = whitediff::whiten<float>(image.view(), sources);
  return example::report(image, white.image, expected) ? 0 : 1;
}
