#include "whitediff/statistics.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <vector>

#include "finite.hpp"
#include "multiversion.hpp"

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
    if (!bits && all_finite(row, plane.width())) {
      end = std::copy_n(row, plane.width(), end);
      continue;
    }
    for (int x = 0; x < plane.width(); ++x) {
      *end = row[x];
      end += std::isfinite(row[x]) && !(bits && (bits[x] & mask.ignore));
    }
  }
  values.resize(static_cast<std::size_t>(end - values.data()));
  return values;
}

/// Where a quantile lies among sorted values: between the ranks `lower` and `lower + 1`.
struct Rank {
  std::size_t lower;
  double fraction;

  Rank(double quantile, std::size_t size) {
    const double position = quantile * static_cast<double>(size - 1);
    lower = static_cast<std::size_t>(position);
    fraction = position - static_cast<double>(lower);
  }
};

/// The quantile at a rank of these values, whose order changes.
template <class T>
double select(std::vector<T>& values, Rank rank) {
  const auto at = values.begin() + static_cast<std::ptrdiff_t>(rank.lower);
  std::nth_element(values.begin(), at, values.end());
  if (rank.lower + 1 == values.size()) return *at;
  return std::lerp(double(*at), double(*std::min_element(at + 1, values.end())), rank.fraction);
}

constexpr int bins = 4096;  // and one more at either end for what lies outside
constexpr int chunk = 256;
constexpr std::size_t sample_size = 1024;
constexpr std::size_t least_for_histogram = 8 * sample_size;

template <class T>
WHITEDIFF_ALWAYS_INLINE void bins_of(const T* values, int size, T low, T scale, std::int32_t* bin) {
  for (int i = 0; i < size; ++i) {
    const T position = (values[i] - low) * scale;
    const T clipped = position < T(0) ? T(-1) : position < T(bins) ? position : T(bins);
    bin[i] = static_cast<std::int32_t>(clipped + T(1));
  }
}

WHITEDIFF_MULTIVERSION void bin_numbers(const float* values, int size, float low, float scale,
                                        std::int32_t* bin) {
  bins_of(values, size, low, scale, bin);
}
WHITEDIFF_MULTIVERSION void bin_numbers(const double* values, int size, double low, double scale,
                                        std::int32_t* bin) {
  bins_of(values, size, low, scale, bin);
}

WHITEDIFF_MULTIVERSION bool any_between(const std::int32_t* bin, int size, std::int32_t first,
                                        std::int32_t last) {
  std::int32_t found = 0;
  for (int i = 0; i < size; ++i) found |= bin[i] >= first && bin[i] <= last;
  return found != 0;
}

/// Counts values in equal bins between two quantiles of a sample, so that only the few values in
/// the bin of a rank need to be ordered.
template <class T>
class Histogram {
 public:
  explicit Histogram(const std::vector<T>& values) : values_(values), counts_(bins + 2) {
    std::vector<T> sample;
    for (std::size_t i = 0; i < sample_size; ++i) {
      sample.push_back(values[i * values.size() / sample_size]);
    }
    std::sort(sample.begin(), sample.end());
    // The quartiles are well inside; a range of zero leaves all values in one bin.
    low_ = sample[sample_size / 8];
    const T range = sample[sample_size - sample_size / 8] - low_;
    scale_ = range > T(0) ? T(bins) / range : T(0);
    for_each_chunk([&](const T*, const std::int32_t* bin, int size) {
      for (int i = 0; i < size; ++i) ++counts_[bin[i]];
    });
  }

  /// The quantiles of the values, in the order of the fractions, which increase.
  template <std::size_t n>
  std::array<double, n> quantiles(const std::array<double, n>& fractions) const {
    std::vector<Wanted> wanted;
    for (const double fraction : fractions)
      wanted.push_back(locate(Rank(fraction, values_.size())));
    for_each_chunk([&](const T* values, const std::int32_t* bin, int size) {
      for (Wanted& rank : wanted) {
        if (!any_between(bin, size, rank.first_bin, rank.last_bin)) continue;
        for (int i = 0; i < size; ++i) {
          if (bin[i] >= rank.first_bin && bin[i] <= rank.last_bin) {
            rank.candidates.push_back(values[i]);
          }
        }
      }
    });
    std::array<double, n> quantiles;
    for (std::size_t i = 0; i < n; ++i) {
      quantiles[i] = select(wanted[i].candidates, wanted[i].among);
    }
    return quantiles;
  }

 private:
  /// The bins that hold a rank and the next one, and the rank among the values in these bins.
  struct Wanted {
    std::int32_t first_bin, last_bin;
    Rank among;
    std::vector<T> candidates;
  };

  Wanted locate(const Rank& rank) const {
    std::size_t below = 0;
    std::int32_t first = 0;
    while (below + counts_[first] <= rank.lower) below += counts_[first++];
    std::size_t up_to = below + counts_[first];
    std::int32_t last = first;
    while (up_to <= std::min(rank.lower + 1, values_.size() - 1)) up_to += counts_[++last];
    Rank among(rank);
    among.lower -= below;
    return {first, last, among, {}};
  }

  template <class Visit>
  void for_each_chunk(const Visit& visit) const {
    std::int32_t bin[chunk];
    for (std::size_t first = 0; first < values_.size(); first += chunk) {
      const int size = static_cast<int>(std::min<std::size_t>(chunk, values_.size() - first));
      bin_numbers(values_.data() + first, size, low_, scale_, bin);
      visit(values_.data() + first, bin, size);
    }
  }

  const std::vector<T>& values_;
  std::vector<std::uint32_t> counts_;
  T low_, scale_;
};

struct Moments {
  double count = 0.0, sum = 0.0, sum_of_squares = 0.0;
};

/// Of the offsets from the centre that are not beyond the reach.
template <class T>
WHITEDIFF_ALWAYS_INLINE Moments moments_of(const T* values, std::size_t size, double center,
                                           double reach) {
  double count = 0.0, sum = 0.0, sum_of_squares = 0.0;
#pragma omp simd reduction(+ : count, sum, sum_of_squares)
  for (std::size_t i = 0; i < size; ++i) {
    const double offset = values[i] - center;
    const double kept = std::abs(offset) <= reach ? offset : 0.0;
    count += std::abs(offset) <= reach ? 1.0 : 0.0;
    sum += kept;
    sum_of_squares += kept * kept;
  }
  return {count, sum, sum_of_squares};
}

WHITEDIFF_MULTIVERSION Moments clipped_moments(const float* values, std::size_t size, double center,
                                               double reach) {
  return moments_of(values, size, center, reach);
}
WHITEDIFF_MULTIVERSION Moments clipped_moments(const double* values, std::size_t size,
                                               double center, double reach) {
  return moments_of(values, size, center, reach);
}

/// Lower quartile, median, upper quartile.
template <class T>
std::array<double, 3> quartiles(std::vector<T>& values) {
  constexpr std::array<double, 3> fractions{0.25, 0.5, 0.75};
  if (values.size() >= least_for_histogram) return Histogram<T>(values).quantiles(fractions);
  std::array<double, 3> quantiles;
  for (std::size_t i = 0; i < fractions.size(); ++i) {
    quantiles[i] = select(values, Rank(fractions[i], values.size()));
  }
  return quantiles;
}

}  // namespace

template <class T>
ClippedMean clipped_mean(ImageView<const T> plane, const PixelMask& mask) {
  if (mask.active() && mask.bits.shape() != plane.shape()) {
    throw std::invalid_argument("mask: expected shape " + to_string(plane.shape()) +
                                ", that of the plane, got " + to_string(mask.bits.shape()));
  }
  std::vector<T> values = usable_pixels(plane, mask);
  if (values.empty()) return {std::numeric_limits<double>::quiet_NaN(), 0};
  const auto [lower, median, upper] = quartiles(values);
  double center = median;
  double sigma = sigma_of_iqr * (upper - lower);
  for (int round = 0; round < clip_rounds; ++round) {
    const auto [count, sum, squares] =
        clipped_moments(values.data(), values.size(), center, clip_sigmas * sigma);
    if (count == 0.0) break;
    const double shift = sum / count;
    center += shift;
    sigma = std::sqrt(std::max(0.0, squares / count - shift * shift));
  }
  return {center, values.size()};
}

template ClippedMean clipped_mean(ImageView<const float>, const PixelMask&);
template ClippedMean clipped_mean(ImageView<const double>, const PixelMask&);

}  // namespace whitediff
