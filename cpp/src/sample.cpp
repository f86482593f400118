#include <algorithm>
#include <cmath>
#include <utility>

#include "checks.hpp"
#include "execution.hpp"
#include "parallel.hpp"
#include "planning.hpp"
#include "whitediff/whiten.hpp"

namespace whitediff {
namespace {

// An image of up to so many pixels is taken as a whole, a larger one in about so many parts an
// axis: a million pixels tell the noise on the scale of a PSF to less than one per cent.
constexpr std::size_t whole_pixels = 1'500'000;
constexpr int parts_of_axis = 4;
constexpr int side = 272;
// Parts of an image that is taken as a whole are no smaller.
constexpr int least_side = 128;
// No pair of pixels that is looked at reaches from one part into the next.
constexpr int separation = 16;

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

/// Where parts begin, evenly spread.
std::vector<int> starts(int size, int count) {
  std::vector<int> starts;
  for (int n = 0; n < count; ++n) {
    const auto middle = static_cast<std::int64_t>(2 * n + 1) * size / (2 * count);
    starts.push_back(std::max(0, static_cast<int>(middle) - side / 2));
  }
  return starts;
}

std::vector<Cell> parts_of(Shape frame) {
  const auto [rows, columns] = division_of(frame, side);
  std::vector<Cell> parts;
  for (const int y : starts(frame.height, rows)) {
    for (const int x : starts(frame.width, columns)) {
      const Box box{x, y, std::min(x + side, frame.width), std::min(y + side, frame.height)};
      parts.push_back({box, {}});
    }
  }
  return parts;
}

/// Parts of a frame, put one below the other.
class Mosaic {
 public:
  explicit Mosaic(std::vector<Box> parts) : parts_(std::move(parts)) {
    for (const Box& part : parts_) {
      rows_.push_back(shape_.height);
      shape_.height += part.height() + separation;
      shape_.width = std::max(shape_.width, part.width());
    }
    shape_.height -= separation;
  }

  Shape shape() const { return shape_; }
  const std::vector<Box>& parts() const { return parts_; }

  /// Where a box inside part n comes to lie.
  Box moved(const Box& box, std::size_t n) const {
    return box.moved(-parts_[n].x0, rows_[n] - parts_[n].y0);
  }

  /// The pixels of a plane, zero between the parts.
  template <class T>
  Image<T> of(const Plane<T>& plane) const {
    Image<T> mosaic(shape_);
    for (std::size_t n = 0; n < parts_.size(); ++n) {
      const Box& part = parts_[n];
      const ImageView<const T> rows = plane.rows({part.y0, part.y1});
      for (int y = 0; y < part.height(); ++y) {
        std::copy_n(rows.row(y) + part.x0, part.width(), mosaic.row(rows_[n] + y));
      }
    }
    return mosaic;
  }

 private:
  std::vector<Box> parts_;
  std::vector<int> rows_;
  Shape shape_;
};

template <class T>
class Sampling {
 public:
  Sampling(const Plane<T>& image, const std::vector<NoiseSource<T>>& sources,
           const WhitenOptions& options)
      : frame_(image.shape()), image_(image), sources_(sources), options_(options) {
    options_.progress = nullptr;
    if (!whole()) options_.cells = parts_of(frame_);
    check(image_, sources_, options_);
  }

  Sample<T> whitened() {
    Sample<T> sample;
    with_threads(thread_count(options_.n_threads), [&] {
      Whitening plan = whitediff::plan(frame_, sources_, options_);
      const Mosaic mosaic = place(plan.cells);
      sample.image = mosaic.of(image_);
      sample.whitened = Image<T>(mosaic.shape());
      sample.variance = Image<T>(mosaic.shape());
      sample.usable = Image<std::uint8_t>(mosaic.shape());
      execute_on(mosaic, plan, sample);
      mark_usable(mosaic, sample.usable);
      sample.parts = parts(mosaic);
    });
    return sample;
  }

 private:
  bool whole() const { return frame_.size() <= whole_pixels; }

  /// Moves the cells to where their pixels come to lie.
  Mosaic place(std::vector<Cell>& cells) const {
    std::vector<Box> parts;
    if (whole()) return Mosaic({Box{0, 0, frame_.width, frame_.height}});
    for (const Cell& cell : cells) parts.push_back(cell.expanded);
    Mosaic mosaic(std::move(parts));
    for (std::size_t n = 0; n < cells.size(); ++n) {
      cells[n] = {mosaic.moved(cells[n].box, n), mosaic.moved(cells[n].expanded, n)};
    }
    return mosaic;
  }

  std::vector<typename Sample<T>::Part> parts(const Mosaic& mosaic) const {
    std::vector<typename Sample<T>::Part> parts;
    const auto add = [&](const Box& box, const Box& in_frame) {
      const auto [x, y] = in_frame.center();
      parts.push_back({box, {x + options_.xy0.x, y + options_.xy0.y}});
    };
    if (whole()) {
      const auto [rows, columns] = division_of(frame_, least_side);
      for (const Cell& cell : make_cells(frame_, rows, columns, 0, 0)) add(cell.box, cell.box);
    } else {
      for (std::size_t n = 0; n < mosaic.parts().size(); ++n) {
        add(mosaic.moved(mosaic.parts()[n], n), mosaic.parts()[n]);
      }
    }
    return parts;
  }

  void execute_on(const Mosaic& mosaic, const Whitening& plan, Sample<T>& sample) {
    std::vector<Image<T>> variances;
    std::vector<NoiseSource<T>> sources = sources_;
    for (NoiseSource<T>& source : sources) {
      source.mask = {};
      if (const auto* plane = std::get_if<Plane<T>>(&source.variance)) {
        variances.push_back(mosaic.of(*plane));
        source.variance = Plane<T>(variances.back().view());
      }
    }
    WhitenOptions options = options_;
    Image<std::int32_t> mask;
    if (!options.mask.empty()) {
      mask = mosaic.of(options.mask);
      options.mask = Plane<std::int32_t>(mask.view());
    }
    // The middle stays where it is.
    const auto [height, width] = mosaic.shape();
    options.xy0.x += 0.5 * (frame_.width - width);
    options.xy0.y += 0.5 * (frame_.height - height);
    execute(Plane<T>(sample.image.view()), sources, options, plan,
            OutputRows<T>{0, sample.whitened.view(), sample.variance.view(), sample.usable.view()});
  }

  /// Of marks of the filter's edge, and of masks.
  void mark_usable(const Mosaic& mosaic, Image<std::uint8_t>& marks) const {
    std::uint8_t* usable = marks.data();
    const std::size_t size = marks.shape().size();
    for (std::size_t n = 0; n < size; ++n) usable[n] = usable[n] == 0;
    std::vector<const Plane<std::int32_t>*> masks{&options_.mask};
    for (const NoiseSource<T>& source : sources_) masks.push_back(&source.mask);
    for (const auto* plane : masks) {
      if (plane->empty() || options_.ignore_mask == 0) continue;
      const Image<std::int32_t> mask = mosaic.of(*plane);
      const std::int32_t* bits = mask.data();
      for (std::size_t n = 0; n < size; ++n) usable[n] &= (bits[n] & options_.ignore_mask) == 0;
    }
  }

  Shape frame_;
  const Plane<T>& image_;
  const std::vector<NoiseSource<T>>& sources_;
  WhitenOptions options_;
};

}  // namespace

template <class T>
Sample<T> whiten_sample(const Plane<T>& image, const std::vector<NoiseSource<T>>& sources,
                        const WhitenOptions& options) {
  return Sampling<T>(image, sources, options).whitened();
}

template Sample<float> whiten_sample(const Plane<float>&, const std::vector<NoiseSource<float>>&,
                                     const WhitenOptions&);
template Sample<double> whiten_sample(const Plane<double>&, const std::vector<NoiseSource<double>>&,
                                      const WhitenOptions&);

}  // namespace whitediff
