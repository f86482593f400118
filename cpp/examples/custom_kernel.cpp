// A kernel that varies with position as a formula says: here a Gaussian that widens to the right.

#include "simulate.hpp"

namespace {

class WideningGaussian final : public whitediff::Kernel {
 public:
  explicit WideningGaussian(double width)
      : Kernel({15, 15}, whitediff::default_center({15, 15})), width_(width) {}

  double sigma(double x) const { return 1.0 + 0.8 * x / width_; }

  void evaluate(std::span<const whitediff::Point> positions, double* images) const override {
    for (const whitediff::Point& position : positions) {
      const double s2 = sigma(position.x) * sigma(position.x);
      for (int v = -7; v <= 7; ++v) {
        for (int u = -7; u <= 7; ++u) {
          *images++ = std::exp(-0.5 * (u * u + v * v) / s2) / (2.0 * 3.14159265358979 * s2);
        }
      }
    }
  }

 private:
  double width_;
};

}  // namespace

int main() {
  const whitediff::Shape frame{300, 400};
  const auto kernel = std::make_shared<WideningGaussian>(frame.width);
  auto difference = example::noise(frame, 1.0, 1);
  const auto reference = example::noise(frame, 1.0, 2);
  for (int x = 0; x < frame.width; ++x) {
    const auto local = kernel->at({static_cast<double>(x), 0.0});
    for (int y = 7; y < frame.height - 7; ++y) {
      for (int v = -7; v <= 7; ++v) {
        for (int u = std::max(-7, x - frame.width + 1); u <= std::min(7, x); ++u) {
          difference(y, x) -= static_cast<float>(local(v + 7, u + 7) * reference(y - v, x - u));
        }
      }
    }
  }

  whitediff::DecorrelateOptions options;
  options.whiten.progress = [](std::size_t done, std::size_t total) {
    std::printf("%zu of %zu cells\n", done, total);
  };
  const whitediff::NoiseSource<float> one{1.0, {}, 1.0, {}};
  const auto white = whitediff::decorrelate<float>(difference.view(), one, one, kernel, options);

  // The kernel as it was used in the first and in the last cell.
  const auto noise = white.noise.batch();
  for (const std::size_t cell : {std::size_t{0}, noise.size() - 1}) {
    const auto& image = noise[cell].sources[1].kernels[0];
    std::printf("cell %zu: peak of the kernel %.4f\n", cell,
                image.pixels(image.center.y, image.center.x));
  }
  return example::report(difference, white.image, 2.0) ? 0 : 1;
}
