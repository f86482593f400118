#pragma once

#include <cmath>
#include <cstdint>
#include <span>

#include "fft.hpp"
#include "whitediff/geometry.hpp"
#include "whitediff/image.hpp"

namespace whitediff {

/// No pixel and no variance is larger: SWarp and SExtractor write 1e30 where they have no value.
constexpr double largest_value = 1e25;
/// Nor does a pixel exceed the noise by more than this, or a variance the mean variance: the error
/// of a transform in double precision is some 1e-16 of its largest number.
constexpr double largest_ratio = 1e10;
/// The same of float32 transforms: beyond it their error, some 1e-7 of the largest number, is more
/// than 0.01 of the noise.
constexpr double largest_float32_ratio = 1e5;

/// Which pixels of an image have a value.
template <class T>
struct ValueRule {
  T limit = static_cast<T>(largest_value);  ///< The largest magnitude.
  std::int32_t no_value = 0;                ///< Mask bits that say there is none.

  bool is_value(T pixel) const { return std::abs(pixel) <= limit; }
  /// @param bits  of the pixel's row; may be null.
  bool is_value(const T* row, const std::int32_t* bits, int x) const {
    return is_value(row[x]) && !(bits && (bits[x] & no_value));
  }
};

/// What a level is along a row: first + step * x.
template <class T>
struct Ramp {
  T first = 0, step = 0;
};

/// Where the values of a box are, but for noise and sources: a plane.
struct Level {
  double middle = 0.0;  ///< Its value there.
  double dx = 0.0, dy = 0.0;
  Point about;

  double at(double x, double y) const { return middle + dx * (x - about.x) + dy * (y - about.y); }
  /// Its largest magnitude in a box around its middle.
  double largest(const Box& box) const {
    return std::abs(middle) + 0.5 * (std::abs(dx) * box.width() + std::abs(dy) * box.height());
  }
  /// Along row y, from x0 on.
  template <class T>
  Ramp<T> row(int x0, int y) const {
    return {static_cast<T>(at(x0, y)), static_cast<T>(dx)};
  }
};

/// The extremes of the values among some pixels, and whether all of them are values.
template <class T>
struct Extremes {
  T least, greatest;
  bool complete = true;

  explicit Extremes(T limit) : least(limit), greatest(-limit) {}
  void add(const Extremes& other);
  /// No value of a box is farther away from a level; 0 if there is no value.
  double reach(const Level& level, const Box& box) const;
};

/// @param bits  null if the mask says nothing.
template <class T>
Extremes<T> extremes(const T* row, const std::int32_t* bits, int size, const ValueRule<T>& rule);

/// Whether any of the bits is set in a row.
bool any_bit(const std::int32_t* bits, int size, std::int32_t of);

/// Whether all numbers of a row are above `least` and at most `greatest`.
bool all_between(const float* row, int size, float least, float greatest);
bool all_between(const double* row, int size, double least, double greatest);

/// The level of a box: the median of about `count` of its values, in runs of neighbours spread over
/// it, of those that the mask does not ask to ignore, as long as there are any. 0 if the box has no
/// value.
/// @param flat  a slope, told by the medians of the four halves, is followed if the value rises by
///              more than this from the middle to the edge of the box.
/// @param room  to work in: whoever asks often keeps it.
template <class T>
Level level_of(ImageView<const T> image, ImageView<const std::int32_t> mask, std::int32_t ignore,
               const ValueRule<T>& rule, const Box& box, std::size_t count, double flat,
               fft::Room<T>& room);

}  // namespace whitediff
