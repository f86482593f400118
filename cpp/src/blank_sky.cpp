#include "whitediff/blank_sky.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "multiversion.hpp"
#include "parallel.hpp"
#include "rank.hpp"
#include "require.hpp"
#include "scattered.hpp"
#include "values.hpp"

namespace whitediff {
namespace {

constexpr double source_sigmas = 4.5;
constexpr int growth = 4;
// Boxes of three pixels, each of variance 2/3 pixel squared, four times: a sigma of 1.6 pixels,
// about that of a star.
constexpr int reach = 4;
constexpr int taps[] = {1, 4, 10, 16, 19, 16, 10, 4, 1};
constexpr double sum_of_taps = 81.0;
// Quartiles are taken of so many pixels, in boxes.
constexpr std::size_t sample_size = std::size_t{1} << 15;
constexpr int box_size = 512, box_height = 8;
constexpr std::ptrdiff_t least_kept = 1000;
constexpr int band = 64;
constexpr int block = 32;
constexpr std::size_t sample_of_variance = 10'000;

struct Spread {
  double center = 0.0, sigma = 0.0;
};

/// Of values in parts; between ranks, that of the lower one.
template <class T>
Spread spread_of(const std::vector<std::span<const T>>& parts, std::int64_t count) {
  const auto quantile = [&](double share) {
    const auto rank = static_cast<std::int64_t>(share * static_cast<double>(count - 1));
    return static_cast<double>(value_at(std::span(parts), rank));
  };
  return {quantile(0.5), sigma_of_iqr * (quantile(0.75) - quantile(0.25))};
}

template <class T>
WHITEDIFF_ALWAYS_INLINE void level_off(const T* noise, int width, T level, T* flat) {
  for (int x = 0; x < width; ++x) {
    const T value = noise[x] - level;
    flat[x] = std::abs(value) <= std::numeric_limits<T>::max() ? value : T(0);
  }
}

/// @param rows    the row and as many above and below it as there are taps
/// @param summed  of `width` and as many pixels on both sides, which stay 0
template <class T>
WHITEDIFF_ALWAYS_INLINE void smooth_row(const T* const* rows, int width, T* summed, T* smooth) {
  constexpr int count = 2 * reach + 1;
  for (int x = 0; x < width; ++x) {
    T sum = 0;
    for (int n = 0; n < count; ++n) sum += static_cast<T>(taps[n] / sum_of_taps) * rows[n][x];
    summed[reach + x] = sum;
  }
  for (int x = 0; x < width; ++x) {
    T sum = 0;
    for (int n = 0; n < count; ++n) sum += static_cast<T>(taps[n] / sum_of_taps) * summed[x + n];
    smooth[x] = sum;
  }
}

template <class T>
WHITEDIFF_ALWAYS_INLINE void mark(const T* flat, const T* smooth, int width, T limit, T level,
                                  T smooth_limit, std::uint8_t* source) {
  for (int x = 0; x < width; ++x) {
    source[x] = std::abs(flat[x]) > limit || std::abs(smooth[x] - level) > smooth_limit;
  }
}

/// Adds what is not usable or not finite.
template <class T>
WHITEDIFF_ALWAYS_INLINE void add_unusable_row(const T* noise, const std::uint8_t* usable, int width,
                                              std::uint8_t* source) {
  for (int x = 0; x < width; ++x) {
    source[x] |= usable[x] == 0 || !(std::abs(noise[x]) <= std::numeric_limits<T>::max());
  }
}

/// to |= from, shifted by every number of pixels up to the growth.
WHITEDIFF_MULTIVERSION
void grow_in_x(const std::uint8_t* from, int width, std::uint8_t* to) {
  for (int shift = -growth; shift <= growth; ++shift) {
    const int first = std::max(0, -shift), last = std::min(width, width - shift);
    for (int x = first; x < last; ++x) to[x] |= from[x + shift];
  }
}

/// @param sources  the row and as many above and below it as sources grow
WHITEDIFF_MULTIVERSION
void grow_in_y(const std::uint8_t* const* sources, int width, std::uint8_t* grown) {
  std::copy_n(sources[0], width, grown);
  for (int n = 1; n <= 2 * growth; ++n) {
    const std::uint8_t* source = sources[n];
    for (int x = 0; x < width; ++x) grown[x] |= source[x];
  }
}

template <class T>
WHITEDIFF_ALWAYS_INLINE void keep_row(const T* noise, const std::uint8_t* usable,
                                      const std::uint8_t* source, int width, std::uint8_t* kept) {
  for (int x = 0; x < width; ++x) {
    kept[x] =
        std::abs(noise[x]) <= std::numeric_limits<T>::max() && usable[x] != 0 && source[x] == 0;
  }
}

/// sums += the known values of a row.
template <class T>
WHITEDIFF_ALWAYS_INLINE void add_row(const T* values, const std::uint8_t* usable, int width,
                                     T largest, T* sums, T* counts) {
  for (int x = 0; x < width; ++x) {
    const bool known = values[x] > T(0) && values[x] <= largest && usable[x] != 0;
    sums[x] += known ? values[x] : T(0);
    counts[x] += known ? T(1) : T(0);
  }
}

template <class T>
WHITEDIFF_ALWAYS_INLINE void multiply_row(const T* image, const T* variance, T largest,
                                          const T* factors, int width, T* noise) {
  for (int x = 0; x < width; ++x) {
    const bool known = variance[x] > T(0) && variance[x] <= largest;
    noise[x] = known ? image[x] * factors[x] : std::numeric_limits<T>::quiet_NaN();
  }
}

#define WHITEDIFF_FOR_BOTH(T)                                                                     \
  WHITEDIFF_MULTIVERSION void flatten(const T* noise, int width, T level, T* flat) {              \
    level_off(noise, width, level, flat);                                                         \
  }                                                                                               \
  WHITEDIFF_MULTIVERSION void smoothen(const T* const* rows, int width, T* summed, T* smooth) {   \
    smooth_row(rows, width, summed, smooth);                                                      \
  }                                                                                               \
  WHITEDIFF_MULTIVERSION void mark_sources(const T* flat, const T* smooth, int width, T limit,    \
                                           T level, T smooth_limit, std::uint8_t* source) {       \
    mark(flat, smooth, width, limit, level, smooth_limit, source);                                \
  }                                                                                               \
  WHITEDIFF_MULTIVERSION void add_unusable(const T* noise, const std::uint8_t* usable, int width, \
                                           std::uint8_t* source) {                                \
    add_unusable_row(noise, usable, width, source);                                               \
  }                                                                                               \
  WHITEDIFF_MULTIVERSION void keep(const T* noise, const std::uint8_t* usable,                    \
                                   const std::uint8_t* source, int width, std::uint8_t* kept) {   \
    keep_row(noise, usable, source, width, kept);                                                 \
  }                                                                                               \
  WHITEDIFF_MULTIVERSION void add_known(const T* values, const std::uint8_t* usable, int width,   \
                                        T largest, T* sums, T* counts) {                          \
    add_row(values, usable, width, largest, sums, counts);                                        \
  }                                                                                               \
  WHITEDIFF_MULTIVERSION void multiply(const T* image, const T* variance, T largest,              \
                                       const T* factors, int width, T* noise) {                   \
    multiply_row(image, variance, largest, factors, width, noise);                                \
  }
WHITEDIFF_FOR_BOTH(float)
WHITEDIFF_FOR_BOTH(double)
#undef WHITEDIFF_FOR_BOTH

/// What counts as a source.
struct Limits {
  Spread plain, smooth;
};

/// Columns x0 .. x1 - 1 of an image, with their level taken off, smoothed, and searched for
/// sources.
template <class T>
class Search {
 public:
  Search(ImageView<const T> noise, ImageView<const std::uint8_t> usable, bool surroundings, int x0,
         int x1)
      : Search(noise, usable, surroundings, x1 - x0, x0 - std::max(0, x0 - growth - reach),
               Box{x0, 0, x1, noise.height()}
                   .grown(growth + reach)
                   .clipped({0, 0, noise.width(), noise.height()})) {}

  /// Calls use(row) with each of rows y0 .. y1 - 1, smoothed.
  template <class Use>
  void smoothed(int y0, int y1, double level, const Use& use) {
    flatten_rows(y0 - reach, y1 + reach, level);
    for (int y = y0; y < y1; ++y) {
      smooth(y);
      use(smooth_.data() + before_);
    }
  }

  /// The usable pixels of rows y0 .. y1 - 1 away from sources, row by row.
  void search(int y0, int y1, const Limits& limits, std::uint8_t* kept) {
    const int width = noise_.width(), height = noise_.height();
    flatten_rows(y0 - growth - reach, y1 + growth + reach, limits.plain.center);
    const int first = std::max(0, y0 - growth), last = std::min(height, y1 + growth);
    grown_.assign(static_cast<std::size_t>(last - first) * width, 0);
    const auto grown = [&](int y) {
      return y < first || y >= last
                 ? none_.data()
                 : grown_.data() + static_cast<std::ptrdiff_t>(y - first) * width;
    };
    for (int y = first; y < last; ++y) {
      smooth(y);
      mark_sources(flat(y), smooth_.data(), width,
                   static_cast<T>(source_sigmas * limits.plain.sigma),
                   static_cast<T>(limits.smooth.center),
                   static_cast<T>(source_sigmas * limits.smooth.sigma), source_.data());
      if (surroundings_) add_unusable(noise_.row(y), usable_.row(y), width, source_.data());
      grow_in_x(source_.data(), width, grown(y));
    }
    for (int y = y0; y < y1; ++y) {
      const std::uint8_t* sources[2 * growth + 1];
      for (int n = 0; n <= 2 * growth; ++n) sources[n] = grown(y - growth + n);
      grow_in_y(sources, width, source_.data());
      keep(noise_.row(y) + before_, usable_.row(y) + before_, source_.data() + before_, width_,
           kept + static_cast<std::ptrdiff_t>(y - y0) * width_);
    }
  }

 private:
  /// @param about  the columns that count
  Search(ImageView<const T> noise, ImageView<const std::uint8_t> usable, bool surroundings,
         int width, int before, const Box& about)
      : noise_(noise.cut(about)),
        usable_(usable.cut(about)),
        surroundings_(surroundings),
        width_(width),
        before_(before),
        summed_(about.width() + 2 * reach),
        smooth_(about.width()),
        zeros_(about.width()),
        source_(about.width()),
        none_(about.width()) {}

  void flatten_rows(int y0, int y1, double level) {
    first_ = std::max(0, y0);
    last_ = std::min(noise_.height(), y1);
    flat_.resize(static_cast<std::size_t>(last_ - first_) * noise_.width());
    for (int y = first_; y < last_; ++y) {
      flatten(noise_.row(y), noise_.width(), static_cast<T>(level),
              flat_.data() + static_cast<std::ptrdiff_t>(y - first_) * noise_.width());
    }
  }

  /// Zero beyond the frame.
  const T* flat(int y) const {
    if (y < first_ || y >= last_) return zeros_.data();
    return flat_.data() + static_cast<std::ptrdiff_t>(y - first_) * noise_.width();
  }

  void smooth(int y) {
    const T* rows[2 * reach + 1];
    for (int n = 0; n <= 2 * reach; ++n) rows[n] = flat(y - reach + n);
    smoothen(rows, noise_.width(), summed_.data(), smooth_.data());
  }

  ImageView<const T> noise_;
  ImageView<const std::uint8_t> usable_;
  bool surroundings_;
  int width_, before_;
  int first_ = 0, last_ = 0;
  std::vector<T> flat_, summed_, smooth_, zeros_;
  std::vector<std::uint8_t> source_, grown_, none_;
};

std::vector<Box> bands_of(Shape shape) {
  std::vector<Box> bands;
  for (int y = 0; y < shape.height; y += band) {
    bands.push_back({0, y, shape.width, std::min(y + band, shape.height)});
  }
  return bands;
}

/// Small boxes. Those at edges lie in part beyond, so that all pixels are as likely to be in one.
std::vector<Box> sampled_boxes(Shape shape) {
  const auto [rows, columns] = shape;
  const int height = std::min(rows, box_height);
  const int width = std::min(columns, box_size / height);
  const std::size_t count = sample_size / (static_cast<std::size_t>(height) * width);
  std::vector<Box> boxes;
  for (std::size_t n = 0; n < count; ++n) {
    const double place =
        (static_cast<double>(n) + scattered(n)) / static_cast<double>(count) * rows;
    const int y = static_cast<int>(place / rows * (rows + height - 1)) - (height - 1);
    const int x =
        static_cast<int>((place - std::floor(place)) * (columns + width - 1)) - (width - 1);
    boxes.push_back(Box{x, y, x + width, y + height}.clipped({0, 0, columns, rows}));
  }
  return boxes;
}

template <class T>
class Sky {
 public:
  Sky(ImageView<const T> noise, ImageView<const std::uint8_t> usable, bool surroundings,
      int threads)
      : noise_(noise), usable_(usable), surroundings_(surroundings), threads_(threads) {
    if (noise.shape().size() > sample_size && take(sampled_boxes(noise.shape())) >= least_kept)
      return;
    take(bands_of(noise.shape()));
  }

  BlankSky find() {
    Limits limits = this->limits();
    parallel_for(boxes_.size(), threads_, [&](std::size_t n) {
      of(boxes_[n]).search(boxes_[n].y0, boxes_[n].y1, limits, kept_[n].data());
    });
    limits = this->limits();
    BlankSky sky{Image<std::uint8_t>(noise_.shape()), limits.plain.center, limits.plain.sigma};
    const std::vector<Box> bands = bands_of(noise_.shape());
    PerThread<Search<T>> searches(threads_);
    parallel_for(bands.size(), threads_, [&](std::size_t n) {
      searches.get([&] { return of(bands[n]); })
          .search(bands[n].y0, bands[n].y1, limits, sky.usable.row(bands[n].y0));
    });
    return sky;
  }

 private:
  Search<T> of(const Box& box) const {
    return Search<T>(noise_, usable_, surroundings_, box.x0, box.x1);
  }

  /// Samples boxes.
  /// @return number of usable pixels
  std::ptrdiff_t take(std::vector<Box> boxes) {
    boxes_ = std::move(boxes);
    kept_.clear();
    const std::vector<std::uint8_t> none(noise_.width());
    std::ptrdiff_t count = 0;
    for (const Box& box : boxes_) {
      std::vector<std::uint8_t>& kept = kept_.emplace_back(box.shape().size());
      for (int y = box.y0; y < box.y1; ++y) {
        keep(noise_.row(y) + box.x0, usable_.row(y) + box.x0, none.data(), box.width(),
             kept.data() + static_cast<std::ptrdiff_t>(y - box.y0) * box.width());
      }
      count += std::count(kept.begin(), kept.end(), 1);
    }
    return count;
  }

  /// Of what is kept of the boxes.
  Limits limits() {
    Limits limits;
    limits.plain = spread([&](const Box& box, const auto& add) {
      for (int y = box.y0; y < box.y1; ++y) add(noise_.row(y) + box.x0);
    });
    limits.smooth = spread([&](const Box& box, const auto& add) {
      of(box).smoothed(box.y0, box.y1, limits.plain.center, add);
    });
    return limits;
  }

  /// @param read  (box, add) calls add(row) with every row of it.
  template <class Read>
  Spread spread(const Read& read) {
    std::vector<std::vector<T>> parts(boxes_.size());
    parallel_for(parts.size(), threads_, [&](std::size_t n) {
      const Box& box = boxes_[n];
      const std::uint8_t* kept = kept_[n].data();
      parts[n].resize(kept_[n].size());
      std::size_t count = 0;
      read(box, [&](const T* row) {
        for (int x = 0; x < box.width(); ++x) {
          parts[n][count] = row[x];
          count += *kept++;
        }
      });
      parts[n].resize(count);
    });
    std::int64_t count = 0;
    for (const auto& part : parts) count += static_cast<std::int64_t>(part.size());
    require(count > 0, "image", "have finite, unmasked pixels that are no sources",
            "none among " + std::to_string(noise_.shape().size()));
    return spread_of(std::vector<std::span<const T>>(parts.begin(), parts.end()), count);
  }

  ImageView<const T> noise_;
  ImageView<const std::uint8_t> usable_;
  bool surroundings_;
  int threads_;
  std::vector<Box> boxes_;                       // that are sampled
  std::vector<std::vector<std::uint8_t>> kept_;  // of them
};

/// The largest variance that is one: marks of what is not known would outweigh all others in a
/// mean.
template <class T>
T largest_known(ImageView<const T> variance) {
  const auto [height, width] = variance.shape();
  const int step = 1 + static_cast<int>(std::sqrt(variance.shape().size() / sample_of_variance));
  std::vector<T> sample;
  for (int y = step / 2; y < height; y += step) {
    for (int x = y % step; x < width; x += step) {
      const T value = variance(y, x);
      if (value > T(0) && value <= std::numeric_limits<T>::max()) sample.push_back(value);
    }
  }
  if (sample.empty()) return std::numeric_limits<T>::max();
  const auto middle = sample.begin() + static_cast<std::ptrdiff_t>(sample.size() / 2);
  std::nth_element(sample.begin(), middle, sample.end());
  return static_cast<T>(std::min<double>(std::numeric_limits<T>::max(),
                                         largest_ratio * static_cast<double>(*middle)));
}

}  // namespace

template <class T>
BlankSky blank_sky(ImageView<const T> noise, ImageView<const std::uint8_t> usable,
                   bool surroundings, int n_threads) {
  require_shape(usable.shape(), noise.shape(), "usable");
  const int threads = threads_of_frame(noise.shape(), n_threads);
  BlankSky sky;
  with_threads(threads, [&] { sky = Sky<T>(noise, usable, surroundings, threads).find(); });
  return sky;
}

template <class T>
Image<T> in_units_of_noise(ImageView<const T> image, ImageView<const T> variance,
                           ImageView<const std::uint8_t> usable, int n_threads) {
  Image<T> noise(image.shape());
  in_units_of_noise(image, variance, usable, noise.view(), n_threads);
  return noise;
}

template <class T>
void in_units_of_noise(ImageView<const T> image, ImageView<const T> variance,
                       ImageView<const std::uint8_t> usable, ImageView<T> noise, int n_threads) {
  require_shape(variance.shape(), image.shape(), "variance");
  require_shape(usable.shape(), image.shape(), "usable");
  const auto [height, width] = image.shape();
  require_shape(noise.shape(), image.shape(), "noise");
  const T largest = largest_known(variance);
  const std::size_t bands = (height + block - 1) / block;
  const int threads = threads_of_frame(image.shape(), n_threads);
  parallel_for(bands, threads, [&, height = height, width = width](std::size_t n) {
    const int y0 = static_cast<int>(n) * block, y1 = std::min(y0 + block, height);
    std::vector<T> sums(width), counts(width);
    for (int y = y0; y < y1; ++y) {
      add_known(variance.row(y), usable.row(y), width, largest, sums.data(), counts.data());
    }
    for (int x0 = 0; x0 < width; x0 += block) {
      const int x1 = std::min(x0 + block, width);
      const double sum = std::accumulate(sums.begin() + x0, sums.begin() + x1, 0.0);
      const double count = std::accumulate(counts.begin() + x0, counts.begin() + x1, 0.0);
      // NaN where there is none.
      std::fill(sums.begin() + x0, sums.begin() + x1, static_cast<T>(1.0 / std::sqrt(sum / count)));
    }
    for (int y = y0; y < y1; ++y) {
      multiply(image.row(y), variance.row(y), largest, sums.data(), width, noise.row(y));
    }
  });
}

template BlankSky blank_sky(ImageView<const float>, ImageView<const std::uint8_t>, bool, int);
template BlankSky blank_sky(ImageView<const double>, ImageView<const std::uint8_t>, bool, int);
template Image<float> in_units_of_noise(ImageView<const float>, ImageView<const float>,
                                        ImageView<const std::uint8_t>, int);
template void in_units_of_noise(ImageView<const float>, ImageView<const float>,
                                ImageView<const std::uint8_t>, ImageView<float>, int);
template void in_units_of_noise(ImageView<const double>, ImageView<const double>,
                                ImageView<const std::uint8_t>, ImageView<double>, int);
template Image<double> in_units_of_noise(ImageView<const double>, ImageView<const double>,
                                         ImageView<const std::uint8_t>, int);

}  // namespace whitediff
