#include "lag_products.hpp"

#include <algorithm>
#include <cstring>
#include <type_traits>

#include "fft.hpp"
#include "multiversion.hpp"
#include "parallel.hpp"

namespace whitediff {
namespace {

// Rows that are summed as one, and columns so many at a time that the rows of all lags stay in the
// first-level cache.
constexpr int band_rows = 96;
constexpr int widest_strip = 256;
// Rows whose products are added up in registers; bytes hold the number of their pairs.
constexpr int chunk_rows = 36;
// Lags in y that share what is loaded of a row: as many as there are registers for, or those out to
// the reach of noise.
constexpr int together = 13, fewer_together = 7;

constexpr int register_bytes = 64;
template <class T>
using Lanes __attribute__((vector_size(register_bytes))) = T;
template <class T>
constexpr int lanes = register_bytes / static_cast<int>(sizeof(T));
static_assert(chunk_rows * widest_strip / lanes<std::uint8_t> <= 255);

/// Rows of pixels one below the other.
template <class T>
struct RowsOf {
  const T* data;
  std::ptrdiff_t pitch;

  const T* row(int y) const { return data + y * pitch; }
};

/// For some rows r of b, sums of a[r - dy] * b[r], dy = 0 .. count - 1; of bytes, which are 1 or 0,
/// of a[r - dy] & b[r]. The width fills registers.
template <int count, class T, class Sum>
WHITEDIFF_ALWAYS_INLINE void dots(RowsOf<T> a, RowsOf<T> b, int width, int rows, Sum* sums) {
  Lanes<T> parts[count] = {};
  for (int r = 0; r < rows; ++r) {
    for (int x = 0; x < width; x += lanes<T>) {
      Lanes<T> second;
      std::memcpy(&second, b.row(r) + x, sizeof second);
      for (int dy = 0; dy < count; ++dy) {
        const auto& first = *reinterpret_cast<const Lanes<T>*>(a.row(r - dy) + x);
        if constexpr (std::is_integral_v<T>) {
          parts[dy] += first & second;
        } else {
          parts[dy] += first * second;
        }
      }
    }
  }
  for (int dy = 0; dy < count; ++dy) {
    for (int lane = 0; lane < lanes<T>; ++lane) sums[dy] += parts[dy][lane];
  }
}

template <class T, class Sum>
WHITEDIFF_ALWAYS_INLINE void all_dots(RowsOf<T> a, RowsOf<T> b, int width, int rows, int lags,
                                      Sum* sums) {
  int dy = 0;
  for (; dy + together <= lags; dy += together) {
    dots<together>({a.row(-dy), a.pitch}, b, width, rows, sums + dy);
  }
  for (; dy + fewer_together <= lags; dy += fewer_together) {
    dots<fewer_together>({a.row(-dy), a.pitch}, b, width, rows, sums + dy);
  }
  for (; dy < lags; ++dy) dots<1>({a.row(-dy), a.pitch}, b, width, rows, sums + dy);
}

WHITEDIFF_MULTIVERSION
void add_dots(RowsOf<float> a, RowsOf<float> b, int width, int rows, int lags, double* sums) {
  all_dots(a, b, width, rows, lags, sums);
}
WHITEDIFF_MULTIVERSION
void add_dots(RowsOf<double> a, RowsOf<double> b, int width, int rows, int lags, double* sums) {
  all_dots(a, b, width, rows, lags, sums);
}
WHITEDIFF_MULTIVERSION
void add_dots(RowsOf<std::uint8_t> a, RowsOf<std::uint8_t> b, int width, int rows, int lags,
              std::int64_t* sums) {
  all_dots(a, b, width, rows, lags, sums);
}

/// Pixels of one kind, twice: the first ones of pairs, zero above and below the band, and the
/// second ones, with so many columns on both sides, and rows below, as the longest lag.
template <class T>
struct Pixels {
  Pixels(int strip, int lag)
      : wide(strip + 2 * lag),
        first(static_cast<std::size_t>(band_rows + 2 * lag) * strip),
        second(static_cast<std::size_t>(band_rows + lag) * wide + lanes<T>) {}

  int wide;
  fft::Buffer<T> first, second;
};

/// A strip of columns of a band of rows.
template <class T>
class Strip {
 public:
  Strip(const TakenPixels<T>& pixels, int width, int lag)
      : pixels_(pixels),
        width_(width),
        lag_(lag),
        values_(width, lag),
        taken_(width, lag),
        sums_(lag + 1),
        pairs_(lag + 1) {}

  /// @param box  columns of a part beyond the strip are left for another one.
  void load(const Box& box) {
    rows_ = box.height();
    columns_ = std::min(box.width(), width_);
    const auto [height, width] = pixels_.noise.shape();
    const Box read = Box{box.x0 - lag_, box.y0, box.x0 + width_ + lag_, box.y1 + lag_}.clipped(
        {0, 0, width, height});
    std::fill(values_.second.begin(), values_.second.end(), T(0));
    std::fill(taken_.second.begin(), taken_.second.end(), std::uint8_t(0));
    const int offset = read.x0 - (box.x0 - lag_);
    take(pixels_, read, values_.second.data() + offset, taken_.second.data() + offset,
         values_.wide);
    set_first(values_);
    set_first(taken_);
  }

  void add(LagProducts& total) {
    for (int dx = -lag_; dx <= lag_; ++dx) {
      std::fill(sums_.begin(), sums_.end(), 0.0);
      std::fill(pairs_.begin(), pairs_.end(), 0);
      for (int row = 0; row < rows_ + lag_; row += chunk_rows) {
        const int rows = std::min(chunk_rows, rows_ + lag_ - row);
        add_dots(first(values_, row), second(values_, row, dx), width_, rows, lag_ + 1,
                 sums_.data());
        add_dots(first(taken_, row), second(taken_, row, dx), width_, rows, lag_ + 1,
                 pairs_.data());
      }
      for (int dy = 0; dy <= lag_; ++dy) {
        total.products(dy, dx) += sums_[dy];
        total.pairs(dy, dx) += pairs_[dy];
      }
    }
  }

 private:
  template <class Pixel>
  void set_first(Pixels<Pixel>& of) const {
    std::fill(of.first.begin(), of.first.end(), Pixel(0));
    for (int y = 0; y < rows_; ++y) {
      std::copy_n(of.second.data() + static_cast<std::ptrdiff_t>(y) * of.wide + lag_, columns_,
                  of.first.data() + static_cast<std::ptrdiff_t>(y + lag_) * width_);
    }
  }
  template <class Pixel>
  RowsOf<Pixel> first(const Pixels<Pixel>& of, int row) const {
    return {of.first.data() + static_cast<std::ptrdiff_t>(row + lag_) * width_, width_};
  }
  template <class Pixel>
  RowsOf<Pixel> second(const Pixels<Pixel>& of, int row, int dx) const {
    return {of.second.data() + static_cast<std::ptrdiff_t>(row) * of.wide + lag_ + dx, of.wide};
  }

  const TakenPixels<T>& pixels_;
  int width_, lag_, rows_ = 0, columns_ = 0;
  Pixels<T> values_;
  Pixels<std::uint8_t> taken_;
  std::vector<double> sums_;
  std::vector<std::int64_t> pairs_;
};

}  // namespace

template <class T>
std::vector<LagProducts> lag_products(const TakenPixels<T>& pixels, const std::vector<Box>& parts,
                                      int largest_lag, int threads) {
  int width = 1;
  for (const Box& part : parts) width = std::max(width, part.width());
  const int count = (width + widest_strip - 1) / widest_strip;
  constexpr int unit = lanes<std::uint8_t>;
  const int strip = (width + count * unit - 1) / (count * unit) * unit;
  const std::vector<PartBand> bands = bands_of(parts, band_rows);
  std::vector<LagProducts> sums(bands.size(), LagProducts(largest_lag));
  PerThread<Strip<T>> strips(threads);
  parallel_for(bands.size(), threads, [&](std::size_t n) {
    Strip<T>& part = strips.get([&] { return Strip<T>(pixels, strip, largest_lag); });
    const Box& band = bands[n].box;
    for (int x0 = band.x0; x0 < band.x1; x0 += strip) {
      part.load({x0, band.y0, band.x1, band.y1});
      part.add(sums[n]);
    }
  });
  std::vector<LagProducts> totals(parts.size(), LagProducts(largest_lag));
  for (std::size_t n = 0; n < bands.size(); ++n) totals[bands[n].part].add(sums[n]);
  return totals;
}

template std::vector<LagProducts> lag_products(const TakenPixels<float>&, const std::vector<Box>&,
                                               int, int);
template std::vector<LagProducts> lag_products(const TakenPixels<double>&, const std::vector<Box>&,
                                               int, int);

}  // namespace whitediff
