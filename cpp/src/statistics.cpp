#include "whitediff/statistics.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <stdexcept>
#include <vector>

#include "multiversion.hpp"
#include "parallel.hpp"
#include "usable_pixels.hpp"

namespace whitediff {
namespace {

constexpr int clip_rounds = 3;
constexpr double clip_sigmas = 3.0;
constexpr double sigma_of_iqr = 0.741;  // 1 / 1.349, for a normal distribution

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
constexpr int sample_steps = 32;
constexpr std::size_t least_for_histogram = 8192;

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

struct Moments {
  double count = 0.0, sum = 0.0, sum_of_squares = 0.0;
};

/// Of the offsets from the centre that are not beyond the reach.
template <class T>
WHITEDIFF_ALWAYS_INLINE Moments moments_of(const T* values, int size, double center, double reach) {
  double count = 0.0, sum = 0.0, sum_of_squares = 0.0;
#pragma omp simd reduction(+ : count, sum, sum_of_squares)
  for (int i = 0; i < size; ++i) {
    const double offset = values[i] - center;
    const double kept = std::abs(offset) <= reach ? offset : 0.0;
    count += std::abs(offset) <= reach ? 1.0 : 0.0;
    sum += kept;
    sum_of_squares += kept * kept;
  }
  return {count, sum, sum_of_squares};
}

WHITEDIFF_MULTIVERSION Moments moments(const float* values, int size, double center, double reach) {
  return moments_of(values, size, center, reach);
}
WHITEDIFF_MULTIVERSION Moments moments(const double* values, int size, double center,
                                       double reach) {
  return moments_of(values, size, center, reach);
}

/// Statistics of the usable pixels of one plane.
template <class T>
class Statistics {
 public:
  Statistics(const UsableBands<T>& bands, int threads) : bands_(bands), threads_(threads) {
    std::vector<std::size_t> counts(bands.count());
    for_each_band([&](std::size_t band, const UsablePixels<T>& pixels) {
      pixels.visit([&](const T*, int size) { counts[band] += size; });
    });
    for (const std::size_t count : counts) count_ += count;
  }

  std::size_t count() const { return count_; }

  /// The lower quartile, the median and the upper quartile.
  std::array<double, 3> quartiles() {
    std::array<double, 3> quantiles;
    const bool binned = choose_bins();
    if (!binned && mostly_equal_to(low_)) return {low_, low_, low_};
    if (!binned) {
      std::vector<T> values;
      bands_.for_each(1, [&](std::size_t, const UsablePixels<T>& pixels) {
        pixels.visit(
            [&](const T* begin, int size) { values.insert(values.end(), begin, begin + size); });
      });
      for (std::size_t i = 0; i < quantiles.size(); ++i) {
        quantiles[i] = select(values, Rank(fractions[i], count_));
      }
      return quantiles;
    }
    std::array<Wanted, 3> wanted = located(histogram());
    collect(wanted);
    for (std::size_t i = 0; i < quantiles.size(); ++i) {
      quantiles[i] = select(wanted[i].candidates, wanted[i].among);
    }
    return quantiles;
  }

  Moments clipped_moments(double center, double reach) const {
    std::vector<Moments> of_bands(bands_.count());
    for_each_band([&](std::size_t band, const UsablePixels<T>& pixels) {
      pixels.visit([&](const T* values, int size) {
        add(of_bands[band], moments(values, size, center, reach));
      });
    });
    Moments total;
    for (const Moments& of_band : of_bands) add(total, of_band);
    return total;
  }

 private:
  static constexpr std::array<double, 3> fractions{0.25, 0.5, 0.75};

  /// The bins that hold a rank and the next one, and the rank among the values in these bins.
  struct Wanted {
    std::int32_t first_bin = 0, last_bin = 0;
    Rank among{0.0, 1};
    std::vector<T> candidates;
  };

  static void add(Moments& total, const Moments& part) {
    total.count += part.count;
    total.sum += part.sum;
    total.sum_of_squares += part.sum_of_squares;
  }

  template <class Body>
  void for_each_band(const Body& body) const {
    bands_.for_each(threads_, body);
  }

  /// Equal bins between two quantiles of a sample, well outside of the quartiles; false if the
  /// pixels are better ordered at once.
  bool choose_bins() {
    if (count_ < least_for_histogram) return false;
    const Shape shape = bands_.shape();
    const int step_y = std::max(1, shape.height / sample_steps);
    const int step_x = std::max(1, shape.width / sample_steps);
    const UsablePixels<T> pixels = bands_.rows({step_y / 2, shape.height, step_y});
    std::vector<T> sample;
    for (int y = 0; y < pixels.values().height(); ++y) {
      for (int x = step_x / 2; x < shape.width; x += step_x) {
        if (pixels.usable(y, x)) sample.push_back(pixels.values()(y, x));
      }
    }
    if (sample.size() < sample_steps) return false;
    const auto eighth = static_cast<std::ptrdiff_t>(sample.size() / 8);
    std::nth_element(sample.begin(), sample.begin() + eighth, sample.end());
    low_ = sample[eighth];
    std::nth_element(sample.begin(), sample.end() - 1 - eighth, sample.end());
    scale_ = T(bins) / (*(sample.end() - 1 - eighth) - low_);
    return std::isfinite(scale_);
  }

  /// Whether all ranks of the quartiles fall on pixels of one value.
  bool mostly_equal_to(T value) const {
    if (count_ < least_for_histogram) return false;
    std::vector<std::array<std::size_t, 2>> of_bands(bands_.count());
    for_each_band([&](std::size_t band, const UsablePixels<T>& pixels) {
      pixels.visit([&](const T* values, int size) {
        of_bands[band][0] += std::count_if(values, values + size, [=](T v) { return v < value; });
        of_bands[band][1] += std::count(values, values + size, value);
      });
    });
    std::size_t below = 0, equal = 0;
    for (const auto& counts : of_bands) {
      below += counts[0];
      equal += counts[1];
    }
    return below <= Rank(fractions.front(), count_).lower &&
           Rank(fractions.back(), count_).lower + 1 < below + equal;
  }

  template <class Visit>
  void visit_bins(const UsablePixels<T>& pixels, const Visit& visit) const {
    std::array<std::int32_t, UsablePixels<T>::piece> bin;
    pixels.visit([&](const T* values, int size) {
      bin_numbers(values, size, low_, scale_, bin.data());
      visit(values, bin.data(), size);
    });
  }

  std::vector<std::uint64_t> histogram() const {
    using Counts = std::vector<std::uint64_t>;
    std::vector<Counts> of_threads(threads_, Counts(bins + 2));
    for_each_band([&](std::size_t, const UsablePixels<T>& pixels) {
      Counts& counts = of_threads[thread_index()];
      visit_bins(pixels, [&](const T*, const std::int32_t* bin, int size) {
        for (int i = 0; i < size; ++i) ++counts[bin[i]];
      });
    });
    Counts total(bins + 2);
    for (const Counts& counts : of_threads) {
      for (std::size_t i = 0; i < total.size(); ++i) total[i] += counts[i];
    }
    return total;
  }

  std::array<Wanted, 3> located(const std::vector<std::uint64_t>& counts) const {
    std::array<Wanted, 3> wanted;
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      const Rank rank(fractions[i], count_);
      std::size_t below = 0;
      std::int32_t first = 0;
      while (below + counts[first] <= rank.lower) below += counts[first++];
      std::size_t up_to = below + counts[first];
      std::int32_t last = first;
      while (up_to <= std::min(rank.lower + 1, count_ - 1)) up_to += counts[++last];
      wanted[i] = {first, last, rank, {}};
      wanted[i].among.lower -= below;
    }
    return wanted;
  }

  void collect(std::array<Wanted, 3>& wanted) const {
    std::vector<std::array<std::vector<T>, 3>> of_threads(threads_);
    for_each_band([&](std::size_t, const UsablePixels<T>& pixels) {
      auto& candidates = of_threads[thread_index()];
      visit_bins(pixels, [&](const T* values, const std::int32_t* bin, int size) {
        for (std::size_t n = 0; n < wanted.size(); ++n) {
          const auto [first, last] = std::pair(wanted[n].first_bin, wanted[n].last_bin);
          if (!any_between(bin, size, first, last)) continue;
          for (int i = 0; i < size; ++i) {
            if (bin[i] >= first && bin[i] <= last) candidates[n].push_back(values[i]);
          }
        }
      });
    });
    for (const auto& candidates : of_threads) {
      for (std::size_t n = 0; n < wanted.size(); ++n) {
        wanted[n].candidates.insert(wanted[n].candidates.end(), candidates[n].begin(),
                                    candidates[n].end());
      }
    }
  }

  const UsableBands<T>& bands_;
  int threads_;
  std::size_t count_ = 0;
  T low_ = 0, scale_ = 0;
};

}  // namespace

template <class T>
ClippedMean clipped_mean(const Plane<T>& plane, const PixelMask& mask, int n_threads) {
  if (mask.active() && mask.bits.shape() != plane.shape()) {
    throw std::invalid_argument("mask: expected shape " + to_string(plane.shape()) +
                                ", that of the plane, got " + to_string(mask.bits.shape()));
  }
  const UsableBands<T> bands(plane, mask);
  Statistics<T> statistics(bands, thread_count(n_threads));
  if (statistics.count() == 0) return {std::numeric_limits<double>::quiet_NaN(), 0};
  const auto [lower, median, upper] = statistics.quartiles();
  double center = median;
  double sigma = sigma_of_iqr * (upper - lower);
  for (int round = 0; round < clip_rounds; ++round) {
    const auto [count, sum, squares] = statistics.clipped_moments(center, clip_sigmas * sigma);
    if (count == 0.0) break;
    const double shift = sum / count;
    center += shift;
    sigma = std::sqrt(std::max(0.0, squares / count - shift * shift));
  }
  return {center, statistics.count()};
}

template ClippedMean clipped_mean(const Plane<float>&, const PixelMask&, int);
template ClippedMean clipped_mean(const Plane<double>&, const PixelMask&, int);

}  // namespace whitediff
