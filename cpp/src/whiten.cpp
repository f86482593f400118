#include "whitediff/whiten.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <string>

#include "cell_plan.hpp"
#include "completion.hpp"
#include "filter_change.hpp"
#include "filtering.hpp"
#include "finite.hpp"
#include "mean_variances.hpp"
#include "parallel.hpp"
#include "usable_pixels.hpp"
#include "usable_sum.hpp"
#include "whitediff/psf.hpp"

namespace whitediff {
namespace {

// A filter that changes by a relative rate g a pixel biases the noise of a box of side s that it
// serves by g^2 s^2 / 24, first order cancelling (docs/mathematics.md, Eq. 12): boxes are kept so
// small that this stays below.
constexpr double largest_bias = 5e-4;
constexpr double least_float32_floor = 1e-7;
// So many pixels make the error of a mean variance a sixtieth of the scatter of the plane or less.
constexpr std::size_t pixels_of_cell = std::size_t{1} << 12;

void require(bool condition, const std::string& message) {
  if (!condition) throw std::invalid_argument(message);
}

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

/// Boxes that cut a frame in (at most) three by three.
std::vector<Box> ninths(Shape frame) {
  std::vector<Box> boxes;
  for (const Cell& cell :
       make_cells(frame, std::min(3, frame.height), std::min(3, frame.width), 0, 0)) {
    boxes.push_back(cell.box);
  }
  return boxes;
}

class Stopwatch {
 public:
  double seconds() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

/// Where and how a frame is whitened, before any pixel is.
template <class T>
class Planning {
 public:
  Planning(const Plane<T>& image, const std::vector<NoiseSource<T>>& sources,
           const WhitenOptions& options)
      : frame_(image.shape()), sources_(sources), options_(options), filter_(options.filter) {
    if (std::is_same_v<T, float> && filter_.mode == Mode::difference) {
      filter_.power_floor = std::max(filter_.power_floor, least_float32_floor);
    }
  }

  /// The noise model has no PSF in mode difference: whitening needs none.
  Whitening plan() const {
    const Stopwatch plan_watch;
    const int threads = thread_count(options_.n_threads);
    NoiseModel noise = options_.spatially_varying ? survey() : frame_model();
    const NoiseModel::Batch local = noise.batch();
    std::vector<const LocalNoise*> noises;
    for (std::size_t n = 0; n < local.size(); n += points_of_ninth) noises.push_back(&local[n]);
    const FilterSupport support = filter_support(noises, filter_, threads);
    const int border = border_of(noises, support);
    std::vector<Cell> cells =
        options_.cells.empty() ? plan_cells(frame_, limits(local, border)) : given_cells(border);
    Timings seconds;
    seconds.plan = plan_watch.seconds();

    const Stopwatch statistics_watch;
    if (options_.spatially_varying) noise = cell_model(cells);
    seconds.statistics = statistics_watch.seconds();
    return {std::move(cells), std::move(noise), filter_, support, border, threads, 0, seconds};
  }

 private:
  // Planning samples the noise at the middle of every ninth of the frame, and a step away from
  // there in x and in y.
  static constexpr std::size_t points_of_ninth = 3;

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

  std::vector<double> means(const std::vector<Box>& boxes) const {
    return mean_variances(boxes, sources_, options_.ignore_mask, pixels_of_cell,
                          thread_count(options_.n_threads));
  }

  NoiseModel frame_model() const {
    const Box frame{0, 0, frame_.width, frame_.height};
    return model({position(frame.center())},
                 frame_variances(sources_, options_.ignore_mask, thread_count(options_.n_threads)));
  }

  NoiseModel cell_model(const std::vector<Cell>& cells) const {
    std::vector<Box> boxes;
    std::vector<Point> positions;
    for (const Cell& cell : cells) {
      boxes.push_back(cell.box);
      positions.push_back(position(cell.box.center()));
    }
    return model(std::move(positions), means(boxes));
  }

  NoiseModel survey() const {
    const std::vector<Box> boxes = ninths(frame_);
    const std::size_t count = sources_.size();
    std::vector<double> of_boxes = means(boxes);
    // The sampled rows may all be unusable though the plane is not.
    if (std::any_of(of_boxes.begin(), of_boxes.end(), [](double v) { return std::isnan(v); })) {
      const std::vector<double> whole = frame_model().variances();
      for (std::size_t n = 0; n < of_boxes.size(); ++n) {
        if (std::isnan(of_boxes[n])) of_boxes[n] = whole[n % count];
      }
    }
    std::vector<Point> positions;
    std::vector<double> variances;
    for (std::size_t n = 0; n < boxes.size(); ++n) {
      const Point middle = position(boxes[n].center());
      positions.push_back(middle);
      positions.push_back({middle.x + derivative_step, middle.y});
      positions.push_back({middle.x, middle.y + derivative_step});
      const auto local = of_boxes.begin() + static_cast<std::ptrdiff_t>(n * count);
      for (std::size_t copy = 0; copy < points_of_ninth; ++copy) {
        variances.insert(variances.end(), local, local + static_cast<std::ptrdiff_t>(count));
      }
    }
    return model(std::move(positions), std::move(variances));
  }

  int border_of(const std::vector<const LocalNoise*>& noises, const FilterSupport& support) const {
    if (options_.variance == VariancePropagation::estimate) return support.radius;
    std::vector<int> borders(noises.size(), support.radius);
    parallel_for(noises.size(), thread_count(options_.n_threads), [&](std::size_t n) {
      for (const auto& response : squared_responses(*noises[n], filter_, support)) {
        borders[n] = std::max(borders[n], response.shape().width / 2);
      }
    });
    return *std::max_element(borders.begin(), borders.end());
  }

  CellLimits limits(const NoiseModel::Batch& local, int border) const {
    const double infinity = std::numeric_limits<double>::infinity();
    if (!options_.spatially_varying) return {border, infinity, infinity};
    const auto [in_x, in_y] = fastest_change(local, filter_, thread_count(options_.n_threads));
    const double longest = std::sqrt(24.0 * largest_bias);
    return {border, longest / in_x, longest / in_y};
  }

  std::vector<Cell> given_cells(int border) const {
    const Box frame{0, 0, frame_.width, frame_.height};
    std::vector<Cell> cells = options_.cells;
    for (Cell& cell : cells) {
      if (!cell.expanded.empty()) continue;
      // A box outside the frame stays as it is, for check_cells to refuse.
      cell.expanded = frame.contains(cell.box) ? cell.box.grown(border).clipped(frame) : cell.box;
    }
    check_cells(cells, frame_);
    return cells;
  }

  Shape frame_;
  const std::vector<NoiseSource<T>>& sources_;
  const WhitenOptions& options_;
  FilterOptions filter_;
};

/// Filters a frame as planned.
template <class T>
class Execution {
 public:
  Execution(const Plane<T>& image, const std::vector<NoiseSource<T>>& sources,
            const WhitenOptions& options, const Whitening& plan)
      : image_(image),
        sources_(sources),
        options_(options),
        plan_(plan),
        blend_(plan.cells, options.reduction),
        image_turns_(blend_, plan.cells.size()),
        variance_turns_(blend_, plan.cells.size()),
        completion_(plan.cells, blend_, options.variance, options.ignore_mask),
        filtering_(CellTask<T>{.input = {},
                               .output = {},
                               .cells = plan.cells,
                               .blend = blend_,
                               .image_turns = image_turns_,
                               .variance_turns = variance_turns_,
                               .completion = completion_,
                               .ignore_mask = options.ignore_mask,
                               .filling = frame_filling(),
                               .filter = plan.filter,
                               .support = plan.support,
                               .variance = options.variance,
                               .border = plan.border,
                               .transform = transform_shape(plan.cells, plan.border)},
                   plan.noise, plan.n_threads, options.progress) {}

  /// All cells, into images of the whole frame.
  void run(Image<T>& image, Image<T>& variance) {
    std::vector<std::size_t> order;
    for (const auto& group : blend_.groups()) order.insert(order.end(), group.begin(), group.end());
    const InputRows<T> input = this->input({0, image_.shape().height});
    const OutputRows<T> output{0, image.view(), variance.view()};
    filtering_.run(order, input, output);
    completion_.run(input, output, plan_.n_threads);
  }

  /// Band by band.
  void run(const WriteRows<T>& write) {
    const std::vector<std::vector<std::size_t>> groups = blend_.groups();
    const std::vector<int> finished = finished_rows(groups);
    Window window;
    int first = 0;
    for (std::size_t n = 0; n < groups.size(); ++n) {
      // Taller cells of groups before may have given more already.
      int end = std::max(finished[n], window.rows.end);
      for (const std::size_t cell : groups[n]) end = std::max(end, plan_.cells[cell].box.y1);
      window.move({first, end}, image_.shape().width, plan_.n_threads);
      const InputRows<T> input = this->input(needed(groups[n], {first, finished[n]}));
      filtering_.run(groups[n], input, window.view({first, end}));
      if (finished[n] == first) continue;
      const OutputRows<T> ready = window.view({first, finished[n]});
      completion_.run(input, ready, plan_.n_threads);
      write(first, ready.image, ready.variance);
      first = finished[n];
    }
  }

  long clipped_modes() const { return filtering_.clipped_modes(); }

 private:
  /// The rows of the result that are being made.
  struct Window {
    Rows rows;
    Image<T> image, variance;

    /// Rows that are there already are kept, others are zero.
    void move(const Rows& to, int width, int threads) {
      for (Image<T>* plane : {&image, &variance}) {
        Image<T> moved = zero_image<T>({to.count(), width}, threads);
        for (int y = std::max(to.begin, rows.begin); y < std::min(to.end, rows.end); ++y) {
          std::copy_n(plane->row(y - rows.begin), width, moved.row(y - to.begin));
        }
        *plane = std::move(moved);
      }
      rows = to;
    }

    OutputRows<T> view(const Rows& of) {
      const Box box{0, of.begin - rows.begin, image.shape().width, of.end - rows.begin};
      return {of.begin, image.view().cut(box), variance.view().cut(box)};
    }
  };

  /// Up to where the frame is finished after each group.
  std::vector<int> finished_rows(const std::vector<std::vector<std::size_t>>& groups) const {
    std::vector<int> finished(groups.size(), image_.shape().height);
    for (std::size_t n = groups.size() - 1; n > 0; --n) {
      finished[n - 1] = finished[n];
      for (const std::size_t cell : groups[n]) {
        finished[n - 1] = std::min(finished[n - 1], plan_.cells[cell].box.y0);
      }
    }
    return finished;
  }

  /// The rows that a group of cells reads, and those that are completed and that a cell reaches.
  Rows needed(const std::vector<std::size_t>& group, const Rows& completed) const {
    Rows rows{image_.shape().height, 0};
    const auto include = [&rows](int begin, int end) {
      rows.begin = std::min(rows.begin, begin);
      rows.end = std::max(rows.end, end);
    };
    for (const std::size_t cell : group) {
      include(plan_.cells[cell].expanded.y0, plan_.cells[cell].expanded.y1);
    }
    for (const Cell& cell : plan_.cells) {
      const int begin = std::max(cell.box.y0, completed.begin);
      const int end = std::min(cell.box.y1, completed.end);
      if (begin < end) include(begin, end);
    }
    return rows;
  }

  InputRows<T> input(const Rows& rows) const {
    const auto bits = [&](const Plane<std::int32_t>& mask) {
      const bool used = !mask.empty() && options_.ignore_mask != 0;
      return used ? mask.rows(rows) : ImageView<const std::int32_t>();
    };
    InputRows<T> input{rows.begin, image_.rows(rows), bits(options_.mask), {}};
    for (const auto& source : sources_) {
      SourceRows<T> of_source{0.0, bits(source.mask), source.name};
      if (const auto* plane = std::get_if<Plane<T>>(&source.variance)) {
        of_source.variance = plane->rows(rows);
      } else {
        of_source.variance = std::get<double>(source.variance);
      }
      input.sources.push_back(std::move(of_source));
    }
    return input;
  }

  /// One filter for the frame goes with one mean for its gaps.
  std::optional<double> frame_filling() const {
    if (options_.spatially_varying) return std::nullopt;
    const UsableBands<T> bands(image_, {});
    std::vector<char> complete(bands.count());
    bands.for_each(plan_.n_threads, [&](std::size_t band, const UsablePixels<T>& pixels) {
      const ImageView<const T> values = pixels.values();
      complete[band] = true;
      for (int y = 0; y < values.height(); ++y) {
        complete[band] = complete[band] && all_finite(values.row(y), values.width());
      }
    });
    if (std::all_of(complete.begin(), complete.end(), [](char all) { return all; })) {
      return 0.0;  // nothing to fill
    }
    const UsableBands<T> masked_bands(image_, {options_.mask, options_.ignore_mask});
    std::vector<UsableSum> sums(masked_bands.count());
    masked_bands.for_each(plan_.n_threads, [&](std::size_t band, const UsablePixels<T>& pixels) {
      sums[band] =
          usable_sum(pixels.values(), pixels.bits(), options_.ignore_mask, pixels.values().box());
    });
    UsableSum total;
    for (const UsableSum& sum : sums) total += sum;
    return total.mean();
  }

  const Plane<T>& image_;
  const std::vector<NoiseSource<T>>& sources_;
  const WhitenOptions& options_;
  const Whitening& plan_;
  Blend blend_;
  Turns image_turns_, variance_turns_;
  Completion<T> completion_;
  Filtering<T> filtering_;
};

/// Plans, lets `run` execute the plan, and completes the account of it.
template <class T, class Run>
Whitening whiten_with(const Plane<T>& image, const std::vector<NoiseSource<T>>& sources,
                      const WhitenOptions& options, const Run& run) {
  check(image, sources, options);
  Whitening whitening = Planning<T>(image, sources, options).plan();
  const Stopwatch filter_watch;
  Execution<T> execution(image, sources, options, whitening);
  run(execution);
  whitening.clipped_modes = execution.clipped_modes();
  whitening.seconds.filter = filter_watch.seconds();
  const NoiseModel& noise = whitening.noise;
  whitening.noise = NoiseModel(noise.sources(), options.psf, noise.positions(), noise.variances());
  return whitening;
}

}  // namespace

template <class T>
Whitened<T> whiten(ImageView<const T> image, const std::vector<NoiseSource<T>>& sources,
                   const WhitenOptions& options) {
  Image<T> whitened, variance;
  Whitening whitening = whiten_with<T>(image, sources, options, [&](Execution<T>& execution) {
    whitened = zero_image<T>(image.shape(), options.n_threads);
    // Cells give variances only if they are propagated in full.
    variance = options.variance == VariancePropagation::full
                   ? zero_image<T>(image.shape(), options.n_threads)
                   : Image<T>(image.shape());
    execution.run(whitened, variance);
  });
  return {std::move(whitening), std::move(whitened), std::move(variance)};
}

template <class T>
Whitening whiten_bands(const Plane<T>& image, const std::vector<NoiseSource<T>>& sources,
                       const WriteRows<T>& write, const WhitenOptions& options) {
  require(static_cast<bool>(write), "write: expected a function, got none");
  return whiten_with<T>(image, sources, options,
                        [&](Execution<T>& execution) { execution.run(write); });
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
