#include "execution.hpp"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <memory>
#include <utility>

#include "cell_plan.hpp"
#include "completion.hpp"
#include "filtering.hpp"
#include "row_bands.hpp"
#include "turns.hpp"
#include "values.hpp"

namespace whitediff {
namespace {

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
        turns_(blend_, plan.cells.size()),
        rule_(value_rule()),
        completion_(plan, image.shape(), blend_, options.variance, rule_),
        filtering_(CellTask<T>{.input = {},
                               .output = {},
                               .cells = plan.cells,
                               .blend = blend_,
                               .turns = turns_,
                               .completion = completion_,
                               .ignore_mask = options.ignore_mask,
                               .rule = rule_,
                               .filter = plan.filter,
                               .support = plan.support,
                               .variance = options.variance,
                               .border = plan.border,
                               .transform = transform_shape(plan.cells, plan.border),
                               .frame_height = image.shape().height},
                   plan.noise, plan.n_threads, options.progress) {}

  /// All cells, into rows that are all of the frame.
  void run(const OutputRows<T>& output) {
    std::vector<std::size_t> order;
    for (const auto& group : blend_.groups()) order.insert(order.end(), group.begin(), group.end());
    const InputRows<T> input = this->input({0, image_.shape().height});
    filtering_.run(order, input, output);
    completion_.run(input, output, plan_.n_threads);
  }

  /// The same of another frame that has taken the place of the image.
  void run_again(const OutputRows<T>& output) {
    turns_.restart();
    completion_.restart();
    run(output);
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
      write(first, ready.image, ready.variance, ready.filter_edge, window.planes);
      first = finished[n];
    }
  }

  Outcome outcome() const { return {filtering_.clipped_modes(), completion_.unknown()}; }

 private:
  struct Planes {
    Image<T> image, variance;
    Image<std::uint8_t> filter_edge;

    explicit Planes(Shape shape) : image(shape), variance(shape), filter_edge(shape) {}
  };

  /// The rows of the result that are being made; whoever takes finished ones may keep their planes.
  struct Window {
    Rows rows;
    std::shared_ptr<Planes> planes, before;

    /// Rows that are there already are kept; of others the edges of filters alone are zero.
    void move(const Rows& to, int width, int threads) {
      const Shape shape{to.count(), width};
      // New pages take longer than to clear old ones, which are there if nobody has kept them.
      std::shared_ptr<Planes> moved = std::move(before);
      if (!is_free(moved) || moved->image.shape().height < shape.height) {
        moved = std::make_shared<Planes>(shape);
      }
      clear(moved->filter_edge.view().cut({0, 0, width, shape.height}), threads);
      if (planes) {
        copy_rows(planes->image, to, moved->image);
        copy_rows(planes->variance, to, moved->variance);
        copy_rows(planes->filter_edge, to, moved->filter_edge);
      }
      before = std::exchange(planes, std::move(moved));
      rows = to;
    }

    static bool is_free(const std::shared_ptr<Planes>& planes) {
      if (planes.use_count() != 1) return false;
      // What the last to keep them has done comes before what is done now.
      std::atomic_thread_fence(std::memory_order_acquire);
      return true;
    }

    template <class Pixel>
    void copy_rows(const Image<Pixel>& from, const Rows& to, Image<Pixel>& target) const {
      for (int y = std::max(to.begin, rows.begin); y < std::min(to.end, rows.end); ++y) {
        std::copy_n(from.row(y - rows.begin), from.shape().width, target.row(y - to.begin));
      }
    }

    OutputRows<T> view(const Rows& of) {
      auto& [image, variance, filter_edge] = *planes;
      const Box box{0, of.begin - rows.begin, image.shape().width, of.end - rows.begin};
      return {of.begin, image.view().cut(box), variance.view().cut(box),
              filter_edge.view().cut(box)};
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
    const Plane<std::int32_t>& mask = options_.mask;
    const bool masked = !mask.empty() && (options_.ignore_mask | options_.no_value_mask) != 0;
    InputRows<T> input{rows.begin, image_.rows(rows), {}, {}};
    if (masked) input.mask = mask.rows(rows);
    for (std::size_t i = 0; i < sources_.size(); ++i) {
      const auto& source = sources_[i];
      const double mean = largest_mean(i);
      SourceRows<T> of_source{0.0};
      of_source.limit = limit_of(mean);
      of_source.zero = mean == 0.0;
      if (const auto* plane = std::get_if<Plane<T>>(&source.variance)) {
        of_source.variance = plane->rows(rows);
      } else {
        of_source.variance = std::get<double>(source.variance);
      }
      input.sources.push_back(std::move(of_source));
    }
    return input;
  }

  /// The largest value of something whose scale is known.
  static T limit_of(double scale) {
    return static_cast<T>(scale > 0.0 ? std::min(largest_value, largest_ratio * scale)
                                      : largest_value);
  }

  /// The largest mean variance of a source in any cell.
  double largest_mean(std::size_t source) const {
    const std::vector<double>& variances = plan_.noise.variances();
    double largest = 0.0;
    for (std::size_t n = source; n < variances.size(); n += sources_.size()) {
      largest = std::max(largest, variances[n]);
    }
    return largest;
  }

  /// What is too large for a pixel is told from the noise P(0), kernels being those in the middle.
  ValueRule<T> value_rule() const {
    const Shape shape = image_.shape();
    const Point middle = Box{0, 0, shape.width, shape.height}.center();
    double power = 0.0;
    for (std::size_t i = 0; i < sources_.size(); ++i) {
      double gain = sources_[i].weight;
      for (const KernelPtr& kernel : sources_[i].kernels) {
        gain *= kernel->sum({middle.x + options_.xy0.x, middle.y + options_.xy0.y});
      }
      power += largest_mean(i) * gain * gain;
    }
    return {limit_of(std::sqrt(power)), options_.no_value_mask};
  }

  const Plane<T>& image_;
  const std::vector<NoiseSource<T>>& sources_;
  const WhitenOptions& options_;
  const Whitening& plan_;
  Blend blend_;
  Turns turns_;
  ValueRule<T> rule_;
  Completion<T> completion_;
  Filtering<T> filtering_;
};

}  // namespace

template <class T>
Outcome execute(const Plane<T>& image, const std::vector<NoiseSource<T>>& sources,
                const WhitenOptions& options, const Whitening& plan, const OutputRows<T>& output) {
  Execution<T> execution(image, sources, options, plan);
  execution.run(output);
  return execution.outcome();
}

template <class T>
Outcome execute(const Plane<T>& image, const std::vector<NoiseSource<T>>& sources,
                const WhitenOptions& options, const Whitening& plan, const WriteRows<T>& write) {
  Execution<T> execution(image, sources, options, plan);
  execution.run(write);
  return execution.outcome();
}

template <class T>
struct FrameFilter<T>::Parts {
  Plane<T> image;
  WhitenOptions options;
  Execution<T> execution;

  Parts(const std::vector<NoiseSource<T>>& sources, const WhitenOptions& of, const Whitening& plan)
      : image(plan.frame, [](const Rows&) { return ImageView<const T>(); }),
        options(of),
        execution(image, sources, options, plan) {}
};

template <class T>
FrameFilter<T>::FrameFilter(const std::vector<NoiseSource<T>>& sources,
                            const WhitenOptions& options, const Whitening& plan)
    : parts_(std::make_unique<Parts>(sources, options, plan)) {}

template <class T>
FrameFilter<T>::FrameFilter(FrameFilter&&) noexcept = default;

template <class T>
FrameFilter<T>::~FrameFilter() = default;

template <class T>
void FrameFilter<T>::filter(ImageView<const T> image, const Plane<std::int32_t>& mask,
                            const OutputRows<T>& output) {
  parts_->image = image;
  parts_->options.mask = mask;
  parts_->execution.run_again(output);
}

template <class T>
Outcome FrameFilter<T>::outcome() const {
  return parts_->execution.outcome();
}

template class FrameFilter<float>;
template class FrameFilter<double>;
template Outcome execute(const Plane<float>&, const std::vector<NoiseSource<float>>&,
                         const WhitenOptions&, const Whitening&, const OutputRows<float>&);
template Outcome execute(const Plane<double>&, const std::vector<NoiseSource<double>>&,
                         const WhitenOptions&, const Whitening&, const OutputRows<double>&);
template Outcome execute(const Plane<float>&, const std::vector<NoiseSource<float>>&,
                         const WhitenOptions&, const Whitening&, const WriteRows<float>&);
template Outcome execute(const Plane<double>&, const std::vector<NoiseSource<double>>&,
                         const WhitenOptions&, const Whitening&, const WriteRows<double>&);

}  // namespace whitediff
