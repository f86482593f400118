#include "whitediff/whiten.hpp"

#include <algorithm>
#include <atomic>
#include <optional>

#include "checks.hpp"
#include "execution.hpp"
#include "parallel.hpp"
#include "planning.hpp"
#include "require.hpp"
#include "row_bands.hpp"
#include "stopwatch.hpp"
#include "stream.hpp"
#include "whitediff/psf.hpp"
#include "whitediff/stack.hpp"

namespace whitediff {
namespace {

/// Plans, lets `run` execute the plan, and completes the account of it.
/// @param threads  that `run` may use.
/// @param run      (plan) -> Outcome.
template <class T, class Run>
Whitening whiten_with(const Plane<T>& image, const std::vector<NoiseSource<T>>& sources,
                      const WhitenOptions& options, int threads, const Run& run) {
  check(image, sources, options);
  std::optional<Whitening> whitening;
  with_threads(threads, [&] {
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

/// The same with the threads that a frame is worth.
template <class T, class Run>
Whitening whiten_with(const Plane<T>& image, const std::vector<NoiseSource<T>>& sources,
                      const WhitenOptions& options, const Run& run) {
  return whiten_with(image, sources, options, threads_of_frame(image.shape(), options.n_threads),
                     run);
}

/// The stamps of a stack, their masks, and where their results go.
template <class T>
class Stamps {
 public:
  Stamps(ImageView<const T> stamps, int count, const WhitenOptions& options,
         WhitenedStack<T>& stack)
      : stamps_(stamps),
        count_(count),
        height_(stamps.height() / count),
        options_(options),
        output_{0, stack.image.view(), stack.variance.view(), stack.filter_edge.view()} {}

  ImageView<const T> image(int n) const { return stamps_.cut(box(n)); }

  /// Asks memory for stamp n, if there is one, and as far as the second cache has room for it
  /// besides what is worked on.
  void prefetch_image(int n) const {
    if (n >= count_) return;
    constexpr std::size_t most_bytes = std::size_t{1} << 16;
    const ImageView<const T> stamp = image(n);
    const std::size_t row_bytes = static_cast<std::size_t>(stamp.width()) * sizeof(T);
    const int rows =
        static_cast<int>(std::min<std::size_t>(stamp.height(), most_bytes / row_bytes));
    for (int y = 0; y < rows; ++y) prefetch(stamp.row(y), stamp.width());
  }

  OutputRows<T> output(int n) const {
    return {0, output_.image.cut(box(n)), output_.variance.cut(box(n)),
            output_.filter_edge.cut(box(n))};
  }
  Plane<std::int32_t> mask(int n) const {
    if (options_.mask.empty()) return {};
    return options_.mask.rows({n * height_, (n + 1) * height_});
  }
  /// Those of one stamp, in the thread that has it.
  WhitenOptions options(int n) const {
    WhitenOptions options = options_;
    options.mask = mask(n);
    options.n_threads = 1;
    options.progress = nullptr;
    return options;
  }

  /// Calls visit(n) for every stamp, on several threads.
  template <class Visit>
  void for_each(const Visit& visit) const {
    std::atomic<std::size_t> done = 0;
    parallel_for(count_, thread_count(options_.n_threads), [&](std::size_t n) {
      visit(static_cast<int>(n));
      const std::size_t now = ++done;
      if (thread_index() == 0 && options_.progress) options_.progress(now, count_);
    });
  }

 private:
  Box box(int n) const { return {0, n * height_, stamps_.width(), (n + 1) * height_}; }

  ImageView<const T> stamps_;
  int count_, height_;
  const WhitenOptions& options_;
  OutputRows<T> output_;
};

/// All stamps, whose sources are the same.
template <class T>
Whitening whiten_alike(const Stamps<T>& stamps, const std::vector<NoiseSource<T>>& sources,
                       const WhitenOptions& options) {
  WhitenOptions first = stamps.options(0);
  const int threads = first.n_threads = thread_count(options.n_threads);
  return whiten_with<T>(stamps.image(0), sources, first, threads, [&](const Whitening& plan) {
    Whitening of_thread = plan;
    of_thread.n_threads = 1;
    const WhitenOptions of_stamp = stamps.options(0);
    PerThread<FrameFilter<T>> filters(plan.n_threads);
    stamps.for_each([&](int n) {
      stamps.prefetch_image(n + plan.n_threads);
      filters.get([&] { return FrameFilter<T>(sources, of_stamp, of_thread); })
          .filter(stamps.image(n), stamps.mask(n), stamps.output(n));
    });
    Outcome outcome;
    outcome.unknown.variances.resize(sources.size());
    filters.for_each([&](const FrameFilter<T>& filter) {
      const Outcome part = filter.outcome();
      outcome.unknown += part.unknown;
      outcome.clipped_modes = part.clipped_modes;
    });
    return outcome;
  });
}

/// Stamps, each with its own sources.
template <class T>
std::vector<Whitening> whiten_apart(const Stamps<T>& stamps,
                                    const std::vector<std::vector<NoiseSource<T>>>& sources) {
  std::vector<std::optional<Whitening>> found(sources.size());
  stamps.for_each([&](int n) {
    const WhitenOptions options = stamps.options(n);
    const Plane<T> plane(stamps.image(n));
    found[n] = whiten_with<T>(plane, sources[n], options, [&](const Whitening& plan) {
      return execute(plane, sources[n], options, plan, stamps.output(n));
    });
  });
  std::vector<Whitening> whitenings;
  for (auto& whitening : found) whitenings.push_back(*std::move(whitening));
  return whitenings;
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
    whitened = output_image<T>(image.shape(), options.n_threads);
    variance = output_image<T>(image.shape(), options.n_threads);
    return execute(plane, sources, options, plan,
                   OutputRows<T>{0, whitened.view(), variance.view(), filter_edge.view()});
  });
  return {std::move(whitening), std::move(whitened), std::move(variance), std::move(filter_edge)};
}

template <class T>
Whitening whiten_into(ImageView<const T> image, const std::vector<NoiseSource<T>>& sources,
                      ImageView<T> whitened, ImageView<T> variance,
                      ImageView<std::uint8_t> filter_edge, const WhitenOptions& options) {
  require_shape(whitened.shape(), image.shape(), "whitened");
  require_shape(variance.shape(), image.shape(), "variance");
  require_shape(filter_edge.shape(), image.shape(), "filter_edge");
  const Plane<T> plane(image);
  return whiten_with<T>(plane, sources, options, [&](const Whitening& plan) {
    clear(filter_edge, plan.n_threads);
    return execute(plane, sources, options, plan,
                   OutputRows<T>{0, whitened, variance, filter_edge});
  });
}

template <class T>
Whitening whiten_bands(const Plane<T>& image, const std::vector<NoiseSource<T>>& sources,
                       const WriteRows<T>& write, const WhitenOptions& options) {
  require(static_cast<bool>(write), "write", "be a function", "none");
  return whiten_with<T>(image, sources, options, [&](const Whitening& plan) {
    return execute(image, sources, options, plan, write);
  });
}

template <class T>
WhitenedStack<T> whiten_stack(ImageView<const T> stamps, int count,
                              const std::vector<std::vector<NoiseSource<T>>>& sources,
                              const WhitenOptions& options) {
  require(count >= 1 && stamps.height() % count == 0, "stamps",
          "be " + std::to_string(count) + " of one height", stamps.shape());
  require(sources.size() == 1 || sources.size() == static_cast<std::size_t>(count), "sources",
          "be those of all stamps or of each", std::to_string(sources.size()) + " sets");
  require(options.mask.empty() || options.mask.shape() == stamps.shape(), "mask",
          "have shape " + to_string(stamps.shape()) + ", that of the stamps", options.mask.shape());
  WhitenedStack<T> stack{{},
                         output_image<T>(stamps.shape(), options.n_threads),
                         output_image<T>(stamps.shape(), options.n_threads),
                         Image<std::uint8_t>(stamps.shape())};
  const Stamps<T> of(stamps, count, options, stack);
  if (sources.size() == 1) {
    stack.whitenings.push_back(whiten_alike(of, sources.front(), options));
  } else {
    stack.whitenings = whiten_apart(of, sources);
  }
  return stack;
}

template WhitenedStack<float> whiten_stack(ImageView<const float>, int,
                                           const std::vector<std::vector<NoiseSource<float>>>&,
                                           const WhitenOptions&);
template WhitenedStack<double> whiten_stack(ImageView<const double>, int,
                                            const std::vector<std::vector<NoiseSource<double>>>&,
                                            const WhitenOptions&);
template Whitened<float> whiten(ImageView<const float>, const std::vector<NoiseSource<float>>&,
                                const WhitenOptions&);
template Whitened<double> whiten(ImageView<const double>, const std::vector<NoiseSource<double>>&,
                                 const WhitenOptions&);
template Whitening whiten_into(ImageView<const float>, const std::vector<NoiseSource<float>>&,
                               ImageView<float>, ImageView<float>, ImageView<std::uint8_t>,
                               const WhitenOptions&);
template Whitening whiten_into(ImageView<const double>, const std::vector<NoiseSource<double>>&,
                               ImageView<double>, ImageView<double>, ImageView<std::uint8_t>,
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
