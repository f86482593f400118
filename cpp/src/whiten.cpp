#include "whitediff/whiten.hpp"

#include <optional>

#include "checks.hpp"
#include "execution.hpp"
#include "parallel.hpp"
#include "planning.hpp"
#include "require.hpp"
#include "stopwatch.hpp"
#include "whitediff/psf.hpp"

namespace whitediff {
namespace {

/// Plans, lets `run` execute the plan, and completes the account of it.
/// @param run  (plan) -> Outcome.
template <class T, class Run>
Whitening whiten_with(const Plane<T>& image, const std::vector<NoiseSource<T>>& sources,
                      const WhitenOptions& options, const Run& run) {
  check(image, sources, options);
  std::optional<Whitening> whitening;
  with_threads(thread_count(options.n_threads), [&] {
    whitening = plan(image.shape(), sources, options);
    const Stopwatch filter_watch;
    Outcome outcome = run(*whitening);
    whitening->clipped_modes = outcome.clipped_modes;
    whitening->unknown = std::move(outcome.unknown);
    whitening->seconds.filter = filter_watch.seconds();
  });
  const NoiseModel& noise = whitening->noise;
  whitening->noise = NoiseModel(noise.sources(), options.psf, noise.positions(), noise.variances());
  return *std::move(whitening);
}

}  // namespace

Unknown& Unknown::operator+=(const Unknown& other) {
  marked += other.marked;
  not_finite += other.not_finite;
  too_large += other.too_large;
  for (std::size_t i = 0; i < variances.size(); ++i) variances[i] += other.variances[i];
  return *this;
}

template <class T>
Whitened<T> whiten(ImageView<const T> image, const std::vector<NoiseSource<T>>& sources,
                   const WhitenOptions& options) {
  Image<T> whitened, variance;
  Image<std::uint8_t> filter_edge(image.shape());
  const Plane<T> plane(image);
  Whitening whitening = whiten_with<T>(plane, sources, options, [&](const Whitening& plan) {
    whitened = zero_image<T>(image.shape(), options.n_threads);
    // Cells give variances only if they are propagated in full.
    variance = options.variance == VariancePropagation::full
                   ? zero_image<T>(image.shape(), options.n_threads)
                   : Image<T>(image.shape());
    return execute(plane, sources, options, plan,
                   OutputRows<T>{0, whitened.view(), variance.view(), filter_edge.view()});
  });
  return {std::move(whitening), std::move(whitened), std::move(variance), std::move(filter_edge)};
}

template <class T>
Whitening whiten_bands(const Plane<T>& image, const std::vector<NoiseSource<T>>& sources,
                       const WriteRows<T>& write, const WhitenOptions& options) {
  require(static_cast<bool>(write), "write", "be a function", "none");
  return whiten_with<T>(image, sources, options, [&](const Whitening& plan) {
    return execute(image, sources, options, plan, write);
  });
}

template Whitened<float> whiten(ImageView<const float>, const std::vector<NoiseSource<float>>&,
                                const WhitenOptions&);
template Whitened<double> whiten(ImageView<const double>, const std::vector<NoiseSource<double>>&,
                                 const WhitenOptions&);
template Whitening whiten_bands(const Plane<float>&, const std::vector<NoiseSource<float>>&,
                                const WriteRows<float>&, const WhitenOptions&);
template Whitening whiten_bands(const Plane<double>&, const std::vector<NoiseSource<double>>&,
                                const WriteRows<double>&, const WhitenOptions&);

std::vector<FilterImage> filter_images(const NoiseModel& noise, const FilterOptions& options,
                                       const FilterSupport& support, int n_threads) {
  const NoiseModel::Batch local = noise.batch();
  std::vector<FilterImage> images(local.size());
  parallel_for(local.size(), thread_count(n_threads),
               [&](std::size_t n) { images[n] = filter_image(local[n], options, support); });
  return images;
}

std::vector<Image<double>> whitened_psfs(const NoiseModel& noise, const FilterOptions& options,
                                         const FilterSupport& support, int n_threads) {
  const NoiseModel::Batch local = noise.batch();
  std::vector<Image<double>> psfs(local.size());
  parallel_for(local.size(), thread_count(n_threads),
               [&](std::size_t n) { psfs[n] = whitened_psf(local[n], options, support); });
  return psfs;
}

}  // namespace whitediff
