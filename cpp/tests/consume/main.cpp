// Whitens a simulated difference image and checks the variance of what comes out.

#include <cmath>
#include <cstdio>
#include <random>
#include <whitediff/whitediff.hpp>

int main() {
  using namespace whitediff;
  const Shape frame{300, 320};
  const int half = 2;
  const double weights[] = {0.1, 0.2, 0.4, 0.2, 0.1};

  Image<double> kernel({5, 5});
  for (int v = 0; v < 5; ++v) {
    for (int u = 0; u < 5; ++u) kernel(v, u) = weights[v] * weights[u];
  }

  // S - K*T, both of independent normal pixels of variance one.
  std::mt19937 generator(1);
  std::normal_distribution<float> normal;
  Image<float> difference(frame), reference(frame);
  for (std::size_t i = 0; i < frame.size(); ++i) {
    difference.data()[i] = normal(generator);
    reference.data()[i] = normal(generator);
  }
  for (int y = half; y < frame.height - half; ++y) {
    for (int x = half; x < frame.width - half; ++x) {
      for (int v = -half; v <= half; ++v) {
        for (int u = -half; u <= half; ++u) {
          const double k = kernel(v + half, u + half);
          difference(y, x) -= static_cast<float>(k * reference(y - v, x - u));
        }
      }
    }
  }

  const NoiseSource<float> one{1.0, {}, 1.0, {}};
  const auto white = decorrelate<float>(difference.view(), one, one, fixed_kernel(kernel.view()));

  const int margin = 20;
  double squares = 0.0, predicted = 0.0;
  int pixels = 0;
  for (int y = margin; y < frame.height - margin; ++y) {
    for (int x = margin; x < frame.width - margin; ++x, ++pixels) {
      squares += white.image(y, x) * white.image(y, x);
      predicted += white.variance(y, x);
    }
  }
  const double measured = squares / pixels;
  predicted /= pixels;
  // Theory: v_S + v_T = 2. The sampling error of a variance is sqrt(2 / n) of it.
  const double allowed = 5.0 * std::sqrt(2.0 / pixels) * 2.0;
  std::printf("whitediff %s: variance %.4f, predicted %.4f\n", version, measured, predicted);
  return std::abs(predicted - 2.0) < 1e-4 && std::abs(measured - 2.0) < allowed ? 0 : 1;
}
