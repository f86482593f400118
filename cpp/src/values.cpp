#include "values.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <span>
#include <tuple>
#include <utility>

#include "multiversion.hpp"
#include "rank.hpp"

namespace whitediff {
namespace {

template <class T>
WHITEDIFF_ALWAYS_INLINE bool find_extremes(const T* row, int size, T limit, T& least, T& greatest) {
  T low = least, high = greatest;
  int others = 0;
#pragma omp simd reduction(min : low) reduction(max : high) reduction(| : others)
  for (int x = 0; x < size; ++x) {
    const bool value = std::abs(row[x]) <= limit;
    const T at_least = value ? row[x] : limit, at_most = value ? row[x] : -limit;
    low = at_least < low ? at_least : low;
    high = at_most > high ? at_most : high;
    others |= !value;
  }
  least = low;
  greatest = high;
  return others == 0;
}

WHITEDIFF_MULTIVERSION bool widen(const float* row, int size, float limit, float& least,
                                  float& greatest) {
  return find_extremes(row, size, limit, least, greatest);
}
WHITEDIFF_MULTIVERSION bool widen(const double* row, int size, double limit, double& least,
                                  double& greatest) {
  return find_extremes(row, size, limit, least, greatest);
}

template <class T>
WHITEDIFF_ALWAYS_INLINE bool none_outside(const T* row, int size, T least, T greatest) {
  int outside = 0;
  for (int x = 0; x < size; ++x) outside |= !(row[x] > least && row[x] <= greatest);
  return outside == 0;
}

// Where so few of the pixels are values, all of them are looked at.
constexpr std::size_t least_sample = 32;
constexpr double infinity = std::numeric_limits<double>::infinity();

template <class T>
WHITEDIFF_ALWAYS_INLINE double sum_of(const T* values, std::size_t size) {
  double total = 0.0;
#pragma omp simd reduction(+ : total)
  for (std::size_t n = 0; n < size; ++n) total += static_cast<double>(values[n]);
  return total;
}

WHITEDIFF_MULTIVERSION double sum(const float* values, std::size_t size) {
  return sum_of(values, size);
}
WHITEDIFF_MULTIVERSION double sum(const double* values, std::size_t size) {
  return sum_of(values, size);
}

/// Some pixels: values, and places counted from the middle of a box.
template <class T>
class Pixels {
 public:
  /// @param room  for three times as many numbers as there are pixels at most.
  Pixels(T* room, std::size_t most) : values_(room), x_(room + most), y_(room + 2 * most) {}

  std::size_t size() const { return size_; }
  std::span<const T> values() const { return {values_, size_}; }
  double sum_of_x() const { return sum(x_, size_); }
  double sum_of_y() const { return sum(y_, size_); }

  void add(T value, T x, T y) {
    values_[size_] = value;
    x_[size_] = x;
    y_[size_] = y;
    ++size_;
  }
  /// Neighbours in a row.
  void add_row(const T* row, int size, T first_x, T y) {
    std::copy_n(row, size, values_ + size_);
    for (int n = 0; n < size; ++n) x_[size_ + n] = first_x + static_cast<T>(n);
    std::fill_n(y_ + size_, size, y);
    size_ += size;
  }
  void take_off(T dx, T dy) {
    for (std::size_t n = 0; n < size_; ++n) values_[n] -= dx * x_[n] + dy * y_[n];
  }

 private:
  T *values_, *x_, *y_;
  std::size_t size_ = 0;
};

/// How fast values rise from the pixels of two quarters of a box to those of the others.
template <class T>
double slope(const Pixels<T>& a, const Pixels<T>& b, const Pixels<T>& c, const Pixels<T>& d,
             double (Pixels<T>::*sum_of)() const) {
  const std::size_t before = a.size() + b.size(), after = c.size() + d.size();
  if (std::min(before, after) < least_sample) return 0.0;
  const double distance = ((c.*sum_of)() + (d.*sum_of)()) / static_cast<double>(after) -
                          ((a.*sum_of)() + (b.*sum_of)()) / static_cast<double>(before);
  return (double(median<T>({c.values(), d.values()})) - median<T>({a.values(), b.values()})) /
         distance;
}

/// The pixels of the quarters of a box: on either side above, and below.
template <class T>
struct Quarters {
  std::array<Pixels<T>, 4> of;

  /// How many numbers there must be room for.
  static constexpr std::size_t room_for(std::size_t most) { return 12 * most; }

  /// @param most  pixels in any of them.
  Quarters(T* room, std::size_t most)
      : of{Pixels<T>(room, most), Pixels<T>(room + 3 * most, most),
           Pixels<T>(room + 6 * most, most), Pixels<T>(room + 9 * most, most)} {}

  std::size_t size() const { return of[0].size() + of[1].size() + of[2].size() + of[3].size(); }
  double median() const {
    return whitediff::median<T>({of[0].values(), of[1].values(), of[2].values(), of[3].values()});
  }
  double slope_in_x() const { return slope(of[0], of[2], of[1], of[3], &Pixels<T>::sum_of_x); }
  double slope_in_y() const { return slope(of[0], of[1], of[2], of[3], &Pixels<T>::sum_of_y); }
  void take_off(double dx, double dy) {
    for (Pixels<T>& pixels : of) pixels.take_off(static_cast<T>(dx), static_cast<T>(dy));
  }
};

}  // namespace

WHITEDIFF_MULTIVERSION bool any_bit(const std::int32_t* bits, int size, std::int32_t of) {
  std::int32_t found = 0;
  for (int x = 0; x < size; ++x) found |= bits[x] & of;
  return found != 0;
}

WHITEDIFF_MULTIVERSION bool all_between(const float* row, int size, float least, float greatest) {
  return none_outside(row, size, least, greatest);
}
WHITEDIFF_MULTIVERSION bool all_between(const double* row, int size, double least,
                                        double greatest) {
  return none_outside(row, size, least, greatest);
}

template <class T>
void Extremes<T>::add(const Extremes& other) {
  least = std::min(least, other.least);
  greatest = std::max(greatest, other.greatest);
  complete = complete && other.complete;
}

template <class T>
double Extremes<T>::reach(const Level& level, const Box& box) const {
  if (least > greatest) return 0.0;
  const auto [middle, dx, dy, about] = level;
  const double half = 0.5 * (std::abs(dx) * box.width() + std::abs(dy) * box.height());
  return half + std::max(greatest - middle, middle - least);
}

template <class T>
Extremes<T> extremes(const T* row, const std::int32_t* bits, int size, const ValueRule<T>& rule) {
  Extremes<T> found(rule.limit);
  if (!bits || !any_bit(bits, size, rule.no_value)) {
    found.complete = widen(row, size, rule.limit, found.least, found.greatest);
    return found;
  }
  found.complete = false;
  for (int x = 0; x < size; ++x) {
    if (!rule.is_value(row, bits, x)) continue;
    found.least = std::min(found.least, row[x]);
    found.greatest = std::max(found.greatest, row[x]);
  }
  return found;
}

template <class T>
Level level_of(ImageView<const T> image, ImageView<const std::int32_t> mask, std::int32_t ignore,
               const ValueRule<T>& rule, const Box& box, std::size_t count, double flat,
               fft::Room<T>& room) {
  // Neighbours come with one cache line.
  constexpr int run = 16;
  const auto share = static_cast<double>(box.shape().size()) / static_cast<double>(count);
  const int step = std::max(1, static_cast<int>(share <= run ? share : std::sqrt(share * run)));
  Level level;
  level.about = box.center();
  const int middle_x = static_cast<int>(std::ceil(level.about.x));
  // What the mask asks to ignore comes second.
  const auto all_at = [&](int apart, fft::Room<T>& numbers) {
    // Runs that touch are one.
    const bool touch = apart <= run;
    const int length = touch ? box.width() : run, next = touch ? length : apart;
    const int rows = box.height() / 2 / apart + 2;
    const int columns = touch ? box.width() / 2 + 1 : (box.width() / 2 / apart + 2) * run;
    const std::size_t most = static_cast<std::size_t>(rows) * columns;
    const std::size_t needed = Quarters<T>::room_for(most);
    numbers.resize(std::max(numbers.size(), mask.empty() ? needed : 2 * needed));
    Quarters<T> usable(numbers.data(), most);
    Quarters<T> ignored =
        mask.empty() ? Quarters<T>(nullptr, 0) : Quarters<T>(numbers.data() + needed, most);
    for (int y = box.y0 + apart / 2; y < box.y1; y += apart) {
      const T* row = image.row(y);
      const std::int32_t* bits = mask.empty() ? nullptr : mask.row(y);
      const auto at_y = static_cast<T>(y - level.about.y);
      const int above = 2 * (at_y >= T(0));
      const auto add = [&](int quarter, int begin, int end) {
        if (begin >= end) return;
        const int size = end - begin;
        const auto at_x = static_cast<T>(begin - level.about.x);
        const bool marked = bits && any_bit(bits + begin, size, ignore | rule.no_value);
        if (!marked && all_between(row + begin, size, -rule.limit, rule.limit)) {
          usable.of[quarter].add_row(row + begin, size, at_x, at_y);
          return;
        }
        for (int x = begin; x < end; ++x) {
          if (!rule.is_value(row, bits, x)) continue;
          Quarters<T>& pixels = bits && (bits[x] & ignore) ? ignored : usable;
          pixels.of[quarter].add(row[x], at_x + static_cast<T>(x - begin), at_y);
        }
      };
      for (int x0 = box.x0 + apart / 2; x0 < box.x1; x0 += next) {
        const int end = std::min(x0 + length, box.x1);
        add(above, x0, std::min(end, middle_x));
        add(above + 1, std::max(x0, middle_x), end);
      }
    }
    return std::pair(usable, ignored);
  };
  fft::Room<T> room_for_all;
  auto [usable, ignored] = all_at(step, room);
  if (step > 1 && usable.size() < least_sample) {
    std::tie(usable, ignored) = all_at(1, room_for_all);
  }
  Quarters<T>& pixels = usable.size() == 0 ? ignored : usable;
  if (pixels.size() == 0) return level;
  const auto kept = [flat](double slope, int side) {
    return 0.5 * std::abs(slope) * side > flat ? slope : 0.0;
  };
  if (flat < infinity) {
    level.dx = kept(pixels.slope_in_x(), box.width());
    level.dy = kept(pixels.slope_in_y(), box.height());
  }
  if (level.dx != 0.0 || level.dy != 0.0) {
    // These are as uncertain as the values are spread out by them.
    pixels.take_off(level.dx, level.dy);
    const double kept_x = kept(level.dx + pixels.slope_in_x(), box.width());
    const double kept_y = kept(level.dy + pixels.slope_in_y(), box.height());
    pixels.take_off(kept_x - level.dx, kept_y - level.dy);
    level.dx = kept_x;
    level.dy = kept_y;
  }
  level.middle = pixels.median();
  return level;
}

template struct Extremes<float>;
template struct Extremes<double>;
template Extremes<float> extremes(const float*, const std::int32_t*, int, const ValueRule<float>&);
template Extremes<double> extremes(const double*, const std::int32_t*, int,
                                   const ValueRule<double>&);
template Level level_of(ImageView<const float>, ImageView<const std::int32_t>, std::int32_t,
                        const ValueRule<float>&, const Box&, std::size_t, double,
                        fft::Room<float>&);
template Level level_of(ImageView<const double>, ImageView<const std::int32_t>, std::int32_t,
                        const ValueRule<double>&, const Box&, std::size_t, double,
                        fft::Room<double>&);

}  // namespace whitediff
