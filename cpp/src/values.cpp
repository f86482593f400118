#include "values.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <vector>

#include "multiversion.hpp"

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

// Few enough are sorted at once; of more, those between two that lie around the middle of a sample
// are set apart first, in a loop without branches.
constexpr std::size_t many_values = 256;
constexpr std::size_t sampled_values = 32;

/// The value at an index of the values in order.
double value_at(std::vector<double>::iterator begin, std::vector<double>::iterator end,
                std::ptrdiff_t index) {
  std::nth_element(begin, begin + index, end);
  return begin[index];
}

double median(std::vector<double>& values) {
  const auto middle = static_cast<std::ptrdiff_t>(values.size() / 2);
  if (values.size() < many_values) return value_at(values.begin(), values.end(), middle);
  std::array<double, sampled_values> sample;
  const std::size_t step = values.size() / sampled_values;
  for (std::size_t n = 0; n < sampled_values; ++n) sample[n] = values[n * step];
  std::sort(sample.begin(), sample.end());
  const double least = sample[sampled_values / 4], greatest = sample[3 * sampled_values / 4];
  std::vector<double> between(values.size());
  std::ptrdiff_t below = 0, found = 0;
  for (const double value : values) {
    between[found] = value;
    below += value < least;
    found += (value >= least) & (value <= greatest);
  }
  const std::ptrdiff_t index = middle - below;
  // A sample may mislead.
  if (index < 0 || index >= found) return value_at(values.begin(), values.end(), middle);
  return value_at(between.begin(), between.begin() + found, index);
}

struct Pixel {
  double value, x, y;  ///< Place counted from the middle of the box.
};

void take_off(std::vector<Pixel>& pixels, double dx, double dy) {
  for (Pixel& pixel : pixels) pixel.value -= dx * pixel.x + dy * pixel.y;
}

/// How fast the values rise along an axis.
double slope(const std::vector<Pixel>& pixels, double Pixel::*axis) {
  std::vector<double> values[2];
  for (auto& half : values) half.reserve(pixels.size());
  double sums[2] = {0.0, 0.0};
  for (const Pixel& pixel : pixels) {
    const int half = pixel.*axis < 0.0 ? 0 : 1;
    values[half].push_back(pixel.value);
    sums[half] += pixel.*axis;
  }
  if (std::min(values[0].size(), values[1].size()) < least_sample) return 0.0;
  const double distance = sums[1] / static_cast<double>(values[1].size()) -
                          sums[0] / static_cast<double>(values[0].size());
  return (median(values[1]) - median(values[0])) / distance;
}

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
               const ValueRule<T>& rule, const Box& box, std::size_t count, double flat) {
  // Neighbours come with one cache line.
  constexpr int run = 16;
  const auto share = static_cast<double>(box.shape().size()) / static_cast<double>(count);
  int step = std::max(1, static_cast<int>(share <= run ? share : std::sqrt(share * run)));
  Level level;
  level.about = box.center();
  // What the mask asks to ignore comes second.
  std::vector<Pixel> usable, ignored;
  usable.reserve(2 * count);
  for (;;) {
    for (int y = box.y0 + step / 2; y < box.y1; y += step) {
      const T* row = image.row(y);
      const std::int32_t* bits = mask.empty() ? nullptr : mask.row(y);
      for (int x0 = box.x0 + step / 2; x0 < box.x1; x0 += step) {
        const int end = std::min(x0 + std::min(run, step), box.x1);
        for (int x = x0; x < end; ++x) {
          if (!rule.is_value(row, bits, x)) continue;
          (bits && (bits[x] & ignore) ? ignored : usable)
              .push_back({double(row[x]), x - level.about.x, y - level.about.y});
        }
      }
    }
    if (step == 1 || usable.size() >= least_sample) break;
    step = 1;
    usable.clear();
    ignored.clear();
  }
  std::vector<Pixel>& pixels = usable.empty() ? ignored : usable;
  if (pixels.empty()) return level;
  const auto kept = [flat](double slope, int side) {
    return 0.5 * std::abs(slope) * side > flat ? slope : 0.0;
  };
  if (flat < infinity) {
    level.dx = kept(slope(pixels, &Pixel::x), box.width());
    level.dy = kept(slope(pixels, &Pixel::y), box.height());
  }
  if (level.dx != 0.0 || level.dy != 0.0) {
    // These are as uncertain as the values are spread out by them.
    take_off(pixels, level.dx, level.dy);
    const double dx = slope(pixels, &Pixel::x), dy = slope(pixels, &Pixel::y);
    const double kept_x = kept(level.dx + dx, box.width());
    const double kept_y = kept(level.dy + dy, box.height());
    take_off(pixels, kept_x - level.dx, kept_y - level.dy);
    level.dx = kept_x;
    level.dy = kept_y;
  }
  std::vector<double> values(pixels.size());
  std::transform(pixels.begin(), pixels.end(), values.begin(),
                 [](const Pixel& pixel) { return pixel.value; });
  level.middle = median(values);
  return level;
}

template struct Extremes<float>;
template struct Extremes<double>;
template Extremes<float> extremes(const float*, const std::int32_t*, int, const ValueRule<float>&);
template Extremes<double> extremes(const double*, const std::int32_t*, int,
                                   const ValueRule<double>&);
template Level level_of(ImageView<const float>, ImageView<const std::int32_t>, std::int32_t,
                        const ValueRule<float>&, const Box&, std::size_t, double);
template Level level_of(ImageView<const double>, ImageView<const std::int32_t>, std::int32_t,
                        const ValueRule<double>&, const Box&, std::size_t, double);

}  // namespace whitediff
