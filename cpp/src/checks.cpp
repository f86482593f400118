#include "checks.hpp"

#include <cmath>
#include <string>
#include <variant>

#include "require.hpp"

namespace whitediff {

template <class T>
void check(const Plane<T>& image, const std::vector<NoiseSource<T>>& sources,
           const WhitenOptions& options) {
  require(!image.empty(),
          "image: expected at least one pixel, got shape " + to_string(image.shape()));
  require(std::isfinite(options.xy0.x) && std::isfinite(options.xy0.y),
          "xy0: expected finite numbers, got (" + std::to_string(options.xy0.x) + ", " +
              std::to_string(options.xy0.y) + ")");
  require(!sources.empty(), "sources: expected at least one noise source, got none");
  const auto check_shape = [&](Shape shape, const std::string& what) {
    require(shape == image.shape(), what + ": expected shape " + to_string(image.shape()) +
                                        ", that of the image, got " + to_string(shape));
  };
  const auto check_kernels = [&](const std::vector<KernelPtr>& kernels, const std::string& what) {
    for (const KernelPtr& kernel : kernels) {
      require(kernel != nullptr, what + ": expected a kernel, got a null pointer");
      const Shape shape = kernel->shape();
      require(shape.height <= image.shape().height && shape.width <= image.shape().width,
              what + ": expected a shape no larger than the image's, " + to_string(image.shape()) +
                  ", got " + to_string(shape));
    }
  };
  for (const auto& source : sources) {
    if (const auto* plane = std::get_if<Plane<T>>(&source.variance)) {
      check_shape(plane->shape(), source.name);
    } else {
      const double value = std::get<double>(source.variance);
      require(std::isfinite(value) && value >= 0.0,
              source.name + ": expected a finite number >= 0, got " + std::to_string(value));
    }
    if (source.mean_variance) {
      require(std::isfinite(*source.mean_variance) && *source.mean_variance >= 0.0,
              source.name + ": expected a mean that is finite and >= 0, got " +
                  std::to_string(*source.mean_variance));
    }
    if (!source.mask.empty()) check_shape(source.mask.shape(), "mask");
    check_kernels(source.kernels, "kernel");
  }
  if (!options.mask.empty()) check_shape(options.mask.shape(), "mask");
  if (options.filter.mode == Mode::score) {
    check_kernels(options.psf, "psf");
    require(!options.psf.empty(), "psf: expected one in mode score, got none");
  }
}

template void check(const Plane<float>&, const std::vector<NoiseSource<float>>&,
                    const WhitenOptions&);
template void check(const Plane<double>&, const std::vector<NoiseSource<double>>&,
                    const WhitenOptions&);

}  // namespace whitediff
