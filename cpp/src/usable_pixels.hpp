#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <vector>

#include "finite.hpp"
#include "parallel.hpp"
#include "whitediff/statistics.hpp"

namespace whitediff {

/// Copies the finite values whose bits have none of `ignore`, and returns how many there are.
int pack_usable(const float* values, const std::int32_t* bits, std::int32_t ignore, int size,
                float* packed);
int pack_usable(const double* values, const std::int32_t* bits, std::int32_t ignore, int size,
                double* packed);

/// Sums over the finite pixels of some rows, with and without those that are masked.
struct UsableSum {
  double sum = 0.0, masked_sum = 0.0;
  std::size_t count = 0, masked_count = 0;

  UsableSum operator+(const UsableSum& other) const {
    return {sum + other.sum, masked_sum + other.masked_sum, count + other.count,
            masked_count + other.masked_count};
  }

  /// Of the unmasked pixels; of the masked ones if there is no other, and 0 if there is none.
  double mean() const {
    if (count > 0) return sum / static_cast<double>(count);
    return masked_count > 0 ? masked_sum / static_cast<double>(masked_count) : 0.0;
  }
};

/// The finite, unmasked pixels of some rows of a plane.
template <class T>
class UsablePixels {
 public:
  /// @param bits  of the same rows; may be empty.
  UsablePixels(ImageView<const T> values, ImageView<const std::int32_t> bits, std::int32_t ignore)
      : values_(values), bits_(bits), ignore_(ignore) {}

  ImageView<const T> values() const { return values_; }
  ImageView<const std::int32_t> bits() const { return bits_; }

  /// Those inside a box, which must lie inside the rows.
  UsablePixels cut(const Box& box) const {
    return {values_.cut(box), bits_.empty() ? bits_ : bits_.cut(box), ignore_};
  }

  bool usable(int y, int x) const {
    return std::isfinite(values_(y, x)) && (bits_.empty() || !(bits_(y, x) & ignore_));
  }

  /// Calls visit(values, size) with all of them, in pieces of at most `piece`.
  template <class Visit>
  void visit(const Visit& visit) const {
    std::array<T, piece> packed;
    for (int y = 0; y < values_.height(); ++y) {
      for (int x = 0; x < values_.width(); x += piece) {
        const int size = std::min(piece, values_.width() - x);
        const T* values = values_.row(y) + x;
        if (bits_.empty() && whitediff::all_finite(values, size)) {
          visit(values, size);
        } else {
          const std::int32_t* bits = bits_.empty() ? nullptr : bits_.row(y) + x;
          visit(packed.data(), pack_usable(values, bits, ignore_, size, packed.data()));
        }
      }
    }
  }

  bool all_finite() const {
    for (int y = 0; y < values_.height(); ++y) {
      if (!whitediff::all_finite(values_.row(y), values_.width())) return false;
    }
    return true;
  }

  UsableSum sum() const {
    UsableSum total;
    for (int y = 0; y < values_.height(); ++y) {
      const std::int32_t* bits = bits_.empty() ? nullptr : bits_.row(y);
      for (int x = 0; x < values_.width(); ++x) {
        const double value = values_(y, x);
        if (!std::isfinite(value)) continue;
        const bool masked = bits && (bits[x] & ignore_);
        (masked ? total.masked_sum : total.sum) += value;
        ++(masked ? total.masked_count : total.count);
      }
    }
    return total;
  }

  static constexpr int piece = 1024;

 private:
  ImageView<const T> values_;
  ImageView<const std::int32_t> bits_;
  std::int32_t ignore_;
};

/// A plane with its mask in bands of rows, so that bands can be shared out to threads while sums
/// over them stay the same.
template <class T>
class UsableBands {
 public:
  /// Keeps a reference to the plane.
  UsableBands(const Plane<T>& plane, PixelMask mask) : plane_(plane), mask_(std::move(mask)) {}

  Shape shape() const { return plane_.shape(); }
  std::size_t count() const {
    return static_cast<std::size_t>((plane_.shape().height + band_rows - 1) / band_rows);
  }

  UsablePixels<T> rows(const Rows& rows) const {
    if (!mask_.active()) return {plane_.rows(rows), {}, 0};
    return {plane_.rows(rows), mask_.bits.rows(rows), mask_.ignore};
  }

  /// Calls body(band, its pixels) for every band, on threads.
  template <class Body>
  void for_each(int threads, const Body& body) const {
    const bool in_memory = plane_.in_memory() && mask_.bits.in_memory();
    const std::size_t at_once = in_memory ? count() : static_cast<std::size_t>(threads);
    for (std::size_t first = 0; first < count(); first += at_once) {
      const std::size_t bands = std::min(at_once, count() - first);
      const int begin = static_cast<int>(first) * band_rows;
      const int end = std::min(begin + static_cast<int>(bands) * band_rows, shape().height);
      const UsablePixels<T> pixels = rows({begin, end});
      parallel_for(bands, threads, [&](std::size_t n) {
        const int y0 = static_cast<int>(n) * band_rows;
        const int y1 = std::min(y0 + band_rows, end - begin);
        body(first + n, pixels.cut({0, y0, shape().width, y1}));
      });
    }
  }

  bool all_finite(int threads) const {
    std::vector<char> finite(count());
    for_each(threads, [&](std::size_t band, const UsablePixels<T>& pixels) {
      finite[band] = pixels.all_finite();
    });
    return std::all_of(finite.begin(), finite.end(), [](char all) { return all; });
  }

  UsableSum sum(int threads) const {
    std::vector<UsableSum> sums(count());
    for_each(threads,
             [&](std::size_t band, const UsablePixels<T>& pixels) { sums[band] = pixels.sum(); });
    return std::accumulate(sums.begin(), sums.end(), UsableSum());
  }

 private:
  static constexpr int band_rows = 64;

  const Plane<T>& plane_;
  PixelMask mask_;
};

}  // namespace whitediff
