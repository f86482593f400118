#include "values.hpp"

#include <algorithm>
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

/// What the mask asks to ignore comes second.
template <class T>
struct Sample {
  std::vector<T> usable, ignored;

  T median() {
    std::vector<T>& values = usable.empty() ? ignored : usable;
    if (values.empty()) return T(0);
    const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
    std::nth_element(values.begin(), middle, values.end());
    return *middle;
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
T Extremes<T>::reach(T level) const {
  return least > greatest ? T(0) : std::max(greatest - level, level - least);
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
T level_of(ImageView<const T> image, ImageView<const std::int32_t> mask, std::int32_t ignore,
           const ValueRule<T>& rule, const Box& box, std::size_t count) {
  // Where so few of the pixels are values, all of them are looked at.
  constexpr std::size_t least_sample = 32;
  // Neighbours come with one cache line.
  constexpr int run = 16;
  const auto share = static_cast<double>(box.shape().size()) / static_cast<double>(count);
  int step = std::max(1, static_cast<int>(share <= run ? share : std::sqrt(share * run)));
  Sample<T> sample;
  for (;;) {
    for (int y = box.y0 + step / 2; y < box.y1; y += step) {
      const T* row = image.row(y);
      const std::int32_t* bits = mask.empty() ? nullptr : mask.row(y);
      for (int x0 = box.x0 + step / 2; x0 < box.x1; x0 += step) {
        const int end = std::min(x0 + std::min(run, step), box.x1);
        for (int x = x0; x < end; ++x) {
          if (!rule.is_value(row, bits, x)) continue;
          const bool ignored = bits && (bits[x] & ignore);
          (ignored ? sample.ignored : sample.usable).push_back(row[x]);
        }
      }
    }
    if (step == 1 || sample.usable.size() >= least_sample) return sample.median();
    step = 1;
    sample = {};
  }
}

template struct Extremes<float>;
template struct Extremes<double>;
template Extremes<float> extremes(const float*, const std::int32_t*, int, const ValueRule<float>&);
template Extremes<double> extremes(const double*, const std::int32_t*, int,
                                   const ValueRule<double>&);
template float level_of(ImageView<const float>, ImageView<const std::int32_t>, std::int32_t,
                        const ValueRule<float>&, const Box&, std::size_t);
template double level_of(ImageView<const double>, ImageView<const std::int32_t>, std::int32_t,
                         const ValueRule<double>&, const Box&, std::size_t);

}  // namespace whitediff
