#include "checks.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <variant>

#include "require.hpp"

namespace whitediff {
namespace {

constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();

/// NaN where the kernel is not finite, which has a message of its own.
double absolute_sum(const Kernel& kernel, Point position) {
  const Image<double> image = kernel.at(position);
  double sum = 0.0;
  for (const double value : std::span(image.data(), image.shape().size())) {
    sum += std::isfinite(value) ? std::abs(value) : not_a_number;
  }
  return sum;
}

/// The most power that a source can have, as far as one position tells; a variance that only pixels
/// tell is taken for 1. NaN where a weight or a kernel is not finite.
template <class T>
double largest_power(const NoiseSource<T>& source,
                     const std::optional<SpatialCovariance>& remaining, Point position) {
  const auto* number = std::get_if<double>(&source.variance);
  double largest = source.mean_variance.value_or(number ? *number : 1.0);
  largest *= std::isfinite(source.weight) ? source.weight * source.weight : not_a_number;
  for (const KernelPtr& kernel : source.kernels) {
    const double sum = absolute_sum(*kernel, position);
    largest *= sum * sum;
  }
  const auto bound = [&](const SpatialCovariance& covariance) {
    return covariance.at(std::span(&position, 1)).front().bound();
  };
  if (remaining) largest *= bound(*remaining);
  for (const SpatialCovariance& covariance : source.covariances) largest *= bound(covariance);
  return largest;
}

/// Refuses kernels, covariances and (mode score) PSFs whose noise is beyond the range of the
/// numbers in the result, as far as one position tells.
template <class T>
void check_range(const std::vector<NoiseSource<T>>& sources, const WhitenOptions& options,
                 Point position) {
  // Of double precision sums over a grid must be in range as well.
  constexpr double limit =
      std::min<double>(std::numeric_limits<T>::max(), std::numeric_limits<double>::max() * 1e-6);
  const auto check_variance = [&](double variance, const std::string& what) {
    require(!(variance > limit), what, "give a variance of at most " + in_short(limit), variance);
  };
  double power = 0.0;
  for (const auto& source : sources) {
    const bool is_white = source.covariances.empty() && !options.remaining;
    const double largest = largest_power(source, options.remaining, position);
    if (!source.kernels.empty() || !is_white) {
      check_variance(largest, is_white ? "kernel" : "kernel and covariance");
    }
    power += largest;
  }
  if (options.filter.mode != Mode::score) return;
  // P(0) / P is at most the inverse of the floor.
  power /= options.filter.power_floor;
  for (const KernelPtr& kernel : options.psf) {
    const double sum = absolute_sum(*kernel, position);
    power *= sum * sum;
  }
  check_variance(power, "psf");
}

}  // namespace

template <class T>
void check(const Plane<T>& image, const std::vector<NoiseSource<T>>& sources,
           const WhitenOptions& options) {
  const std::string of_image = to_string(image.shape());
  require(!image.empty(), "image", "have at least one pixel", "shape " + of_image);
  require(std::isfinite(options.xy0.x) && std::isfinite(options.xy0.y), "xy0", "be finite",
          options.xy0);
  constexpr double least_floor = std::numeric_limits<double>::epsilon();
  require(options.filter.power_floor >= least_floor && std::isfinite(options.filter.power_floor),
          "power_floor", "be finite, and at least what rounding leaves, " + in_short(least_floor),
          options.filter.power_floor);
  require(!sources.empty(), "sources", "hold at least one noise source", "none");
  const auto check_shape = [&](Shape shape, const std::string& what) {
    require_shape(shape, image.shape(), what);
  };
  const auto require_kernels = [](const std::vector<KernelPtr>& kernels, const std::string& what) {
    for (const KernelPtr& kernel : kernels) {
      require(kernel != nullptr, what, "be a kernel", "a null pointer");
    }
  };
  const auto check_kernels = [&](const std::vector<KernelPtr>& kernels, const std::string& what) {
    require_kernels(kernels, what);
    for (const KernelPtr& kernel : kernels) {
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
  }
  if (!options.mask.empty()) check_shape(options.mask.shape(), "mask");
  require_kernels(options.psf, "psf");
  if (options.filter.mode == Mode::score) {
    check_kernels(options.psf, "psf");
    require(!options.psf.empty(), "psf", "be given in mode score", "none");
  }
  check_range(sources, options, middle);
}

template void check(const Plane<float>&, const std::vector<NoiseSource<float>>&,
                    const WhitenOptions&);
template void check(const Plane<double>&, const std::vector<NoiseSource<double>>&,
                    const WhitenOptions&);

}  // namespace whitediff
