// A difference image D = S - K*T in an array, and what is known of it: the variances of S and T and
// the matching kernel K.

#include "simulate.hpp"

int main() {
  const whitediff::Shape frame{300, 400};
  const double science_variance = 2.0, template_variance = 1.0;
  const auto kernel = example::gaussian(1.5);
  auto difference = example::noise(frame, science_variance, 1);
  example::add_convolved(difference, -1.0, kernel, example::noise(frame, template_variance, 2));

  // Variances may be planes, too: give an ImageView instead of a number.
  const whitediff::NoiseSource<float> science{science_variance, {}, 1.0, {}};
  const whitediff::NoiseSource<float> reference{template_variance, {}, 1.0, {}};
  const whitediff::Whitened<float> white = whitediff::decorrelate<float>(
      difference.view(), science, reference, whitediff::fixed_kernel(kernel.view()));

  std::printf("%zu cells, border %d, %d threads\n", white.cells.size(), white.border,
              white.n_threads);
  return example::report(difference, white.image, science_variance + template_variance) ? 0 : 1;
}
