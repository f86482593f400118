#include "checks.hpp"

#include <cmath>
#include <cstdio>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <variant>

#include "require.hpp"

namespace whitediff {
namespace {

/// What std::to_string gives in hundreds of digits.
std::string in_short(double number) {
  char text[32];
  std::snprintf(text, sizeof text, "%g", number);
  return text;
}

double absolute_sum(const Kernel& kernel, Point position) {
  const Image<double> image = kernel.at(position);
  double sum = 0.0;
  for (const double value : std::span(image.data(), image.shape().size())) sum += std::abs(value);
  return sum;
}

/// Refuses kernels and covariances whose noise is beyond the range of the numbers in the result, as
/// far as one position tells; a variance that only pixels tell is taken for 1.
template <class T>
void check_range(const NoiseSource<T>& source, const std::optional<SpatialCovariance>& remaining,
                 Point position) {
  const bool is_white = source.covariances.empty() && !remaining;
  if ((source.kernels.empty() && is_white) || !std::isfinite(source.weight)) return;
  const auto* number = std::get_if<double>(&source.variance);
  double largest = source.mean_variance.value_or(number ? *number : 1.0);
  largest *= source.weight * source.weight;
  for (const KernelPtr& kernel : source.kernels) {
    const double sum = absolute_sum(*kernel, position);
    // A kernel that is not finite has a message of its own.
    if (!std::isfinite(sum)) return;
    largest *= sum * sum;
  }
  const auto bound = [&](const SpatialCovariance& covariance) {
    return covariance.at(std::span(&position, 1)).front().bound();
  };
  if (remaining) largest *= bound(*remaining);
  for (const SpatialCovariance& covariance : source.covariances) largest *= bound(covariance);
  constexpr double limit = std::numeric_limits<T>::max();
  require(!(largest > limit), is_white ? "kernel" : "kernel and covariance",
          "give a variance of at most " + in_short(limit), in_short(largest));
}

}  // namespace

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
  const Point center = Box{0, 0, image.shape().width, image.shape().height}.center();
  const Point middle{center.x + options.xy0.x, center.y + options.xy0.y};
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
    check_range(source, options.remaining, middle);
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
