#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "checks.hpp"
#include "execution.hpp"
#include "parallel.hpp"
#include "planning.hpp"
#include "require.hpp"
#include "whitediff/whiten.hpp"

namespace whitediff {
namespace {

// An image of up to so many times the pixels that are asked for is taken as a whole, a larger one
// in about so many parts an axis.
constexpr double whole_ratio = 1.5;
constexpr int parts_of_axis = 4;
// Parts of an image that is taken as a whole are no smaller.
constexpr int least_side = 128;
// No pair of pixels that is looked at reaches from one part into the next, nor does a block in
// which variances are smoothed: sides are whole numbers of these.
constexpr int block = 32;

/// How many parts of so many pixels at least there are in y and in x, as the frame's sides ask for.
struct Division {
  int rows, columns;
};

Division division_of(Shape frame, int least) {
  const double ratio = static_cast<double>(frame.height) / frame.width;
  const int rows = std::clamp(static_cast<int>(std::lround(parts_of_axis * std::sqrt(ratio))), 1,
                              std::max(1, frame.height / least));
  const int columns = std::clamp((parts_of_axis * parts_of_axis + rows - 1) / rows, 1,
                                 std::max(1, frame.width / least));
  return {rows, columns};
}

/// Where parts of a side begin, evenly spread.
std::vector<int> starts(int size, int count, int side) {
  std::vector<int> starts;
  for (int n = 0; n < count; ++n) {
    const auto middle = static_cast<std::int64_t>(2 * n + 1) * size / (2 * count);
    starts.push_back(std::max(0, static_cast<int>(middle) - side / 2));
  }
  return starts;
}

bool is_whole(Shape frame, double pixels) {
  return static_cast<double>(frame.size()) <= whole_ratio * pixels;
}

/// The boxes of a frame that are taken.
std::vector<Box> boxes_of(Shape frame, double pixels) {
  if (is_whole(frame, pixels)) return {{0, 0, frame.width, frame.height}};
  const int side = block * static_cast<int>(std::lround(std::sqrt(pixels) / parts_of_axis / block));
  const auto [rows, columns] = division_of(frame, side);
  std::vector<Box> boxes;
  for (const int y : starts(frame.height, rows, side)) {
    for (const int x : starts(frame.width, columns, side)) {
      boxes.push_back({x, y, std::min(x + side, frame.width), std::min(y + side, frame.height)});
    }
  }
  return boxes;
}

/// Boxes of a frame, put one below the other.
class Mosaic {
 public:
  Mosaic(std::vector<Box> boxes, int threads) : boxes_(std::move(boxes)), threads_(threads) {
    for (const Box& box : boxes_) {
      rows_.push_back(shape_.height);
      shape_.height += box.height() + block;
      shape_.width = std::max(shape_.width, box.width());
    }
    shape_.height -= block;
  }

  Shape shape() const { return shape_; }

  /// Where a part of box n comes to lie.
  Box moved(const Box& part, std::size_t n) const {
    return part.moved(-boxes_[n].x0, rows_[n] - boxes_[n].y0);
  }

  /// Calls visit(n, y, width) for the rows of box n, y of the mosaic.
  template <class Visit>
  void for_each_row(const Visit& visit) const {
    parallel_for(boxes_.size(), threads_, [&](std::size_t n) {
      for (int y = 0; y < boxes_[n].height(); ++y) visit(n, rows_[n] + y, boxes_[n].width());
    });
  }

  /// The pixels of a plane, zero between the boxes.
  template <class T>
  Image<T> of(const Plane<T>& plane) const {
    Image<T> mosaic(shape_);
    // A plane that is read gives its rows in the calling thread.
    parallel_for(boxes_.size(), plane.in_memory() ? threads_ : 1, [&](std::size_t n) {
      const Box& box = boxes_[n];
      const ImageView<const T> rows = plane.rows({box.y0, box.y1});
      for (int y = 0; y < box.height(); ++y) {
        std::copy_n(rows.row(y) + box.x0, box.width(), mosaic.row(rows_[n] + y));
      }
    });
    return mosaic;
  }

  /// What this one has of another mosaic, of larger boxes around its own.
  template <class T>
  Image<T> cut(Image<T> from, const Mosaic& larger) const {
    if (larger.shape_ == shape_) return from;
    Image<T> mosaic(shape_);
    for_each_row([&](std::size_t n, int y, int width) {
      const Box box = larger.moved(boxes_[n], n);
      std::copy_n(from.row(box.y0 + y - rows_[n]) + box.x0, width, mosaic.row(y));
    });
    return mosaic;
  }

 private:
  std::vector<Box> boxes_;
  int threads_;
  std::vector<int> rows_;
  Shape shape_;
};

/// Leaves marked pixels out.
void leave_out(const Mosaic& mosaic, const Plane<std::int32_t>& mask, std::int32_t bits,
               Image<std::uint8_t>& usable) {
  if (mask.empty() || bits == 0) return;
  const Image<std::int32_t> marks = mosaic.of(mask);
  mosaic.for_each_row([&](std::size_t, int y, int width) {
    for (int x = 0; x < width; ++x) usable(y, x) &= (marks(y, x) & bits) == 0;
  });
}

/// Finite pixels where the filter does not fall on gaps or beyond the frame.
template <class T>
Image<std::uint8_t> inside(const Mosaic& mosaic, const Image<T>& image,
                           Image<std::uint8_t> filter_edge) {
  Image<std::uint8_t> usable(mosaic.shape());
  mosaic.for_each_row([&](std::size_t, int y, int width) {
    for (int x = 0; x < width; ++x) {
      usable(y, x) =
          filter_edge(y, x) == 0 && std::abs(image(y, x)) <= std::numeric_limits<T>::max();
    }
  });
  return usable;
}

template <class T>
std::vector<typename Sample<T>::Part> parts_of(Shape frame, Point xy0,
                                               const std::vector<Box>& boxes,
                                               const Mosaic& mosaic) {
  const bool whole = boxes.size() == 1 && boxes[0].shape() == frame;
  std::vector<typename Sample<T>::Part> parts;
  const auto add = [&](const Box& box, const Box& in_frame) {
    const auto [x, y] = in_frame.center();
    parts.push_back({box, {x + xy0.x, y + xy0.y}});
  };
  if (whole) {
    const auto [rows, columns] = division_of(frame, least_side);
    for (const Cell& cell : make_cells(frame, rows, columns, 0, 0)) add(cell.box, cell.box);
  } else {
    for (std::size_t n = 0; n < boxes.size(); ++n) add(mosaic.moved(boxes[n], n), boxes[n]);
  }
  return parts;
}

template <class T>
class Sampling {
 public:
  Sampling(const Plane<T>& image, const std::vector<NoiseSource<T>>& sources,
           const WhitenOptions& options, double pixels)
      : frame_(image.shape()),
        whole_(is_whole(frame_, pixels)),
        boxes_(boxes_of(frame_, pixels)),
        image_(image),
        sources_(sources),
        options_(options) {
    options_.progress = nullptr;
    if (!whole_) {
      options_.cells.clear();
      for (const Box& box : boxes_) options_.cells.push_back({box, {}});
    }
    check(image_, sources_, options_);
  }

  Sample<T> whitened() {
    Sample<T> sample;
    const int threads = thread_count(options_.n_threads);
    with_threads(threads, [&] {
      Whitening plan = whitediff::plan(frame_, sources_, options_);
      const Mosaic mosaic(boxes_, threads), wide(wide_boxes(plan.cells), threads);
      sample.parts = parts_of<T>(frame_, options_.xy0, boxes_, mosaic);
      if (!whole_) {
        for (std::size_t n = 0; n < boxes_.size(); ++n) {
          Cell& cell = plan.cells[n];
          cell = {wide.moved(cell.box, n), wide.moved(cell.expanded, n)};
        }
      }
      execute_on(wide, mosaic, plan, sample);
      leave_out(mosaic, options_.mask, options_.ignore_mask, sample.usable);
      for (const NoiseSource<T>& source : sources_) {
        leave_out(mosaic, source.mask, options_.ignore_mask, sample.usable);
      }
    });
    return sample;
  }

 private:
  /// All that the cells read.
  std::vector<Box> wide_boxes(const std::vector<Cell>& cells) const {
    if (whole_) return boxes_;
    std::vector<Box> boxes;
    for (const Cell& cell : cells) boxes.push_back(cell.expanded);
    return boxes;
  }

  void execute_on(const Mosaic& wide, const Mosaic& mosaic, const Whitening& plan,
                  Sample<T>& sample) {
    std::vector<Image<T>> planes;
    std::vector<NoiseSource<T>> sources = sources_;
    for (NoiseSource<T>& source : sources) {
      source.mask = {};
      if (const auto* plane = std::get_if<Plane<T>>(&source.variance)) {
        planes.push_back(wide.of(*plane));
        source.variance = Plane<T>(planes.back().view());
      }
    }
    WhitenOptions options = options_;
    Image<std::int32_t> mask;
    if (!options.mask.empty()) {
      mask = wide.of(options.mask);
      options.mask = Plane<std::int32_t>(mask.view());
    }
    // The middle stays where it is.
    const auto [height, width] = wide.shape();
    options.xy0.x += 0.5 * (frame_.width - width);
    options.xy0.y += 0.5 * (frame_.height - height);
    Image<T> image = wide.of(image_);
    Image<T> whitened = zero_image<T>(wide.shape(), plan.n_threads);
    Image<T> variance = zero_image<T>(wide.shape(), plan.n_threads);
    Image<std::uint8_t> edge(wide.shape());
    execute(Plane<T>(image.view()), sources, options, plan,
            OutputRows<T>{0, whitened.view(), variance.view(), edge.view()});
    sample.image = mosaic.cut(std::move(image), wide);
    sample.whitened = mosaic.cut(std::move(whitened), wide);
    sample.variance = mosaic.cut(std::move(variance), wide);
    sample.usable = inside(mosaic, sample.image, mosaic.cut(std::move(edge), wide));
  }

  Shape frame_;
  bool whole_;
  std::vector<Box> boxes_;
  const Plane<T>& image_;
  const std::vector<NoiseSource<T>>& sources_;
  WhitenOptions options_;
};

}  // namespace

template <class T>
Sample<T> whiten_sample(const Plane<T>& image, const std::vector<NoiseSource<T>>& sources,
                        const WhitenOptions& options, double pixels) {
  require(pixels >= 1.0, "pixels", "be at least 1", pixels);
  return Sampling<T>(image, sources, options, pixels).whitened();
}

template <class T>
Sample<T> sample_of(ImageView<const T> whitened, ImageView<const T> variance,
                    ImageView<const std::uint8_t> filter_edge, const WhitenOptions& options) {
  const Shape frame = whitened.shape();
  require_shape(variance.shape(), frame, "variance");
  require_shape(filter_edge.shape(), frame, "filter_edge");
  if (!options.mask.empty()) require_shape(options.mask.shape(), frame, "mask");
  Sample<T> sample;
  const int threads = thread_count(options.n_threads);
  with_threads(threads, [&] {
    const std::vector<Box> boxes = boxes_of(frame, sample_pixels);
    const Mosaic mosaic(boxes, threads);
    sample.whitened = mosaic.of(Plane<T>(whitened));
    sample.variance = mosaic.of(Plane<T>(variance));
    sample.usable = inside(mosaic, sample.whitened, mosaic.of(Plane<std::uint8_t>(filter_edge)));
    leave_out(mosaic, options.mask, options.ignore_mask | options.no_value_mask, sample.usable);
    sample.parts = parts_of<T>(frame, options.xy0, boxes, mosaic);
  });
  return sample;
}

template Sample<float> whiten_sample(const Plane<float>&, const std::vector<NoiseSource<float>>&,
                                     const WhitenOptions&, double);
template Sample<double> whiten_sample(const Plane<double>&, const std::vector<NoiseSource<double>>&,
                                      const WhitenOptions&, double);
template Sample<float> sample_of(ImageView<const float>, ImageView<const float>,
                                 ImageView<const std::uint8_t>, const WhitenOptions&);
template Sample<double> sample_of(ImageView<const double>, ImageView<const double>,
                                  ImageView<const std::uint8_t>, const WhitenOptions&);

}  // namespace whitediff
