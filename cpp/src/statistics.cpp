#include "whitediff/statistics.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <vector>


namespace whitediff {
namespace {

constexpr int clip_rounds = 3;
constexpr double clip_sigmas = 3.0;
constexpr double sigma_of_iqr = 0.741;  // 1 / 1.349, for a normal distribution

/// Finite, unmasked pixels, packed.
template <class T>
std::vector<T> usable_pixels(ImageView<const T> plane, const PixelMask& mask) {
  std::vector<T> values(plane.shape().size());
  T* end = values.data();
  for (int y = 0; y < plane.height(); ++y) {
    const T* row = plane.row(y);
    const std::int32_t* bits = mask.active() ? mask.bits.row(y) : nullptr;
    for (int x = 0; x < plane.width(); ++x) {
      *end = row[x];
      end += std::isfinite(row[x]) && !(bits && (bits[x] & mask.ignore));
    }
  }
  values.resize(static_cast<std::size_t>(end - values.data()));
  return values;
}

/// The values at the ranks `lower` and `lower + 1` around a quantile, mixed linearly.
template <class T>
double quantile(std::vector<T>& values, double fraction) {
  const double rank = fraction * static_cast<double>(values.size() - 1);
  const auto lower = static_cast<std::size_t>(rank);
  const auto at = values.begin() + static_cast<std::ptrdiff_t>(lower);
  std::nth_element(values.begin(), at, values.end());
  const double low = *at;
  if (lower + 1 == values.size()) return low;
  const double high = *std::min_element(at + 1, values.end());
  return std::lerp(low, high, rank - static_cast<double>(lower));
}

}  // namespace

template <class T>
ClippedMean clipped_mean(ImageView<const T> plane, const PixelMask& mask) {
  if (mask.active() && mask.bits.shape() != plane.shape()) {
    throw std::invalid_argument("mask: expected shape " + to_string(plane.shape()) +
                                ", that of the plane, got " + to_string(mask.bits.shape()));
  }
  std::vector<T> values = usable_pixels(plane, mask);
  if (values.empty()) {
    const double nan = std::numeric_limits<double>::quiet_NaN();
    return {nan, 0, nan};
  }
  double center = quantile(values, 0.5);
  double sigma = sigma_of_iqr * (quantile(values, 0.75) - quantile(values, 0.25));
  for (int round = 0; round < clip_rounds; ++round) {
    const double reach = clip_sigmas * sigma;
    double count = 0.0, sum = 0.0, sum_of_squares = 0.0;
    for (const T value : values) {
      const double offset = value - center;
      const double kept = std::abs(offset) <= reach ? 1.0 : 0.0;
      count += kept;
      sum += kept * offset;
      sum_of_squares += kept * offset * offset;
    }
    if (count == 0.0) break;
    const double shift = sum / count;
    center += shift;
    sigma = std::sqrt(std::max(0.0, sum_of_squares / count - shift * shift));
  }
  return {center, values.size(), static_cast<double>(*std::min_element(values.begin(), values.end()))};
}

template ClippedMean clipped_mean(ImageView<const float>, const PixelMask&);
template ClippedMean clipped_mean(ImageView<const double>, const PixelMask&);

}  // namespace whitediff
