#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <optional>
#include <utility>
#include <variant>
#include <vector>

#include "checks.hpp"
#include "execution.hpp"
#include "multiversion.hpp"
#include "parallel.hpp"
#include "planning.hpp"
#include "require.hpp"
#include "scattered.hpp"
#include "whitediff/whiten.hpp"

namespace whitediff {
namespace {

// An image of up to so many times the pixels that are asked for is taken as a whole, which has so
// many parts an axis; of a larger one as many boxes, in so many rows if it is square: those side by
// side share the rows that are read.
constexpr double whole_ratio = 1.5;
constexpr int parts_of_axis = 4;
constexpr int rows_of_boxes = 8;
// Parts of an image that is taken as a whole are no smaller.
constexpr int least_side = 128;
// No pair of pixels that is looked at reaches from one part into the next, nor does a block in
// which variances are smoothed: sides are whole numbers of these.
constexpr int block = 32;

/// How many rows of parts, so high at least, there are in a frame, a square one having so many.
int rows_of(Shape frame, int least, int of_square) {
  const double ratio = static_cast<double>(frame.height) / frame.width;
  return std::clamp(static_cast<int>(std::lround(of_square * std::sqrt(ratio))), 1,
                    std::max(1, frame.height / least));
}

/// How many parts, so wide at least, there are in each of them.
int columns_of(Shape frame, int least, int rows) {
  return std::clamp((parts_of_axis * parts_of_axis + rows - 1) / rows, 1,
                    std::max(1, frame.width / least));
}

/// Where box n of a side begins: in the middle of its share where boxes fill the half of it, and
/// otherwise scattered over all of the side, so that boxes may overlap a little.
int start(int size, int count, int n, int side, int place) {
  if (size < 2 * side * count) {
    return std::max(0, static_cast<int>((n + 0.5) / count * size) - side / 2);
  }
  return static_cast<int>((n + scattered(static_cast<std::size_t>(place))) / count * (size - side));
}

bool is_whole(Shape frame, double pixels) {
  return static_cast<double>(frame.size()) <= whole_ratio * pixels;
}

/// The boxes of a frame that are taken.
std::vector<Box> boxes_of(Shape frame, double pixels) {
  if (is_whole(frame, pixels)) return {{0, 0, frame.width, frame.height}};
  const int blocks = static_cast<int>(std::lround(std::sqrt(pixels) / parts_of_axis / block));
  const int side = block * std::max(1, blocks);
  const auto most = static_cast<unsigned>(rows_of(frame, side, rows_of_boxes));
  const int columns = columns_of(frame, side, static_cast<int>(std::bit_floor(most)));
  // A narrow frame has room for more of them.
  const int rows =
      std::clamp(parts_of_axis * parts_of_axis / columns, 1, std::max(1, frame.height / side));
  std::vector<Box> boxes;
  for (int j = 0; j < rows; ++j) {
    const int y = start(frame.height, rows, j, side, j);
    for (int i = 0; i < columns; ++i) {
      const int x = start(frame.width, columns, i, side, j * columns + i);
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

  const std::vector<Box>& boxes() const { return boxes_; }
  Shape shape() const { return shape_; }

  /// Where box n comes to lie.
  Box place(std::size_t n) const {
    return {0, rows_[n], boxes_[n].width(), rows_[n] + boxes_[n].height()};
  }

  /// Pixels that are zero.
  template <class T>
  Image<T> image() const {
    return zero_image<T>(shape_, threads_);
  }

  /// Calls visit(n, y) for row y of box n, all of them.
  template <class Visit>
  void for_each_row(const Visit& visit) const {
    std::vector<std::pair<std::size_t, int>> bands;  // boxes, and where bands of them begin
    for (std::size_t n = 0; n < boxes_.size(); ++n) {
      for (int y = 0; y < boxes_[n].height(); y += block) bands.emplace_back(n, y);
    }
    parallel_for(bands.size(), threads_, [&](std::size_t m) {
      const auto [n, y0] = bands[m];
      const int end = std::min(y0 + block, boxes_[n].height());
      for (int y = y0; y < end; ++y) visit(n, y);
    });
  }

 private:
  std::vector<Box> boxes_;
  int threads_;
  std::vector<int> rows_;
  Shape shape_;
};

/// Boxes of a plane: views of it, or what was read of it.
template <class T>
class Cutouts {
 public:
  Cutouts(const Plane<T>& plane, const std::vector<Box>& boxes) {
    for (const Box& box : boxes) {
      const ImageView<const T> rows = plane.rows({box.y0, box.y1, 1, {box.x0, box.x1}});
      views_.push_back(rows.cut({box.x0, 0, box.x1, box.height()}));
      if (plane.in_memory()) continue;
      copies_.push_back(copy_of(views_.back(), 1));
      views_.back() = copies_.back().view();
    }
  }

  ImageView<const T> operator[](std::size_t n) const { return views_[n]; }

 private:
  std::vector<ImageView<const T>> views_;
  std::vector<Image<T>> copies_;
};

WHITEDIFF_MULTIVERSION
void leave_out(const std::int32_t* marks, std::int32_t bits, int width, std::uint8_t* usable) {
  for (int x = 0; x < width; ++x) usable[x] &= (marks[x] & bits) == 0;
}

template <class T>
WHITEDIFF_ALWAYS_INLINE void use_inside(const T* image, const std::uint8_t* filter_edge, int width,
                                        std::uint8_t* usable) {
  for (int x = 0; x < width; ++x) {
    const bool finite = std::abs(image[x]) <= std::numeric_limits<T>::max();
    usable[x] = finite & (filter_edge[x] == 0);
  }
}

WHITEDIFF_MULTIVERSION
void use(const float* image, const std::uint8_t* filter_edge, int width, std::uint8_t* usable) {
  use_inside(image, filter_edge, width, usable);
}
WHITEDIFF_MULTIVERSION
void use(const double* image, const std::uint8_t* filter_edge, int width, std::uint8_t* usable) {
  use_inside(image, filter_edge, width, usable);
}

/// What pixels are usable: finite ones, with no bit of any mask, where the filter does not fall on
/// gaps or beyond the frame.
class Masks {
 public:
  explicit Masks(const std::vector<Box>& boxes) : boxes_(boxes) {}

  void add(const Plane<std::int32_t>& mask, std::int32_t bits) {
    if (mask.empty() || bits == 0) return;
    marks_.emplace_back(mask, boxes_);
    bits_.push_back(bits);
  }

  /// Of row y of box n.
  template <class T>
  void mark_usable(std::size_t n, int y, const T* image, const std::uint8_t* filter_edge,
                   std::uint8_t* usable) const {
    const int width = boxes_[n].width();
    use(image, filter_edge, width, usable);
    for (std::size_t i = 0; i < marks_.size(); ++i) {
      leave_out(marks_[i][n].row(y), bits_[i], width, usable);
    }
  }

 private:
  const std::vector<Box>& boxes_;
  std::vector<Cutouts<std::int32_t>> marks_;
  std::vector<std::int32_t> bits_;
};

template <class T>
std::vector<typename Sample<T>::Part> parts_of(Shape frame, Point xy0, const Mosaic& mosaic) {
  const std::vector<Box>& boxes = mosaic.boxes();
  const bool whole = boxes.size() == 1 && boxes[0].shape() == frame;
  std::vector<typename Sample<T>::Part> parts;
  const auto add = [&](const Box& box, const Box& in_frame) {
    const auto [x, y] = in_frame.center();
    parts.push_back({box, {x + xy0.x, y + xy0.y}});
  };
  if (whole) {
    const int rows = rows_of(frame, least_side, parts_of_axis);
    const int columns = columns_of(frame, least_side, rows);
    for (const Cell& cell : make_cells(frame, rows, columns, 0, 0)) add(cell.box, cell.box);
  } else {
    for (std::size_t n = 0; n < boxes.size(); ++n) add(mosaic.place(n), boxes[n]);
  }
  return parts;
}

NoiseModel noise_at(const NoiseModel& noise, std::size_t n) {
  const std::size_t count = noise.sources().size();
  const auto variances = noise.variances().begin() + static_cast<std::ptrdiff_t>(n * count);
  return {noise.sources(),
          noise.psf(),
          {noise.positions()[n]},
          {variances, variances + static_cast<std::ptrdiff_t>(count)}};
}

template <class T>
class Sampling {
 public:
  Sampling(const Plane<T>& image, const std::vector<NoiseSource<T>>& sources,
           const WhitenOptions& options, double pixels)
      : frame_(image.shape()),
        whole_(is_whole(frame_, pixels)),
        boxes_(boxes_of(frame_, pixels)),
        threads_(thread_count(options.n_threads)),
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
    with_threads(threads_, [&] {
      const Whitening plan = whitediff::plan(frame_, sources_, options_);
      const Mosaic mosaic(boxes_, threads_);
      Masks masks(boxes_);
      masks.add(options_.mask, options_.ignore_mask);
      for (const NoiseSource<T>& source : sources_) masks.add(source.mask, options_.ignore_mask);
      sample = {mosaic.image<T>(), mosaic.image<T>(), mosaic.image<T>(),
                Image<std::uint8_t>(mosaic.shape()), parts_of<T>(frame_, options_.xy0, mosaic)};
      whole_ ? whiten_whole(plan, mosaic, masks, sample)
             : whiten_boxes(plan, mosaic, masks, sample);
    });
    return sample;
  }

 private:
  void whiten_whole(const Whitening& plan, const Mosaic& mosaic, const Masks& masks,
                    Sample<T>& sample) const {
    Image<std::uint8_t> edge(frame_);
    execute(image_, sources_, options_, plan,
            OutputRows<T>{0, sample.whitened.view(), sample.variance.view(), edge.view()});
    const Cutouts<T> image(image_, boxes_);
    mosaic.for_each_row([&](std::size_t n, int y) {
      std::copy_n(image[n].row(y), frame_.width, sample.image.row(y));
      masks.mark_usable(n, y, image[n].row(y), edge.row(y), sample.usable.row(y));
    });
  }

  /// What all boxes are whitened from, with what their filters reach.
  struct Inputs {
    std::vector<Box> boxes;
    Cutouts<T> image;
    std::optional<Cutouts<std::int32_t>> mask;
    std::vector<std::optional<Cutouts<T>>> variances;
  };

  Inputs inputs(const std::vector<Cell>& cells) const {
    std::vector<Box> boxes;
    for (const Cell& cell : cells) boxes.push_back(cell.expanded);
    Inputs inputs{boxes, {image_, boxes}, {}, {}};
    if (!options_.mask.empty()) inputs.mask.emplace(options_.mask, boxes);
    for (const NoiseSource<T>& source : sources_) {
      auto& variance = inputs.variances.emplace_back();
      const auto* plane = std::get_if<Plane<T>>(&source.variance);
      if (plane) variance.emplace(*plane, boxes);
    }
    return inputs;
  }

  /// What a thread whitens one box after the other in: what is written often stays in the caches.
  struct Room {
    explicit Room(Shape shape) : whitened(shape), variance(shape), edge(shape) {}

    Image<T> whitened, variance;
    Image<std::uint8_t> edge;

    OutputRows<T> output(Shape shape) {
      const Box box{0, 0, shape.width, shape.height};
      const auto edges = edge.view().cut(box);
      for (int y = 0; y < shape.height; ++y) std::fill_n(edges.row(y), shape.width, 0);
      return {0, whitened.view().cut(box), variance.view().cut(box), edges};
    }
  };

  void whiten_boxes(const Whitening& plan, const Mosaic& mosaic, const Masks& masks,
                    Sample<T>& sample) const {
    const Inputs from = inputs(plan.cells);
    Shape largest{1, 1};
    for (const Box& box : from.boxes) {
      largest = {std::max(largest.height, box.height()), std::max(largest.width, box.width())};
    }
    PerThread<Room> rooms(threads_);
    parallel_for(boxes_.size(), threads_, [&](std::size_t n) {
      const OutputRows<T> output =
          rooms.get([&] { return Room(largest); }).output(from.boxes[n].shape());
      whiten_box(plan, n, from, output);
      const Box place = mosaic.place(n),
                inner = boxes_[n].moved(-from.boxes[n].x0, -from.boxes[n].y0);
      for (int y = 0; y < place.height(); ++y) {
        const T* image = from.image[n].row(inner.y0 + y) + inner.x0;
        const int to = place.y0 + y;
        std::copy_n(image, place.width(), sample.image.row(to));
        std::copy_n(output.image.row(inner.y0 + y) + inner.x0, place.width(),
                    sample.whitened.row(to));
        std::copy_n(output.variance.row(inner.y0 + y) + inner.x0, place.width(),
                    sample.variance.row(to));
        masks.mark_usable(n, y, image, output.filter_edge.row(inner.y0 + y) + inner.x0,
                          sample.usable.row(to));
      }
    });
  }

  /// Whitens a box with what its filter reaches, as a frame of its own, in the calling thread.
  void whiten_box(const Whitening& plan, std::size_t n, const Inputs& from,
                  const OutputRows<T>& output) const {
    const Box& frame = from.boxes[n];
    WhitenOptions options = options_;
    options.xy0 = {options.xy0.x + frame.x0, options.xy0.y + frame.y0};
    options.mask = from.mask ? Plane<std::int32_t>((*from.mask)[n]) : Plane<std::int32_t>();
    std::vector<NoiseSource<T>> sources = sources_;
    for (std::size_t i = 0; i < sources.size(); ++i) {
      sources[i].mask = {};
      if (from.variances[i]) sources[i].variance = Plane<T>((*from.variances[i])[n]);
    }
    Whitening of_box = plan;
    of_box.frame = frame.shape();
    of_box.xy0 = options.xy0;
    of_box.cells = {
        {plan.cells[n].box.moved(-frame.x0, -frame.y0), frame.moved(-frame.x0, -frame.y0)}};
    of_box.noise = noise_at(plan.noise, plan.noise.size() > 1 ? n : 0);
    of_box.n_threads = 1;
    execute(Plane<T>(from.image[n]), sources, options, of_box, output);
  }

  Shape frame_;
  bool whole_;
  std::vector<Box> boxes_;
  int threads_;
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
    const Mosaic mosaic(boxes_of(frame, sample_pixels), threads);
    Masks masks(mosaic.boxes());
    masks.add(options.mask, options.ignore_mask | options.no_value_mask);
    sample = {{},
              mosaic.image<T>(),
              mosaic.image<T>(),
              Image<std::uint8_t>(mosaic.shape()),
              parts_of<T>(frame, options.xy0, mosaic)};
    mosaic.for_each_row([&](std::size_t n, int y) {
      const Box& box = mosaic.boxes()[n];
      const int from = box.y0 + y, to = mosaic.place(n).y0 + y;
      std::copy_n(whitened.row(from) + box.x0, box.width(), sample.whitened.row(to));
      std::copy_n(variance.row(from) + box.x0, box.width(), sample.variance.row(to));
      masks.mark_usable(n, y, whitened.row(from) + box.x0, filter_edge.row(from) + box.x0,
                        sample.usable.row(to));
    });
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
