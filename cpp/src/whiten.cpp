#include "whitediff/whiten.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <memory>
#include <numeric>
#include <stdexcept>
#include <string>

#include "cell_plan.hpp"
#include "cell_worker.hpp"
#include "filter_design.hpp"
#include "finite.hpp"
#include "parallel.hpp"
#include "usable_sum.hpp"
#include "whitediff/psf.hpp"
#include "whitediff/statistics.hpp"

namespace whitediff {
namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();
// A filter that changes by a relative rate g a pixel biases the noise of a box of side s that it
// serves by g^2 s^2 / 24, first order cancelling: boxes are kept so small that this stays below.
constexpr double largest_bias = 5e-4;
constexpr double least_float32_floor = 1e-7;
constexpr double derivative_step = 16.0;
// So many pixels make the error of a mean variance a hundredth of the scatter of the plane or less.
constexpr std::size_t pixels_of_cell = std::size_t{1} << 13;
constexpr std::size_t batch_bytes = std::size_t{8} << 20;

void require(bool condition, const std::string& message) {
  if (!condition) throw std::invalid_argument(message);
}

/// How much the filter changes from one position to another, relative, weighted by the power.
class FilterChange {
 public:
  FilterChange(const FilterOptions& options, const FilterSupport& support)
      : here_({support.grid, support.grid}, options),
        there_({support.grid, support.grid}, options),
        filter_here_(here_.transform().spectrum_size()),
        filter_there_(here_.transform().spectrum_size()) {}

  void set(const LocalNoise& noise) {
    here_.set(noise);
    here_.write_spectrum(filter_here_.data());
  }

  /// rms over k of the relative change of |F|^2, twice that of F.
  double to(const LocalNoise& noise) {
    there_.set(noise);
    there_.write_spectrum(filter_there_.data());
    double change = 0.0, whole = 0.0;
    for (int y = 0; y < here_.grid().height; ++y) {
      const auto* here = filter_here_.data() + y * here_.transform().stride();
      const auto* there = filter_there_.data() + y * here_.transform().stride();
      const double* power = here_.power() + y * here_.stride();
      for (int x = 0; x < here_.transform().columns(); ++x) {
        change += std::norm(there[x] - here[x]) * power[x];
        whole += std::norm(here[x]) * power[x];
      }
    }
    return 2.0 * std::sqrt(change / whole);
  }

 private:
  FilterDesign here_, there_;
  fft::Buffer<std::complex<double>> filter_here_, filter_there_;
};

template <class T>
const ImageView<const T>* plane_of(const NoiseSource<T>& source) {
  return std::get_if<ImageView<const T>>(&source.variance);
}

template <class T>
void check(ImageView<const T> image, const std::vector<NoiseSource<T>>& sources,
           const WhitenOptions& options) {
  require(image.data() && image.height() >= 1 && image.width() >= 1,
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
      require(shape.height <= image.height() && shape.width <= image.width(),
              what + ": expected a shape no larger than the image's, " + to_string(image.shape()) +
                  ", got " + to_string(shape));
    }
  };
  for (const auto& source : sources) {
    if (const auto* plane = plane_of(source)) {
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

/// The clipped mean variance of a source in a box, from evenly spaced rows that hold about `pixels`
/// pixels; NaN if none of them is usable.
template <class T>
double mean_variance(const NoiseSource<T>& source, std::int32_t ignore, const Box& box,
                     std::size_t pixels, int threads) {
  if (source.mean_variance) return *source.mean_variance;
  const auto* plane = plane_of(source);
  if (!plane) return std::get<double>(source.variance);
  const int step = static_cast<int>(std::max<std::size_t>(1, box.shape().size() / pixels));
  const Shape shape{(box.height() + step - 1) / step, box.width()};
  const auto sparse = [&](const auto& whole) {
    const auto view = whole.cut(box);
    return std::decay_t<decltype(view)>(view.data(), shape, view.stride() * step);
  };
  PixelMask mask{source.mask, ignore};
  if (mask.active()) mask.bits = sparse(mask.bits);
  return clipped_mean(sparse(*plane), mask, threads).mean;
}

/// Variances of every source in every box, sources fastest, with the gaps (boxes without a usable
/// pixel, or without any noise) filled by the mean over the other boxes.
template <class T>
std::vector<double> variances_in(const std::vector<Box>& boxes,
                                 const std::vector<NoiseSource<T>>& sources, std::int32_t ignore,
                                 int threads, std::size_t pixels) {
  const std::size_t count = sources.size();
  std::vector<double> variances(boxes.size() * count);
  // One box keeps all threads busy by itself.
  const bool alone = boxes.size() == 1;
  parallel_for(variances.size(), alone ? 1 : threads, [&](std::size_t n) {
    variances[n] =
        mean_variance(sources[n % count], ignore, boxes[n / count], pixels, alone ? threads : 1);
  });
  for (std::size_t n = 0; n < boxes.size(); ++n) {
    double* local = variances.data() + n * count;
    if (std::all_of(local, local + count, [](double v) { return v == 0.0; })) {
      std::fill(local, local + count, nan);
    }
  }
  for (std::size_t i = 0; i < count; ++i) {
    double sum = 0.0;
    std::size_t usable = 0;
    for (std::size_t n = 0; n < boxes.size(); ++n) {
      const double variance = variances[n * count + i];
      if (std::isfinite(variance)) {
        sum += variance;
        ++usable;
      }
    }
    const double mean = usable > 0 ? sum / static_cast<double>(usable) : nan;
    for (std::size_t n = 0; n < boxes.size(); ++n) {
      double& variance = variances[n * count + i];
      if (!std::isfinite(variance)) variance = mean;
    }
  }
  return variances;
}

/// Boxes that cut a frame in (at most) three by three.
std::vector<Box> ninths(Shape frame) {
  std::vector<Box> boxes;
  for (const Cell& cell :
       make_cells(frame, std::min(3, frame.height), std::min(3, frame.width), 0, 0)) {
    boxes.push_back(cell.box);
  }
  return boxes;
}

/// Planning samples the noise at the middle of every ninth of the frame, and a step away from there
/// in x and in y.
constexpr std::size_t points_of_ninth = 3;

class Stopwatch {
 public:
  double seconds() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

template <class T>
class Whitening {
 public:
  Whitening(ImageView<const T> image, const std::vector<NoiseSource<T>>& sources,
            const WhitenOptions& options)
      : image_(image),
        sources_(sources),
        options_(options),
        filter_(options.filter),
        threads_(thread_count(options.n_threads)) {
    if (std::is_same_v<T, float> && filter_.mode == Mode::difference) {
      filter_.power_floor = std::max(filter_.power_floor, least_float32_floor);
    }
  }

  Whitened<T> run() const {
    const Stopwatch plan_watch;
    NoiseModel noise = options_.spatially_varying ? survey() : frame_model();
    const NoiseModel::Batch local = noise.batch();
    std::vector<const LocalNoise*> noises;
    for (std::size_t n = 0; n < local.size(); n += points_of_ninth) noises.push_back(&local[n]);
    const FilterSupport support = filter_support(noises, filter_);
    const int border = border_of(noises, support);
    const std::vector<Cell> cells = options_.cells.empty()
                                        ? plan_cells(image_.shape(), limits(local, support, border))
                                        : given_cells(border);
    Timings seconds;
    seconds.plan = plan_watch.seconds();

    const Stopwatch statistics_watch;
    if (options_.spatially_varying) noise = cell_model(cells);
    seconds.statistics = statistics_watch.seconds();

    const Stopwatch filter_watch;
    Image<T> image(image_.shape());
    Image<T> variance(image_.shape());
    const Blend blend(cells, options_.reduction);
    const CellTask<T> task{.image = image_,
                           .mask = {options_.mask, options_.ignore_mask},
                           .filling = frame_filling(),
                           .sources = sources_,
                           .cells = cells,
                           .blend = blend,
                           .filter = filter_,
                           .support = support,
                           .variance = options_.variance,
                           .border = border,
                           .transform = transform_shape(cells, border),
                           .image_out = image.view(),
                           .variance_out = variance.view()};
    const long clipped_modes = filter_cells(task, noise);
    if (!options_.cells.empty()) {
      clear_uncovered(cells, image);
      clear_uncovered(cells, variance);
    }
    seconds.filter = filter_watch.seconds();
    return {
        std::move(image), std::move(variance), cells,  with_psf(noise), filter_, support, border,
        threads_,         clipped_modes,       seconds};
  }

 private:
  Point position(Point pixel) const { return {pixel.x + options_.xy0.x, pixel.y + options_.xy0.y}; }

  NoiseModel model(std::vector<Point> positions, std::vector<double> variances) const {
    for (std::size_t n = 0; n < variances.size(); ++n) {
      require(!std::isnan(variances[n]),
              sources_[n % sources_.size()].name +
                  ": expected finite, unmasked pixels and a positive total variance, got none");
    }
    std::vector<NoiseModel::Source> sources;
    for (const auto& source : sources_) sources.push_back({source.weight, source.kernels});
    // Whitening itself needs no PSF, which may be slow to evaluate.
    return NoiseModel(std::move(sources),
                      filter_.mode == Mode::score ? options_.psf : std::vector<KernelPtr>{},
                      std::move(positions), std::move(variances));
  }

  /// One filter for the frame goes with one mean for its gaps.
  std::optional<double> frame_filling() const {
    if (options_.spatially_varying) return std::nullopt;
    constexpr int band = 64;
    std::vector<UsableSum> bands((image_.height() + band - 1) / band);
    std::vector<char> complete(bands.size());
    const auto box_of = [&](std::size_t n) {
      const int y0 = static_cast<int>(n) * band;
      return Box{0, y0, image_.width(), std::min(y0 + band, image_.height())};
    };
    parallel_for(bands.size(), threads_, [&](std::size_t n) {
      const Box box = box_of(n);
      complete[n] = true;
      for (int y = box.y0; y < box.y1; ++y) {
        complete[n] = complete[n] && all_finite(image_.row(y), image_.width());
      }
    });
    if (std::all_of(complete.begin(), complete.end(), [](char all) { return all; })) {
      return 0.0;  // nothing to fill
    }
    parallel_for(bands.size(), threads_, [&](std::size_t n) {
      bands[n] = usable_sum(image_, {options_.mask, options_.ignore_mask}, box_of(n));
    });
    UsableSum total;
    for (const UsableSum& sum : bands) total += sum;
    return total.mean();
  }

  NoiseModel with_psf(const NoiseModel& noise) const {
    return NoiseModel(noise.sources(), options_.psf, noise.positions(), noise.variances());
  }

  static void clear_uncovered(const std::vector<Cell>& cells, Image<T>& image) {
    const std::vector<bool> covered = coverage(cells, image.shape());
    for (std::size_t i = 0; i < covered.size(); ++i) {
      if (!covered[i]) image.data()[i] = std::numeric_limits<T>::quiet_NaN();
    }
  }

  std::vector<double> mean_variances(const std::vector<Box>& boxes, std::size_t pixels) const {
    return variances_in(boxes, sources_, options_.ignore_mask, threads_, pixels);
  }

  NoiseModel frame_model() const {
    const std::size_t all = image_.shape().size();
    return model({position(image_.box().center())}, mean_variances({image_.box()}, all));
  }

  NoiseModel cell_model(const std::vector<Cell>& cells) const {
    std::vector<Box> boxes;
    std::vector<Point> positions;
    for (const Cell& cell : cells) {
      boxes.push_back(cell.box);
      positions.push_back(position(cell.box.center()));
    }
    return model(std::move(positions), mean_variances(boxes, pixels_of_cell));
  }

  NoiseModel survey() const {
    const std::vector<Box> boxes = ninths(image_.shape());
    const std::vector<double> means = mean_variances(boxes, pixels_of_cell);
    std::vector<Point> positions;
    std::vector<double> variances;
    for (std::size_t n = 0; n < boxes.size(); ++n) {
      const Point middle = position(boxes[n].center());
      positions.push_back(middle);
      positions.push_back({middle.x + derivative_step, middle.y});
      positions.push_back({middle.x, middle.y + derivative_step});
      for (std::size_t copy = 0; copy < points_of_ninth; ++copy) {
        for (std::size_t i = 0; i < sources_.size(); ++i) {
          double mean = means[n * sources_.size() + i];
          // The sampled rows may all be unusable though the plane is not.
          if (std::isnan(mean)) mean = frame_model().variances()[i];
          variances.push_back(mean);
        }
      }
    }
    return model(std::move(positions), std::move(variances));
  }

  int border_of(const std::vector<const LocalNoise*>& noises, const FilterSupport& support) const {
    int border = support.radius;
    if (options_.variance == VariancePropagation::full) {
      for (const LocalNoise* noise : noises) {
        for (const auto& response : squared_responses(*noise, filter_, support)) {
          border = std::max(border, response.shape().width / 2);
        }
      }
    }
    return border;
  }

  CellLimits limits(const NoiseModel::Batch& local, const FilterSupport& support,
                    int border) const {
    const double infinity = std::numeric_limits<double>::infinity();
    CellLimits limits{border, infinity, infinity};
    if (local.size() == 1) return limits;
    const double longest = derivative_step * std::sqrt(24.0 * largest_bias);
    FilterChange change(filter_, support);
    for (std::size_t n = 0; n < local.size(); n += points_of_ninth) {
      change.set(local[n]);
      limits.widest = std::min(limits.widest, longest / change.to(local[n + 1]));
      limits.highest = std::min(limits.highest, longest / change.to(local[n + 2]));
    }
    return limits;
  }

  std::vector<Cell> given_cells(int border) const {
    std::vector<Cell> cells = options_.cells;
    for (Cell& cell : cells) {
      if (!cell.expanded.empty()) continue;
      // A box outside the frame stays as it is, for check_cells to refuse.
      cell.expanded =
          image_.box().contains(cell.box) ? cell.box.grown(border).clipped(image_.box()) : cell.box;
    }
    check_cells(cells, image_.shape());
    return cells;
  }

  /// Filters all cells and returns the number of modes that the power floor held.
  long filter_cells(const CellTask<T>& task, const NoiseModel& noise) const {
    std::vector<std::unique_ptr<CellWorker<T>>> workers(threads_);
    std::vector<long> clipped(task.cells.size());
    const bool varying = options_.spatially_varying;
    const NoiseModel::Batch frame = varying ? NoiseModel::Batch() : noise.batch();
    const auto worker_of_thread = [&]() -> CellWorker<T>& {
      auto& worker = workers[thread_index()];
      if (!worker) {
        worker = std::make_unique<CellWorker<T>>(task);
        if (!varying) worker->set_filter(frame[0]);
      }
      return *worker;
    };
    const std::size_t at_once = batch_size(noise);
    std::size_t done = 0;
    for (const std::vector<std::size_t>& round : task.blend.rounds()) {
      for (std::size_t first = 0; first < round.size(); first += at_once) {
        const std::span<const std::size_t> cells(round.data() + first,
                                                 std::min(at_once, round.size() - first));
        const NoiseModel::Batch local = varying ? noise.batch(cells) : NoiseModel::Batch();
        parallel_for(cells.size(), threads_, [&](std::size_t n) {
          CellWorker<T>& worker = worker_of_thread();
          if (varying) worker.set_filter(local[n]);
          worker.run(cells[n], varying ? local[n] : frame[0]);
          clipped[cells[n]] = worker.clipped_modes();
        });
        done += cells.size();
        if (options_.progress) options_.progress(done, task.cells.size());
      }
    }
    return varying ? std::accumulate(clipped.begin(), clipped.end(), 0L) : clipped.front();
  }

  /// How many cells have their kernels evaluated at once: memory is bounded, work stays parallel.
  std::size_t batch_size(const NoiseModel& noise) const {
    std::size_t kernels = noise.psf().size();
    for (const auto& source : noise.sources()) kernels += source.kernels.size();
    const std::size_t bytes = std::max<std::size_t>(kernels, 1) * noise.largest_kernel().size() * 8;
    return std::max<std::size_t>(batch_bytes / bytes, 4 * static_cast<std::size_t>(threads_));
  }

  ImageView<const T> image_;
  const std::vector<NoiseSource<T>>& sources_;
  const WhitenOptions& options_;
  FilterOptions filter_;
  int threads_;
};

}  // namespace

template <class T>
Whitened<T> whiten(ImageView<const T> image, const std::vector<NoiseSource<T>>& sources,
                   const WhitenOptions& options) {
  check(image, sources, options);
  return Whitening<T>(image, sources, options).run();
}

template Whitened<float> whiten(ImageView<const float>, const std::vector<NoiseSource<float>>&,
                                const WhitenOptions&);
template Whitened<double> whiten(ImageView<const double>, const std::vector<NoiseSource<double>>&,
                                 const WhitenOptions&);

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
