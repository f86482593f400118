#include "whitediff/statistics.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>
#include <vector>

#include "multiversion.hpp"
#include "parallel.hpp"
#include "rank.hpp"
#include "require.hpp"
#include "usable_pixels.hpp"

namespace whitediff {
namespace {

constexpr int clip_rounds = 3;
constexpr double clip_sigmas = 3.0;

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

// And one more at either end for what lies outside.
constexpr int bins_of_sample = 512, bins_of_plane = 4096;
constexpr std::size_t least_for_all_bins = std::size_t{1} << 17;
constexpr double reach_of_bins = 8.0;  // on either side of the median, in interquartile ranges
constexpr int sample_steps = 32;
constexpr std::size_t least_for_histogram = 2048;
// Bins by which limits may lie off their prediction from a histogram.
constexpr int margin = 4;

template <class T>
WHITEDIFF_ALWAYS_INLINE void bins_of(const T* values, int size, T low, T scale, int bins,
                                     std::int32_t* bin) {
  for (int i = 0; i < size; ++i) {
    const T position = (values[i] - low) * scale;
    const T clipped = position < T(0) ? T(-1) : position < T(bins) ? position : T(bins);
    bin[i] = static_cast<std::int32_t>(clipped + T(1));
  }
}

WHITEDIFF_MULTIVERSION void bin_numbers(const float* values, int size, float low, float scale,
                                        int bins, std::int32_t* bin) {
  bins_of(values, size, low, scale, bins, bin);
}
WHITEDIFF_MULTIVERSION void bin_numbers(const double* values, int size, double low, double scale,
                                        int bins, std::int32_t* bin) {
  bins_of(values, size, low, scale, bins, bin);
}

/// Copies the values in bins first .. last, which are few, and returns their number.
template <class T>
WHITEDIFF_ALWAYS_INLINE int pack(const T* values, const std::int32_t* bin, int size,
                                 std::int32_t first, std::int32_t last, T* packed) {
  constexpr int run = 32;
  int count = 0;
  int begin = 0;
  for (; begin + run <= size; begin += run) {
    std::int32_t found = 0;
    for (int i = begin; i < begin + run; ++i) found |= bin[i] >= first && bin[i] <= last;
    if (!found) continue;
    for (int i = begin; i < begin + run; ++i) {
      packed[count] = values[i];
      count += bin[i] >= first && bin[i] <= last;
    }
  }
  for (; begin < size; ++begin) {
    packed[count] = values[begin];
    count += bin[begin] >= first && bin[begin] <= last;
  }
  return count;
}

WHITEDIFF_MULTIVERSION int pack_between(const float* values, const std::int32_t* bin, int size,
                                        std::int32_t first, std::int32_t last, float* packed) {
  return pack(values, bin, size, first, last, packed);
}
WHITEDIFF_MULTIVERSION int pack_between(const double* values, const std::int32_t* bin, int size,
                                        std::int32_t first, std::int32_t last, double* packed) {
  return pack(values, bin, size, first, last, packed);
}

struct Moments {
  double count = 0.0, sum = 0.0, sum_of_squares = 0.0;

  void add(const Moments& other) {
    count += other.count;
    sum += other.sum;
    sum_of_squares += other.sum_of_squares;
  }
  void add(double offset) { add({1.0, offset, offset * offset}); }
  double mean() const { return sum / count; }
  double deviation() const {
    return std::sqrt(std::max(0.0, sum_of_squares / count - mean() * mean()));
  }
};

/// Of the offsets from an origin of the values in bins first .. last.
template <class T>
WHITEDIFF_ALWAYS_INLINE Moments moments_of(const T* values, const std::int32_t* bin, int size,
                                           std::int32_t first, std::int32_t last, double origin) {
  double count = 0.0, sum = 0.0, sum_of_squares = 0.0;
#pragma omp simd reduction(+ : count, sum, sum_of_squares)
  for (int i = 0; i < size; ++i) {
    const double weight = bin[i] >= first && bin[i] <= last ? 1.0 : 0.0;
    const double offset = weight * (values[i] - origin);
    count += weight;
    sum += offset;
    sum_of_squares += offset * offset;
  }
  return {count, sum, sum_of_squares};
}

WHITEDIFF_MULTIVERSION Moments moments(const float* values, const std::int32_t* bin, int size,
                                       std::int32_t first, std::int32_t last, double origin) {
  return moments_of(values, bin, size, first, last, origin);
}
WHITEDIFF_MULTIVERSION Moments moments(const double* values, const std::int32_t* bin, int size,
                                       std::int32_t first, std::int32_t last, double origin) {
  return moments_of(values, bin, size, first, last, origin);
}

/// Bins first .. last, and the values in them.
template <class T>
struct Stretch {
  std::int32_t first = 0, last = 0;
  std::vector<T> values = {};

  bool holds_well(std::int32_t bin) const { return bin > first && bin < last; }
};

/// Three rounds of clipping: `moments_within(center, reach)` gives those of the offsets from the
/// centre. Empty if it gives nothing.
template <class Within>
std::optional<double> clip(const std::array<double, 3>& quartiles, const Within& moments_within) {
  double center = quartiles[1];
  double sigma = sigma_of_iqr * (quartiles[2] - quartiles[0]);
  for (int round = 0; round < clip_rounds; ++round) {
    const std::optional<Moments> kept = moments_within(center, clip_sigmas * sigma);
    if (!kept) return std::nullopt;
    if (kept->count == 0.0) break;
    center += kept->mean();
    sigma = kept->deviation();
  }
  return center;
}

/// Statistics of the usable pixels of one plane.
template <class T>
class Statistics {
 public:
  Statistics(const UsableBands<T>& bands, int threads)
      : bands_(bands),
        threads_(threads),
        bins_(bands.shape().size() < least_for_all_bins ? bins_of_sample : bins_of_plane) {}

  ClippedMean clipped_mean() {
    if (bands_.shape().size() >= least_for_histogram && look_at_sample()) {
      const std::optional<double> mean = scale_ > T(0) ? mean_by_bins() : mean_of_equals();
      if (mean) return {*mean, count_};
    }
    return mean_of_all();
  }

 private:
  static constexpr std::array<double, 3> fractions{0.25, 0.5, 0.75};

  template <class Body>
  void for_each_band(const Body& body) const {
    bands_.for_each(threads_, body);
  }

  /// Bins around the median of a sample; of no width if most of it is equal. False if the sample
  /// tells nothing.
  bool look_at_sample() {
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
    const auto quantile = [&](double fraction) {
      return static_cast<T>(select(sample, Rank(fraction, sample.size())));
    };
    const T range = quantile(fractions[2]) - quantile(fractions[0]);
    origin_ = quantile(fractions[1]);
    low_ = origin_ - T(reach_of_bins) * range;
    scale_ = range > T(0) ? T(bins_) / (T(2 * reach_of_bins) * range) : T(0);
    return std::isfinite(scale_) && std::isfinite(low_);
  }

  /// All pixels, ordered at once: for planes that are small or out of the common.
  ClippedMean mean_of_all() const {
    std::vector<T> values;
    bands_.for_each(1, [&](std::size_t, const UsablePixels<T>& pixels) {
      pixels.visit(
          [&](const T* begin, int size) { values.insert(values.end(), begin, begin + size); });
    });
    if (values.empty()) return {std::numeric_limits<double>::quiet_NaN(), 0};
    std::array<double, 3> quartiles;
    for (std::size_t i = 0; i < quartiles.size(); ++i) {
      quartiles[i] = select(values, Rank(fractions[i], values.size()));
    }
    const auto within = [&](double center, double reach) -> std::optional<Moments> {
      Moments kept;
      for (const T value : values) {
        const double offset = value - center;
        if (std::abs(offset) <= reach) kept.add(offset);
      }
      return kept;
    };
    return {*clip(quartiles, within), values.size()};
  }

  /// The value that the pixels of all quartiles have, if they do: sigma is zero then.
  std::optional<double> mean_of_equals() {
    struct Counts {
      std::size_t below = 0, equal = 0, all = 0;
    };
    std::vector<Counts> of_bands(bands_.count());
    for_each_band([&](std::size_t band, const UsablePixels<T>& pixels) {
      Counts& counts = of_bands[band];
      pixels.visit([&](const T* values, int size) {
        for (int i = 0; i < size; ++i) {
          counts.below += values[i] < origin_;
          counts.equal += values[i] == origin_;
        }
        counts.all += size;
      });
    });
    Counts total;
    for (const Counts& counts : of_bands) {
      total.below += counts.below;
      total.equal += counts.equal;
      total.all += counts.all;
    }
    count_ = total.all;
    const bool equal = total.below <= Rank(fractions.front(), count_).lower &&
                       Rank(fractions.back(), count_).lower + 1 < total.below + total.equal;
    return equal ? std::optional<double>(origin_) : std::nullopt;
  }

  /// In two passes: a histogram tells in which bins the quartiles and the limits of each round
  /// lie; their values are collected, and all between the limits need no more than their moments.
  /// Nothing if the distribution is so strange that the limits lie elsewhere.
  std::optional<double> mean_by_bins() {
    count_bins();
    if (count_ < least_for_histogram) return std::nullopt;
    locate_quartiles();
    if (!locate_limits()) return std::nullopt;
    collect();
    std::array<double, 3> quartiles;
    for (std::size_t i = 0; i < quartiles.size(); ++i) {
      quartiles[i] = select(quartile_[i].values, among_[i]);
    }
    for (Stretch<T>& limit : limit_) std::sort(limit.values.begin(), limit.values.end());
    return clip(quartiles, [&](double center, double reach) -> std::optional<Moments> {
      if (!limit_[0].holds_well(bin_of(center - reach))) return std::nullopt;
      if (!limit_[1].holds_well(bin_of(center + reach))) return std::nullopt;
      // From offsets from the origin to those from the centre.
      const double shift = origin_ - center;
      Moments kept{core_.count, core_.sum + core_.count * shift,
                   core_.sum_of_squares + shift * (2.0 * core_.sum + core_.count * shift)};
      for (const Stretch<T>& limit : limit_) {
        for (const T value : limit.values) {
          const double offset = value - center;
          if (std::abs(offset) <= reach) kept.add(offset);
        }
      }
      return kept;
    });
  }

  std::int32_t bin_of(double value) const {
    std::int32_t bin;
    const auto rounded = static_cast<T>(value);
    bins_of(&rounded, 1, low_, scale_, bins_, &bin);
    return bin;
  }

  template <class Visit>
  void visit_bins(const UsablePixels<T>& pixels, const Visit& visit) const {
    std::array<std::int32_t, UsablePixels<T>::piece> bin;
    pixels.visit([&](const T* values, int size) {
      bin_numbers(values, size, low_, scale_, bins_, bin.data());
      visit(values, bin.data(), size);
    });
  }

  void count_bins() {
    using Counts = std::vector<std::uint64_t>;
    std::vector<Counts> of_threads(threads_, Counts(bins_ + 2));
    for_each_band([&](std::size_t, const UsablePixels<T>& pixels) {
      Counts& counts = of_threads[thread_index()];
      visit_bins(pixels, [&](const T*, const std::int32_t* bin, int size) {
        for (int i = 0; i < size; ++i) ++counts[bin[i]];
      });
    });
    counts_.assign(bins_ + 2, 0);
    count_ = 0;
    for (const Counts& counts : of_threads) {
      for (std::size_t i = 0; i < counts.size(); ++i) {
        counts_[i] += counts[i];
        count_ += counts[i];
      }
    }
  }

  void locate_quartiles() {
    for (std::size_t i = 0; i < quartile_.size(); ++i) {
      const Rank rank(fractions[i], count_);
      std::size_t below = 0;
      std::int32_t first = 0;
      while (below + counts_[first] <= rank.lower) below += counts_[first++];
      std::size_t up_to = below + counts_[first];
      std::int32_t last = first;
      while (up_to <= std::min(rank.lower + 1, count_ - 1)) up_to += counts_[++last];
      quartile_[i] = {first, last};
      among_[i] = rank;
      among_[i].lower -= below;
    }
  }

  /// Clips the histogram, to find where the limits of all rounds will lie.
  bool locate_limits() {
    std::array<double, 3> quartiles;
    for (std::size_t i = 0; i < quartiles.size(); ++i) {
      quartiles[i] = 0.5 * (quartile_[i].first + quartile_[i].last);
    }
    const double last_bin = bins_;
    std::array<double, 2> least{last_bin, last_bin}, greatest{0.0, 0.0};
    clip(quartiles, [&](double center, double reach) -> std::optional<Moments> {
      const double limits[] = {center - reach, center + reach};
      for (std::size_t side = 0; side < 2; ++side) {
        least[side] = std::min(least[side], limits[side]);
        greatest[side] = std::max(greatest[side], limits[side]);
      }
      Moments kept;
      for (std::int32_t bin = 1; bin <= bins_; ++bin) {
        const auto count = static_cast<double>(counts_[bin]);
        const double offset = bin - center;
        if (std::abs(offset) <= reach) {
          kept.add({count, count * offset, count * offset * offset});
        }
      }
      return kept;
    });
    for (std::size_t side = 0; side < 2; ++side) {
      if (!(least[side] > 1.0 + margin && greatest[side] < bins_ - margin)) return false;
      limit_[side] = {static_cast<std::int32_t>(least[side]) - margin,
                      static_cast<std::int32_t>(greatest[side]) + margin + 1};
    }
    return limit_[0].last < limit_[1].first;
  }

  /// The values around quartiles and limits, and the moments of all between the limits.
  void collect() {
    using Values = std::array<std::vector<T>, 5>;
    const std::array<Stretch<T>*, 5> wanted{&quartile_[0], &quartile_[1], &quartile_[2], &limit_[0],
                                            &limit_[1]};
    std::vector<Values> of_threads(threads_);
    std::vector<Moments> of_bands(bands_.count());
    for_each_band([&](std::size_t band, const UsablePixels<T>& pixels) {
      Values& values_of_thread = of_threads[thread_index()];
      std::array<T, UsablePixels<T>::piece> packed;
      visit_bins(pixels, [&](const T* values, const std::int32_t* bin, int size) {
        of_bands[band].add(
            moments(values, bin, size, limit_[0].last + 1, limit_[1].first - 1, origin_));
        for (std::size_t n = 0; n < wanted.size(); ++n) {
          const int found =
              pack_between(values, bin, size, wanted[n]->first, wanted[n]->last, packed.data());
          values_of_thread[n].insert(values_of_thread[n].end(), packed.data(),
                                     packed.data() + found);
        }
      });
    });
    core_ = {};
    for (const Moments& of_band : of_bands) core_.add(of_band);
    for (const Values& values : of_threads) {
      for (std::size_t n = 0; n < wanted.size(); ++n) {
        wanted[n]->values.insert(wanted[n]->values.end(), values[n].begin(), values[n].end());
      }
    }
  }

  const UsableBands<T>& bands_;
  int threads_;
  int bins_;
  std::size_t count_ = 0;
  T origin_ = 0, low_ = 0, scale_ = 0;
  std::vector<std::uint64_t> counts_;
  std::array<Stretch<T>, 3> quartile_;
  std::array<Rank, 3> among_{Rank(0.0, 1), Rank(0.0, 1), Rank(0.0, 1)};
  std::array<Stretch<T>, 2> limit_;
  Moments core_;
};

}  // namespace

template <class T>
ClippedMean clipped_mean(const Plane<T>& plane, const PixelMask& mask, int n_threads,
                         double least) {
  require(!mask.active() || mask.bits.shape() == plane.shape(), "mask",
          "have shape " + to_string(plane.shape()) + ", that of the plane", mask.bits.shape());
  const UsableBands<T> bands(plane, mask, least);
  const int threads = threads_of_frame(plane.shape(), n_threads);
  ClippedMean mean;
  with_threads(threads, [&] { mean = Statistics<T>(bands, threads).clipped_mean(); });
  return mean;
}

template ClippedMean clipped_mean(const Plane<float>&, const PixelMask&, int, double);
template ClippedMean clipped_mean(const Plane<double>&, const PixelMask&, int, double);

}  // namespace whitediff
