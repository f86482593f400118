#include "clipping.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>

#include "multiversion.hpp"
#include "parallel.hpp"
#include "require.hpp"
#include "scattered.hpp"

namespace whitediff {
namespace {

// Clipping of noise that has few pixels beyond the limit settles in fewer rounds.
constexpr int clip_rounds = 5;
constexpr int level_side = 256;
// Of so many pixels a plane takes off less than three thousandths of their variance; and in a box
// of such sides they do not lie on one line.
constexpr double least_of_plane = 1000.0;
// No box is wider.
constexpr int widest = level_side + level_side / 2;
// The limit of a large image is that of some of its rows: what lies beyond 4 sigma hardly counts.
constexpr std::size_t sample_size = std::size_t{1} << 18;
constexpr double least_sample = 1 << 15;

/// Sums over pixels that are taken: of ones, of columns x from the middle, and of values.
struct Moments {
  double count = 0.0, x = 0.0, xx = 0.0;
  double sum = 0.0, sum_x = 0.0, squares = 0.0;

  Moments& operator+=(const Moments& other) {
    count += other.count;
    x += other.x;
    xx += other.xx;
    sum += other.sum;
    sum_x += other.sum_x;
    squares += other.squares;
    return *this;
  }
};

/// Of a row of pixels, 0 where none is taken: so short that single precision does, and integers
/// hold all sums.
template <class T>
WHITEDIFF_ALWAYS_INLINE Moments moments_of(const T* values, const std::uint8_t* taken, int width) {
  std::int32_t count = 0, x_sum = 0, xx_sum = 0;
  T sum = 0, sum_x = 0, squares = 0;
#pragma omp simd reduction(+ : count, x_sum, xx_sum, sum, sum_x, squares)
  for (int x = 0; x < width; ++x) {
    const std::int32_t one = taken[x];
    count += one;
    x_sum += one * x;
    xx_sum += one * x * x;
    sum += values[x];
    sum_x += static_cast<T>(x) * values[x];
    squares += values[x] * values[x];
  }
  const double middle = 0.5 * (width - 1);
  return {static_cast<double>(count),
          x_sum - middle * count,
          xx_sum - middle * (2.0 * x_sum - middle * count),
          static_cast<double>(sum),
          static_cast<double>(sum_x) - middle * static_cast<double>(sum),
          static_cast<double>(squares)};
}

WHITEDIFF_MULTIVERSION
Moments row_moments(const float* values, const std::uint8_t* taken, int width) {
  return moments_of(values, taken, width);
}
WHITEDIFF_MULTIVERSION
Moments row_moments(const double* values, const std::uint8_t* taken, int width) {
  return moments_of(values, taken, width);
}

/// What pixels of a box have on top of its level.
BoxLevel plane_of(const Box& box, const Moments& all, double y, double yy, double xy,
                  double sum_y) {
  BoxLevel level{box};
  if (all.count == 0.0) return level;
  // Normal equations, with means taken off.
  const double mean_x = all.x / all.count, mean_y = y / all.count, mean = all.sum / all.count;
  const double xx_about = all.xx - mean_x * all.x, yy_about = yy - mean_y * y;
  const double xy_about = xy - mean_x * y;
  const double determinant = xx_about * yy_about - xy_about * xy_about;
  if (all.count >= least_of_plane) {
    const double along_x = all.sum_x - mean_x * all.sum, along_y = sum_y - mean_y * all.sum;
    level.slope_x = (along_x * yy_about - along_y * xy_about) / determinant;
    level.slope_y = (along_y * xx_about - along_x * xy_about) / determinant;
  }
  level.middle = mean - level.slope_x * mean_x - level.slope_y * mean_y;
  return level;
}

template <class T>
class Clipping {
 public:
  Clipping(ImageView<const T> noise, ImageView<const std::uint8_t> usable,
           const std::vector<Box>& parts, int threads)
      // The squares of a row of values up to this one have a finite sum.
      : pixels_{noise, usable, {}, std::sqrt(std::numeric_limits<T>::max() / widest)},
        threads_(threads) {
    std::size_t size = 0;
    for (const Box& part : parts) {
      size += part.shape().size();
      add_levels(part);
    }
    step_ = 1 + static_cast<int>(size / sample_size);
    if (moments().count < least_sample) step_ = 1;
  }

  TakenPixels<T> pixels() && {
    // Far outliers would tilt planes, and steep planes hide outliers.
    clip();
    level();
    clip();
    return std::move(pixels_);
  }

 private:
  void add_levels(const Box& part) {
    const auto count = [](int size) { return std::max(1, (size + level_side / 2) / level_side); };
    const int rows = count(part.height()), columns = count(part.width());
    for (int n = 0; n < rows; ++n) {
      for (int m = 0; m < columns; ++m) {
        pixels_.levels.push_back({{part.x0 + begin_of_part(m, columns, part.width()),
                                   part.y0 + begin_of_part(n, rows, part.height()),
                                   part.x0 + begin_of_part(m + 1, columns, part.width()),
                                   part.y0 + begin_of_part(n + 1, rows, part.height())}});
      }
    }
  }

  Moments row(const BoxLevel& level, int y) const {
    std::array<T, widest> values;
    std::array<std::uint8_t, widest> taken;
    take(pixels_, level, y, values.data(), taken.data());
    return row_moments(values.data(), taken.data(), level.box.width());
  }

  /// Of every `step`-th row, from another one on in each level, lest all have the same phase of a
  /// warp; level by level, so that threads do not matter.
  Moments moments() const {
    std::vector<Moments> parts(pixels_.levels.size());
    parallel_for(parts.size(), threads_, [&](std::size_t n) {
      const BoxLevel& level = pixels_.levels[n];
      const int step = std::min(step_, level.box.height());
      const int first = level.box.y0 + static_cast<int>(scattered(n, 0.0) * step);
      for (int y = first; y < level.box.y1; y += step) parts[n] += row(level, y);
    });
    Moments total;
    for (const Moments& part : parts) total += part;
    return total;
  }

  void clip() {
    double before = -1.0;
    for (int round = 0; round < clip_rounds; ++round) {
      const Moments found = moments();
      if (found.count == before) break;
      before = found.count;
      require(found.count > 0.0, "image", "have usable pixels", "none");
      const double offset = found.sum / found.count;
      const double variance = found.squares / found.count - offset * offset;
      require(variance > 0.0, "image", "have noise",
              std::to_string(static_cast<long long>(found.count)) + " equal pixels");
      for (BoxLevel& level : pixels_.levels) level.middle += offset;
      pixels_.limit = clip_sigmas * std::sqrt(variance);
    }
  }

  void level() {
    parallel_for(pixels_.levels.size(), threads_, [&](std::size_t n) {
      BoxLevel& level = pixels_.levels[n];
      const double middle = level.box.center().y;
      Moments all;
      double y_sum = 0.0, yy_sum = 0.0, xy_sum = 0.0, sum_y = 0.0;
      for (int y = level.box.y0; y < level.box.y1; ++y) {
        const Moments found = row(level, y);
        const double from_middle = y - middle;
        all += found;
        y_sum += from_middle * found.count;
        yy_sum += from_middle * from_middle * found.count;
        xy_sum += from_middle * found.x;
        sum_y += from_middle * found.sum;
      }
      const BoxLevel more = plane_of(level.box, all, y_sum, yy_sum, xy_sum, sum_y);
      level.middle += more.middle;
      level.slope_y += more.slope_y;
      level.slope_x += more.slope_x;
    });
  }

  TakenPixels<T> pixels_;
  int threads_, step_ = 1;
};

}  // namespace

template <class T>
TakenPixels<T> clipped(ImageView<const T> noise, ImageView<const std::uint8_t> usable,
                       const std::vector<Box>& parts, int threads) {
  return Clipping<T>(noise, usable, parts, threads).pixels();
}

template TakenPixels<float> clipped(ImageView<const float>, ImageView<const std::uint8_t>,
                                    const std::vector<Box>&, int);
template TakenPixels<double> clipped(ImageView<const double>, ImageView<const std::uint8_t>,
                                     const std::vector<Box>&, int);

}  // namespace whitediff
