#include "far_products.hpp"

#include <algorithm>
#include <array>
#include <functional>

#include "fft.hpp"
#include "multiversion.hpp"
#include "parallel.hpp"

namespace whitediff {
namespace {

// The sum over all pixels around one at some lags is that over a box less that over a smaller one,
// whose sides have a factor of `step`: two short sums, one after the other.
constexpr int lags = 5;
constexpr int step = 5;
constexpr int farthest = 17;

constexpr int band_rows = 96;
constexpr int strip = 256;

/// One row of a strip, with columns on both sides.
template <class V>
using Row = std::array<V, strip + 2 * farthest>;

template <class V>
WHITEDIFF_ALWAYS_INLINE void add_difference(const V* added, const V* taken_off, int wide, V* sums) {
  for (int x = 0; x < wide; ++x) sums[x] = static_cast<V>(sums[x] + added[x] - taken_off[x]);
}

/// sums[x] = row[x] + ... + row[x + 2 reach] for the strip's pixels.
template <int reach, class V>
WHITEDIFF_ALWAYS_INLINE void box_sums(const V* row, V* steps, V* sums) {
  static_assert((2 * reach + 1) % step == 0);
  for (int x = 0; x < strip + 2 * reach + 1 - step; ++x) {
    V sum = row[x];
    for (int n = 1; n < step; ++n) sum = static_cast<V>(sum + row[x + n]);
    steps[x] = sum;
  }
  for (int x = 0; x < strip; ++x) {
    V sum = steps[x];
    for (int n = step; n < 2 * reach + 1; n += step) sum = static_cast<V>(sum + steps[x + n]);
    sums[x] = sum;
  }
}

/// Of the row's pixels times what lies around each, `far_sums` and `near_sums` being sums over
/// columns.
template <int far, class V, class Sum>
WHITEDIFF_ALWAYS_INLINE Sum ring_products(const V* row, const V* far_sums, const V* near_sums,
                                          int width) {
  alignas(64) Row<V> steps, outer{}, inner{};
  box_sums<far>(far_sums, steps.data(), outer.data());
  box_sums<far - lags>(near_sums + lags, steps.data(), inner.data());
  Sum total = 0;
#pragma omp simd reduction(+ : total)
  for (int x = 0; x < width; ++x) {
    total += static_cast<Sum>(row[far + x]) * static_cast<Sum>(outer[x] - inner[x]);
  }
  return total;
}

#define WHITEDIFF_FOR_EACH(V, Sum)                                                               \
  WHITEDIFF_MULTIVERSION void move_sums(const V* added, const V* taken_off, int wide, V* sums) { \
    add_difference(added, taken_off, wide, sums);                                                \
  }                                                                                              \
  WHITEDIFF_MULTIVERSION Sum products(const V* row, const V* far_sums, const V* near_sums,       \
                                      int far, int width) {                                      \
    return far == farthest ? ring_products<farthest, V, Sum>(row, far_sums, near_sums, width)    \
                           : ring_products<12, V, Sum>(row, far_sums, near_sums, width);         \
  }
WHITEDIFF_FOR_EACH(float, float)
WHITEDIFF_FOR_EACH(double, double)
// A box has 1225 pixels.
WHITEDIFF_FOR_EACH(std::uint16_t, std::int32_t)
#undef WHITEDIFF_FOR_EACH

/// Pixels of one kind: rows of a band with `far` more above and below, and running sums over
/// columns.
template <class V>
class Pixels {
 public:
  explicit Pixels(int far)
      : far_(far),
        wide_(strip + 2 * far),
        rows_(static_cast<std::size_t>(band_rows + 2 * far + 1) * wide_) {}

  void clear() { std::fill(rows_.begin(), rows_.end(), V(0)); }
  /// Row y of the band, -far - 1 <= y; the first one stays empty.
  V* row(int y) { return rows_.data() + static_cast<std::ptrdiff_t>(y + far_ + 1) * wide_; }

  /// Puts the sums before row 0.
  void start() {
    far_sums_.fill(V(0));
    near_sums_.fill(V(0));
    const V* const empty = row(-far_ - 1);
    for (int y = -far_; y < far_; ++y) move_sums(row(y), empty, wide_, far_sums_.data());
    const int near = far_ - lags;
    for (int y = -near - 1; y < near; ++y) move_sums(row(y), empty, wide_, near_sums_.data());
  }
  /// The products of row y, each after the other from 0.
  auto next(int y, int width) {
    const int near = far_ - lags;
    move_sums(row(y + far_), row(y - far_ - 1), wide_, far_sums_.data());
    move_sums(row(y + near), row(y - near - 1), wide_, near_sums_.data());
    return products(row(y), far_sums_.data(), near_sums_.data(), far_, width);
  }

 private:
  int far_, wide_;
  fft::Buffer<V> rows_;
  alignas(64) Row<V> far_sums_, near_sums_;
};

/// Up to `strip` columns of a band of rows.
template <class T>
class Strip {
 public:
  Strip(const TakenPixels<T>& pixels, int far)
      : pixels_(pixels),
        far_(far),
        values_(far),
        taken_(far),
        flags_(static_cast<std::size_t>(band_rows + 2 * far) * (strip + 2 * far)) {}

  void add(const Box& box, FarProducts& total) {
    load(box);
    values_.start();
    taken_.start();
    for (int y = 0; y < box.height(); ++y) {
      total.products += static_cast<double>(values_.next(y, box.width()));
      total.pairs += taken_.next(y, box.width());
    }
  }

 private:
  void load(const Box& box) {
    values_.clear();
    taken_.clear();
    const auto [height, width] = pixels_.noise.shape();
    const Box read = box.grown(far_).clipped({0, 0, width, height});
    const int offset = read.x0 - (box.x0 - far_), wide = strip + 2 * far_;
    std::fill(flags_.begin(), flags_.end(), std::uint8_t(0));
    take(pixels_, read, values_.row(read.y0 - box.y0) + offset, flags_.data() + offset, wide);
    for (int y = read.y0; y < read.y1; ++y) {
      std::copy_n(flags_.data() + static_cast<std::ptrdiff_t>(y - read.y0) * wide, wide,
                  taken_.row(y - box.y0));
    }
  }

  const TakenPixels<T>& pixels_;
  int far_;
  Pixels<T> values_;
  Pixels<std::uint16_t> taken_;
  std::vector<std::uint8_t> flags_;
};

}  // namespace

template <class T>
std::vector<FarProducts> far_products(const TakenPixels<T>& pixels, const std::vector<Box>& parts,
                                      int far, int threads) {
  const std::vector<PartBand> bands = bands_of(parts, band_rows);
  std::vector<FarProducts> sums(bands.size());
  PerThread<Strip<T>> strips(threads);
  parallel_for(bands.size(), threads, [&](std::size_t n) {
    Strip<T>& part = strips.get([&] { return Strip<T>(pixels, far); });
    const Box& band = bands[n].box;
    for (int x0 = band.x0; x0 < band.x1; x0 += strip) {
      part.add({x0, band.y0, std::min(x0 + strip, band.x1), band.y1}, sums[n]);
    }
  });
  std::vector<FarProducts> totals(parts.size());
  for (std::size_t n = 0; n < bands.size(); ++n) totals[bands[n].part].add(sums[n]);
  return totals;
}

template std::vector<FarProducts> far_products(const TakenPixels<float>&, const std::vector<Box>&,
                                               int, int);
template std::vector<FarProducts> far_products(const TakenPixels<double>&, const std::vector<Box>&,
                                               int, int);

}  // namespace whitediff
