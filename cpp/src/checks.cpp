#include "checks.hpp"

#include <cmath>
#include <string>
#include <variant>

#include "require.hpp"

namespace whitediff {

template <class T>
void check(const Plane<T>& image, const std::vector<NoiseSource<T>>& sources,
           const WhitenOptions& options) {
  const std::string of_image = to_string(image.shape());
  require(!image.empty(), "image", "have at least one pixel", "shape " + of_image);
  require(std::isfinite(options.xy0.x) && std::isfinite(options.xy0.y), "xy0", "be finite",
          options.xy0);
  require(!sources.empty(), "sources", "hold at least one noise source", "none");
  const auto check_shape = [&](Shape shape, const std::string& what) {
    require(shape == image.shape(), what, "have shape " + of_image + ", that of the image", shape);
  };
  const auto check_kernels = [&](const std::vector<KernelPtr>& kernels, const std::string& what) {
    for (const KernelPtr& kernel : kernels) {
      require(kernel != nullptr, what, "be a kernel", "a null pointer");
      const Shape shape = kernel->shape();
      require(shape.height <= image.shape().height && shape.width <= image.shape().width, what,
              "be no larger than the image, " + of_image, shape);
    }
  };
  for (const auto& source : sources) {
    if (const auto* plane = std::get_if<Plane<T>>(&source.variance)) {
      check_shape(plane->shape(), source.name);
    } else {
      const double value = std::get<double>(source.variance);
      require(std::isfinite(value) && value >= 0.0, source.name, "be finite and >= 0", value);
    }
    if (source.mean_variance) {
      require(std::isfinite(*source.mean_variance) && *source.mean_variance >= 0.0, source.name,
              "have a mean that is finite and >= 0", *source.mean_variance);
    }
    if (!source.mask.empty()) check_shape(source.mask.shape(), "mask");
    check_kernels(source.kernels, "kernel");
  }
  if (!options.mask.empty()) check_shape(options.mask.shape(), "mask");
  if (options.filter.mode == Mode::score) {
    check_kernels(options.psf, "psf");
    require(!options.psf.empty(), "psf", "be given in mode score", "none");
  }
}

template void check(const Plane<float>&, const std::vector<NoiseSource<float>>&,
                    const WhitenOptions&);
template void check(const Plane<double>&, const std::vector<NoiseSource<double>>&,
                    const WhitenOptions&);

}  // namespace whitediff
