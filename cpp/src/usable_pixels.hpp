#pragma once

#include <algorithm>
#include <array>
#include <cmath>

#include "parallel.hpp"
#include "values.hpp"
#include "whitediff/statistics.hpp"

namespace whitediff {

/// Copies the values above `least` whose bits have none of `ignore`, and returns how many there
/// are.
int pack_usable(const float* values, const std::int32_t* bits, std::int32_t ignore, float least,
                int size, float* packed);
int pack_usable(const double* values, const std::int32_t* bits, std::int32_t ignore, double least,
                int size, double* packed);

/// The unmasked values of some rows of a plane.
template <class T>
class UsablePixels {
 public:
  /// @param bits   of the same rows; may be empty.
  /// @param least  values are above it.
  UsablePixels(ImageView<const T> values, ImageView<const std::int32_t> bits, std::int32_t ignore,
               T least)
      : values_(values), bits_(bits), ignore_(ignore), least_(least) {}

  ImageView<const T> values() const { return values_; }
  ImageView<const std::int32_t> bits() const { return bits_; }

  /// Those of rows y0 .. y1 - 1.
  UsablePixels cut(int y0, int y1) const {
    const Box box{0, y0, values_.width(), y1};
    return {values_.cut(box), bits_.empty() ? bits_ : bits_.cut(box), ignore_, least_};
  }

  bool usable(int y, int x) const {
    const T value = values_(y, x);
    return value > least_ && value <= T(largest_value) &&
           (bits_.empty() || !(bits_(y, x) & ignore_));
  }

  /// Calls visit(values, size) with all of them, in pieces of at most `piece`.
  template <class Visit>
  void visit(const Visit& visit) const {
    std::array<T, piece> packed;
    for (int y = 0; y < values_.height(); ++y) {
      for (int x = 0; x < values_.width(); x += piece) {
        const int size = std::min(piece, values_.width() - x);
        const T* values = values_.row(y) + x;
        if (bits_.empty() && all_between(values, size, least_, T(largest_value))) {
          visit(values, size);
        } else {
          const std::int32_t* bits = bits_.empty() ? nullptr : bits_.row(y) + x;
          visit(packed.data(), pack_usable(values, bits, ignore_, least_, size, packed.data()));
        }
      }
    }
  }

  static constexpr int piece = 1024;

 private:
  ImageView<const T> values_;
  ImageView<const std::int32_t> bits_;
  std::int32_t ignore_;
  T least_;
};

/// A plane with its mask in bands of rows, so that bands can be shared out to threads while sums
/// over them stay the same.
template <class T>
class UsableBands {
 public:
  /// Keeps a reference to the plane.
  /// @param least  values are above it.
  UsableBands(const Plane<T>& plane, PixelMask mask, double least = -largest_value)
      : plane_(plane), mask_(std::move(mask)), least_(static_cast<T>(least)) {}

  Shape shape() const { return plane_.shape(); }
  std::size_t count() const {
    return static_cast<std::size_t>((plane_.shape().height + band_rows - 1) / band_rows);
  }

  UsablePixels<T> rows(const Rows& rows) const {
    if (!mask_.active()) return {plane_.rows(rows), {}, 0, least_};
    return {plane_.rows(rows), mask_.bits.rows(rows), mask_.ignore, least_};
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
        body(first + n, pixels.cut(y0, std::min(y0 + band_rows, end - begin)));
      });
    }
  }

 private:
  static constexpr int band_rows = 64;

  const Plane<T>& plane_;
  PixelMask mask_;
  T least_;
};

}  // namespace whitediff
