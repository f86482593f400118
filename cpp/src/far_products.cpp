#include "far_products.hpp"

#include <algorithm>
#include <array>

#include "fft.hpp"
#include "multiversion.hpp"
#include "parallel.hpp"

namespace whitediff {
namespace {

// The sum over all pixels around one at the lags of a ring is that over a box less that over a
// smaller one; boxes reach so far. Their sides have a factor of `step`: two short sums, one after
// the other.
constexpr int near = 7, middle = 12, far = 17;
constexpr int boxes = 3;
constexpr int reaches[boxes] = {near, middle, far};
constexpr int step = 5;

constexpr int band_rows = 128;
constexpr int strip = 256;
// With columns on both sides.
constexpr int wide = strip + 2 * far;

/// One row of a strip.
template <class V>
using Row = std::array<V, wide>;

template <class V>
WHITEDIFF_ALWAYS_INLINE void add_difference(const V* added, const V* taken_off, V* sums) {
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

template <class V, class Sum>
WHITEDIFF_ALWAYS_INLINE Sum dot(const V* row, const V* outer, const V* inner, int width) {
  Sum total = 0;
#pragma omp simd reduction(+ : total)
  for (int x = 0; x < width; ++x) {
    total += static_cast<Sum>(row[x]) * static_cast<Sum>(outer[x] - inner[x]);
  }
  return total;
}

/// Of the row's pixels times what lies around each, in both rings.
/// @param columns  sums over the rows of each box.
template <class V, class Sum>
WHITEDIFF_ALWAYS_INLINE std::array<Sum, 2> ring_products(const V* row,
                                                         const std::array<Row<V>, boxes>& columns,
                                                         int width) {
  alignas(64) Row<V> steps, inner, between, outer;
  box_sums<near>(columns[0].data() + far - near, steps.data(), inner.data());
  box_sums<middle>(columns[1].data() + far - middle, steps.data(), between.data());
  box_sums<far>(columns[2].data(), steps.data(), outer.data());
  return {dot<V, Sum>(row + far, between.data(), inner.data(), width),
          dot<V, Sum>(row + far, outer.data(), between.data(), width)};
}

#define WHITEDIFF_FOR_EACH(V, Sum)                                                     \
  WHITEDIFF_MULTIVERSION void move_sums(const V* added, const V* taken_off, V* sums) { \
    add_difference(added, taken_off, sums);                                            \
  }                                                                                    \
  WHITEDIFF_MULTIVERSION std::array<Sum, 2> products(                                  \
      const V* row, const std::array<Row<V>, boxes>& columns, int width) {             \
    return ring_products<V, Sum>(row, columns, width);                                 \
  }
WHITEDIFF_FOR_EACH(float, float)
WHITEDIFF_FOR_EACH(double, double)
// A box has 1225 pixels.
WHITEDIFF_FOR_EACH(std::uint16_t, std::int32_t)
#undef WHITEDIFF_FOR_EACH

/// Pixels of one kind: rows of a band with `far` more above and below, and running sums over the
/// rows of each box.
template <class V>
class Pixels {
 public:
  Pixels() : rows_(static_cast<std::size_t>(band_rows + 2 * far + 1) * wide) {}

  void clear() { std::fill(rows_.begin(), rows_.end(), V(0)); }
  /// Row y of the band, -far - 1 <= y; the first one stays empty.
  V* row(int y) { return rows_.data() + static_cast<std::ptrdiff_t>(y + far + 1) * wide; }

  /// Puts the sums before row 0.
  void start() {
    const V* const empty = row(-far - 1);
    for (int n = 0; n < boxes; ++n) {
      columns_[n].fill(V(0));
      for (int y = -reaches[n] - 1; y < reaches[n]; ++y) {
        move_sums(row(y), empty, columns_[n].data());
      }
    }
  }
  /// The products of row y, each after the other from 0.
  auto next(int y, int width) {
    for (int n = 0; n < boxes; ++n) {
      move_sums(row(y + reaches[n]), row(y - reaches[n] - 1), columns_[n].data());
    }
    return products(row(y), columns_, width);
  }

 private:
  fft::Buffer<V> rows_;
  std::array<Row<V>, boxes> columns_;
};

/// Up to `strip` columns of a band of rows.
template <class T>
class Strip {
 public:
  explicit Strip(const TakenPixels<T>& pixels)
      : pixels_(pixels), flags_(static_cast<std::size_t>(band_rows + 2 * far) * wide) {}

  void add(const Box& box, FarRings& totals) {
    load(box);
    values_.start();
    taken_.start();
    for (int y = 0; y < box.height(); ++y) {
      const auto products = values_.next(y, box.width());
      const auto pairs = taken_.next(y, box.width());
      for (std::size_t ring = 0; ring < totals.size(); ++ring) {
        totals[ring].add({static_cast<double>(products[ring]), pairs[ring]});
      }
    }
  }

 private:
  void load(const Box& box) {
    values_.clear();
    taken_.clear();
    const auto [height, width] = pixels_.noise.shape();
    const Box read = box.grown(far).clipped({0, 0, width, height});
    const int offset = read.x0 - (box.x0 - far);
    std::fill(flags_.begin(), flags_.end(), std::uint8_t(0));
    take(pixels_, read, values_.row(read.y0 - box.y0) + offset, flags_.data() + offset, wide);
    for (int y = read.y0; y < read.y1; ++y) {
      std::copy_n(flags_.data() + static_cast<std::ptrdiff_t>(y - read.y0) * wide, wide,
                  taken_.row(y - box.y0));
    }
  }

  const TakenPixels<T>& pixels_;
  Pixels<T> values_;
  Pixels<std::uint16_t> taken_;
  std::vector<std::uint8_t> flags_;
};

}  // namespace

template <class T>
std::vector<FarRings> far_products(const TakenPixels<T>& pixels, const std::vector<Box>& parts,
                                   int threads) {
  const std::vector<PartBand> bands = bands_of(parts, band_rows);
  std::vector<FarRings> sums(bands.size());
  PerThread<Strip<T>> strips(threads);
  parallel_for(bands.size(), threads, [&](std::size_t n) {
    Strip<T>& part = strips.get([&] { return Strip<T>(pixels); });
    const Box& band = bands[n].box;
    for (int x0 = band.x0; x0 < band.x1; x0 += strip) {
      part.add({x0, band.y0, std::min(x0 + strip, band.x1), band.y1}, sums[n]);
    }
  });
  std::vector<FarRings> totals(parts.size());
  for (std::size_t n = 0; n < bands.size(); ++n) {
    for (std::size_t ring = 0; ring < sums[n].size(); ++ring) {
      totals[bands[n].part][ring].add(sums[n][ring]);
    }
  }
  return totals;
}

template std::vector<FarRings> far_products(const TakenPixels<float>&, const std::vector<Box>&,
                                            int);
template std::vector<FarRings> far_products(const TakenPixels<double>&, const std::vector<Box>&,
                                            int);

}  // namespace whitediff
