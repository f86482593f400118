#include "far_products.hpp"

#include <algorithm>
#include <array>
#include <functional>

#include "fft.hpp"
#include "multiversion.hpp"
#include "parallel.hpp"

namespace whitediff {
namespace {

// The sum over all pixels around one that are `near` + 1 to `far` away is that over a box less that
// over a smaller one, whose sides have a factor of `step`: two short sums, one after the other.
constexpr int far = 12, near = 7;
constexpr int step = 5;
static_assert((2 * far + 1) % step == 0 && (2 * near + 1) % step == 0);

constexpr int band_rows = 96;
constexpr int strip = 256;
constexpr int wide = strip + 2 * far;

/// One row of a strip, with `far` columns on both sides.
template <class V>
using Row = std::array<V, wide>;

template <class V>
WHITEDIFF_ALWAYS_INLINE void add_difference(const V* added, const V* taken_off, V* sums) {
  for (int x = 0; x < wide; ++x) sums[x] = static_cast<V>(sums[x] + added[x] - taken_off[x]);
}

/// sums[x] = row[x] + ... + row[x + 2 reach] for the strip's pixels.
template <int reach, class V>
WHITEDIFF_ALWAYS_INLINE void box_sums(const V* row, V* steps, V* sums) {
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
template <class V, class Sum>
WHITEDIFF_ALWAYS_INLINE Sum ring_products(const V* row, const V* far_sums, const V* near_sums,
                                          int width) {
  alignas(64) Row<V> steps, outer{}, inner{};
  box_sums<far>(far_sums, steps.data(), outer.data());
  box_sums<near>(near_sums + (far - near), steps.data(), inner.data());
  Sum total = 0;
#pragma omp simd reduction(+ : total)
  for (int x = 0; x < width; ++x) {
    total += static_cast<Sum>(row[far + x]) * static_cast<Sum>(outer[x] - inner[x]);
  }
  return total;
}

#define WHITEDIFF_FOR_EACH(V, Sum)                                                         \
  WHITEDIFF_MULTIVERSION void move_sums(const V* added, const V* taken_off, V* sums) {     \
    add_difference(added, taken_off, sums);                                                \
  }                                                                                        \
  WHITEDIFF_MULTIVERSION Sum products(const V* row, const V* far_sums, const V* near_sums, \
                                      int width) {                                         \
    return ring_products<V, Sum>(row, far_sums, near_sums, width);                         \
  }
WHITEDIFF_FOR_EACH(float, float)
WHITEDIFF_FOR_EACH(double, double)
// A box has 625 pixels.
WHITEDIFF_FOR_EACH(std::uint16_t, std::int32_t)
#undef WHITEDIFF_FOR_EACH

/// Pixels of one kind: rows of a band with `far` more above and below, and running sums over
/// columns.
template <class V>
class Pixels {
 public:
  Pixels() : rows_(static_cast<std::size_t>(band_rows + 2 * far + 1) * wide) {}

  void clear() { std::fill(rows_.begin(), rows_.end(), V(0)); }
  /// Row y of the band, -far - 1 <= y; the first one stays empty.
  V* row(int y) { return rows_.data() + static_cast<std::ptrdiff_t>(y + far + 1) * wide; }

  /// Puts the sums before row 0.
  void start() {
    far_sums_.fill(V(0));
    near_sums_.fill(V(0));
    for (int y = -far; y < far; ++y) move_sums(row(y), row(-far - 1), far_sums_.data());
    for (int y = -near - 1; y < near; ++y) move_sums(row(y), row(-far - 1), near_sums_.data());
  }
  /// The products of row y, each after the other from 0.
  auto next(int y, int width) {
    move_sums(row(y + far), row(y - far - 1), far_sums_.data());
    move_sums(row(y + near), row(y - near - 1), near_sums_.data());
    return products(row(y), far_sums_.data(), near_sums_.data(), width);
  }

 private:
  fft::Buffer<V> rows_;
  alignas(64) Row<V> far_sums_, near_sums_;
};

/// Up to `strip` columns of a band of rows.
template <class T>
class Strip {
 public:
  explicit Strip(const TakenPixels<T>& pixels) : pixels_(pixels), flags_(wide) {}

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
    const Box read = box.grown(far).clipped({0, 0, width, height});
    const int offset = read.x0 - (box.x0 - far);
    for (int y = read.y0; y < read.y1; ++y) {
      take(pixels_, y, read.x0, read.width(), values_.row(y - box.y0) + offset, flags_.data());
      std::copy_n(flags_.data(), read.width(), taken_.row(y - box.y0) + offset);
    }
  }

  const TakenPixels<T>& pixels_;
  Pixels<T> values_;
  Pixels<std::uint16_t> taken_;
  std::vector<std::uint8_t> flags_;
};

}  // namespace

template <class T>
std::vector<FarProducts> far_products(const TakenPixels<T>& pixels, const std::vector<Box>& parts,
                                      int threads) {
  const std::vector<PartBand> bands = bands_of(parts, band_rows);
  std::vector<FarProducts> sums(bands.size());
  PerThread<Strip<T>> strips(threads);
  parallel_for(bands.size(), threads, [&](std::size_t n) {
    Strip<T>& part = strips.get([&] { return Strip<T>(pixels); });
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
                                               int);
template std::vector<FarProducts> far_products(const TakenPixels<double>&, const std::vector<Box>&,
                                               int);

}  // namespace whitediff
