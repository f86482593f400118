#include "planning.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <type_traits>

#include "cell_plan.hpp"
#include "filter_survey.hpp"
#include "mean_variances.hpp"
#include "parallel.hpp"
#include "require.hpp"
#include "stopwatch.hpp"

namespace whitediff {
namespace {

// A filter that changes by a relative rate g a pixel biases the noise of a box of side s that it
// serves by g^2 s^2 / 24, first order cancelling (docs/mathematics.md, Eq. 12): boxes are kept so
// small that this stays below.
constexpr double largest_bias = 5e-4;
// Steps, in pixels, over which the change of a filter is found.
constexpr double first_step = 16.0;
constexpr double last_step = 256.0;
constexpr double least_float32_floor = 1e-7;
// Smaller ones have few digits in float32, or none.
constexpr double least_float32_variance = 1e-36;
// So many pixels make the error of a mean variance a sixtieth of the scatter of the plane or less.
constexpr std::size_t pixels_of_cell = std::size_t{1} << 12;

Box whole(Shape frame) { return {0, 0, frame.width, frame.height}; }

/// Boxes that cut a frame in (at most) three by three.
std::vector<Box> ninths(Shape frame) {
  std::vector<Box> boxes;
  for (const Cell& cell :
       make_cells(frame, std::min(3, frame.height), std::min(3, frame.width), 0, 0)) {
    boxes.push_back(cell.box);
  }
  return boxes;
}

template <class T>
class Planning {
 public:
  Planning(Shape frame, const std::vector<NoiseSource<T>>& sources, const WhitenOptions& options)
      : frame_(frame),
        sources_(sources),
        options_(options),
        filter_(options.filter),
        threads_(threads_of_frame(frame, options.n_threads)) {
    if (std::is_same_v<T, float> && filter_.mode == Mode::difference) {
      filter_.power_floor = std::max(filter_.power_floor, least_float32_floor);
    }
  }

  Whitening plan() {
    const Stopwatch plan_watch;
    NoiseModel noise = options_.spatially_varying ? survey() : frame_model();
    const NoiseModel::Batch local = noise.batch();
    FilterSurvey found = survey_filters(local.pointers(), filter_, options_.variance, threads_);
    const int border = found.border;
    std::vector<Cell> cells = options_.cells.empty()
                                  ? plan_cells(frame_, limits(noise, local, border))
                                  : given_cells(border);
    Timings seconds;
    seconds.plan = plan_watch.seconds();

    const Stopwatch statistics_watch;
    if (options_.spatially_varying) noise = cell_model(cells);
    seconds.statistics = statistics_watch.seconds();
    return {.frame = frame_,
            .xy0 = options_.xy0,
            .cells = std::move(cells),
            .reduction = options_.reduction,
            .noise = std::move(noise),
            .filter = filter_,
            .support = std::move(found.support),
            .border = border,
            .n_threads = threads_,
            .masked_means = masked_means_,
            .seconds = seconds};
  }

 private:
  Point position(Point pixel) const { return {pixel.x + options_.xy0.x, pixel.y + options_.xy0.y}; }

  NoiseModel model(std::vector<Point> positions, std::vector<double> variances) const {
    for (std::size_t n = 0; n < variances.size(); ++n) {
      require(!std::isnan(variances[n]), sources_[n % sources_.size()].name,
              "have known pixels and a positive total variance", "none");
    }
    if constexpr (std::is_same_v<T, float>) require_digits(variances);
    std::vector<NoiseModel::Source> sources;
    for (const auto& source : sources_) {
      sources.push_back({source.weight, source.kernels, source.covariances});
      if (options_.remaining) sources.back().covariances.push_back(*options_.remaining);
    }
    return NoiseModel(std::move(sources),
                      filter_.mode == Mode::score ? options_.psf : std::vector<KernelPtr>{},
                      std::move(positions), std::move(variances));
  }

  /// Refuses variances that single precision does not hold, as of fluxes in units of a star's.
  void require_digits(const std::vector<double>& variances) const {
    double largest = 0.0;
    for (std::size_t n = 0; n < variances.size(); ++n) {
      const double weight = sources_[n % sources_.size()].weight;
      largest = std::max(largest, weight * weight * variances[n]);
    }
    require(!(largest > 0.0 && largest < least_float32_variance), "variance",
            "be at least 1e-36, or the image in double precision or in another unit", largest);
  }

  std::vector<Point> centers(const std::vector<Box>& boxes) const {
    std::vector<Point> positions;
    for (const Box& box : boxes) positions.push_back(position(box.center()));
    return positions;
  }

  std::vector<double> means(const std::vector<Box>& boxes) const {
    return mean_variances(boxes, sources_, options_.ignore_mask, pixels_of_cell, threads_);
  }

  /// Puts others in the place of variances that are not known, source by source.
  static bool fill(std::vector<double>& variances, const std::vector<double>& others) {
    bool filled = false;
    for (std::size_t n = 0; n < variances.size(); ++n) {
      const double other = others[n % others.size()];
      if (!std::isnan(variances[n]) || std::isnan(other)) continue;
      variances[n] = other;
      filled = true;
    }
    return filled;
  }

  static bool all_known(const std::vector<double>& variances) {
    return std::none_of(variances.begin(), variances.end(), [](double v) { return std::isnan(v); });
  }

  /// Of whole planes: of masked pixels too where a source has no others.
  std::vector<double> means_of_frame() {
    std::vector<double> variances = frame_variances(sources_, options_.ignore_mask, threads_);
    if (!all_known(variances) && options_.ignore_mask != 0) {
      masked_means_ = fill(variances, frame_variances(sources_, 0, threads_));
    }
    return variances;
  }

  NoiseModel frame_model() { return model({position(whole(frame_).center())}, means_of_frame()); }

  NoiseModel cell_model(const std::vector<Cell>& cells) {
    std::vector<Box> boxes;
    for (const Cell& cell : cells) boxes.push_back(cell.box);
    return model_of(boxes);
  }

  /// At the middle of every ninth of the frame.
  NoiseModel survey() { return model_of(ninths(frame_)); }

  NoiseModel model_of(const std::vector<Box>& boxes) {
    std::vector<double> variances = means(boxes);
    // The sampled rows may all be unusable though the plane is not.
    if (!all_known(variances)) fill(variances, means_of_frame());
    return model(centers(boxes), std::move(variances));
  }

  /// How far all positions may move along an axis, one way or the other, and stay in the frame.
  double room(const NoiseModel& noise, double Point::*axis) const {
    const Point first = position({0.0, 0.0});
    const Point last = position({frame_.width - 1.0, frame_.height - 1.0});
    double least = std::numeric_limits<double>::infinity();
    for (const Point& at : noise.positions()) {
      least = std::min(least, std::max(at.*axis - first.*axis, last.*axis - at.*axis));
    }
    return least;
  }

  /// The same variances, but the kernels of positions some pixels away along an axis, where these
  /// are in the frame: nobody knows kernels elsewhere.
  NoiseModel moved(const NoiseModel& noise, double Point::*axis, double step) const {
    const Point last = position({frame_.width - 1.0, frame_.height - 1.0});
    std::vector<Point> positions = noise.positions();
    for (Point& at : positions) at.*axis += at.*axis + step <= last.*axis ? step : -step;
    return NoiseModel(noise.sources(), noise.psf(), std::move(positions), noise.variances());
  }

  CellLimits limits(const NoiseModel& noise, const NoiseModel::Batch& local, int border) const {
    const double infinity = std::numeric_limits<double>::infinity();
    if (!options_.spatially_varying) return {border, infinity, infinity};
    const double longest = std::sqrt(24.0 * largest_bias);
    const double room_x = room(noise, &Point::x), room_y = room(noise, &Point::y);
    CellLimits limits{border, 0.0, 0.0};
    bool far_alike = true;
    // PSFs that are known in cells change in jumps, which look fast from nearby. Seen from as far
    // away as a box reaches they are not.
    for (double step = first_step;
         far_alike && step <= last_step && std::min(limits.widest, limits.highest) < 8.0 * step;
         step *= 2.0) {
      const double step_x = std::min(step, room_x), step_y = std::min(step, room_y);
      const NoiseModel::Batch in_x = moved(noise, &Point::x, step_x).batch();
      const NoiseModel::Batch in_y = moved(noise, &Point::y, step_y).batch();
      const FilterChange change =
          survey_change({local.pointers(), in_x.pointers(), in_y.pointers()}, filter_, threads_);
      const auto widen = [&](double& limit, double taken, double of_step) {
        const bool alike = step == first_step || of_step <= longest;
        if (alike) limit = of_step > 0.0 ? std::max(limit, longest * taken / of_step) : infinity;
        return alike;
      };
      const bool in_rows = widen(limits.widest, step_x, change.in_x);
      far_alike = widen(limits.highest, step_y, change.in_y) || in_rows;
    }
    return limits;
  }

  std::vector<Cell> given_cells(int border) const {
    const Box frame = whole(frame_);
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
  int threads_;
  bool masked_means_ = false;
};

}  // namespace

template <class T>
Whitening plan(Shape frame, const std::vector<NoiseSource<T>>& sources,
               const WhitenOptions& options) {
  return Planning<T>(frame, sources, options).plan();
}

template Whitening plan(Shape, const std::vector<NoiseSource<float>>&, const WhitenOptions&);
template Whitening plan(Shape, const std::vector<NoiseSource<double>>&, const WhitenOptions&);

}  // namespace whitediff
