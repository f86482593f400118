#include "whitediff/measured_covariance.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <string>
#include <vector>

#include "far_products.hpp"
#include "lag_products.hpp"
#include "multiversion.hpp"
#include "parallel.hpp"
#include "require.hpp"

namespace whitediff {
namespace {

constexpr double clip_sigmas = 4.0;
// Clipping of noise that has few pixels beyond the limit settles in fewer rounds.
constexpr int clip_rounds = 5;
constexpr int whole_to = 3, zero_from = noise_reach + 1;
constexpr int band = 64;
constexpr int piece = 256;
// Level and limit of a large image are those of some of its rows: so many pixels tell the level to
// 0.002 sigma, and what lies beyond 4 sigma hardly counts.
constexpr std::size_t sample_size = std::size_t{1} << 18;
constexpr double least_sample = 1 << 15;

/// The variance of a normal distribution cut off at so many sigma, over that of the whole.
double kept_variance() {
  const double density =
      std::exp(-0.5 * clip_sigmas * clip_sigmas) / std::sqrt(2.0 * std::numbers::pi);
  return 1.0 - 2.0 * clip_sigmas * density / std::erf(clip_sigmas / std::numbers::sqrt2);
}

struct Moments {
  double count = 0.0, sum = 0.0, squares = 0.0;
};

/// Sums over pieces so short that single precision does.
template <class T>
WHITEDIFF_ALWAYS_INLINE Moments moments_of(const T* noise, const std::uint8_t* usable, int width,
                                           T level, T limit) {
  Moments moments;
  for (int begin = 0; begin < width; begin += piece) {
    const int end = std::min(begin + piece, width);
    T count = 0, sum = 0, squares = 0;
#pragma omp simd reduction(+ : count, sum, squares)
    for (int x = begin; x < end; ++x) {
      const T value = noise[x] - level;
      const T flag = static_cast<T>(usable[x] != 0);
      const T one = std::abs(value) <= limit ? flag : T(0);
      const T inside = one != T(0) ? value : T(0);
      count += one;
      sum += inside;
      squares += inside * inside;
    }
    moments.count += count;
    moments.sum += sum;
    moments.squares += squares;
  }
  return moments;
}

WHITEDIFF_MULTIVERSION
Moments row_moments(const float* noise, const std::uint8_t* usable, int width, float level,
                    float limit) {
  return moments_of(noise, usable, width, level, limit);
}
WHITEDIFF_MULTIVERSION
Moments row_moments(const double* noise, const std::uint8_t* usable, int width, double level,
                    double limit) {
  return moments_of(noise, usable, width, level, limit);
}

/// Of what is taken of every `step`-th row, about the level; band by band, so that threads do not
/// matter.
template <class T>
Moments moments(const TakenPixels<T>& pixels, int step, int threads) {
  const Shape shape = pixels.noise.shape();
  const int rows = (shape.height + step - 1) / step;
  std::vector<Moments> bands((rows + band - 1) / band);
  parallel_for(bands.size(), threads, [&](std::size_t n) {
    const int begin = static_cast<int>(n) * band;
    for (int row = begin; row < std::min(begin + band, rows); ++row) {
      const Moments found =
          row_moments(pixels.noise.row(row * step), pixels.usable.row(row * step), shape.width,
                      static_cast<T>(pixels.level), static_cast<T>(pixels.limit));
      bands[n].count += found.count;
      bands[n].sum += found.sum;
      bands[n].squares += found.squares;
    }
  });
  Moments total;
  for (const Moments& part : bands) {
    total.count += part.count;
    total.sum += part.sum;
    total.squares += part.squares;
  }
  return total;
}

/// The pixels within limits that tighten.
template <class T>
TakenPixels<T> clipped(ImageView<const T> noise, ImageView<const std::uint8_t> usable,
                       int threads) {
  TakenPixels<T> pixels{noise, usable, 0.0, std::numeric_limits<T>::max()};
  int step = 1 + static_cast<int>(noise.shape().size() / sample_size);
  if (moments(pixels, step, threads).count < least_sample) step = 1;
  double before = -1.0;
  for (int round = 0; round < clip_rounds; ++round) {
    const Moments found = moments(pixels, step, threads);
    if (found.count == before) break;
    before = found.count;
    require(found.count > 0.0, "image", "have usable pixels", "none");
    const double offset = found.sum / found.count;
    const double variance = found.squares / found.count - offset * offset;
    require(variance > 0.0, "image", "have noise",
            std::to_string(static_cast<long long>(found.count)) + " equal pixels");
    pixels.level += offset;
    pixels.limit = clip_sigmas * std::sqrt(variance);
  }
  return pixels;
}

/// Of sums, with what clipping takes restored.
MeasuredCovariance means(LagProducts& sums, const FarProducts& far) {
  const double kept = kept_variance();
  const auto mean = [&](double products, double pairs) {
    return pairs > 0.0 ? products / pairs / kept : 0.0;
  };
  const int largest_lag = sums.largest_lag();
  const int side = 2 * largest_lag + 1;
  MeasuredCovariance measured{Image<double>({side, side}), Image<double>({side, side})};
  for (int dy = 0; dy <= largest_lag; ++dy) {
    for (int dx = dy == 0 ? 0 : -largest_lag; dx <= largest_lag; ++dx) {
      const auto pairs = static_cast<double>(sums.pairs(dy, dx));
      for (const int sign : {1, -1}) {
        const int y = largest_lag + sign * dy, x = largest_lag + sign * dx;
        measured.lags(y, x) = mean(sums.products(dy, dx), pairs);
        measured.pairs(y, x) = pairs;
      }
    }
  }
  measured.far_pairs = static_cast<double>(far.pairs);
  measured.plateau = mean(far.products, measured.far_pairs);
  return measured;
}

int distance(int dy, int dx) { return std::max(std::abs(dy), std::abs(dx)); }

double window(int dy, int dx) {
  return std::clamp(static_cast<double>(zero_from - distance(dy, dx)) / (zero_from - whole_to), 0.0,
                    1.0);
}

}  // namespace

template <class T>
LocalCovariances autocovariances(ImageView<const T> noise, ImageView<const std::uint8_t> usable,
                                 const std::vector<Box>& parts, int largest_lag, int n_threads) {
  require(usable.shape() == noise.shape(), "usable",
          "have shape " + to_string(noise.shape()) + ", that of the image", usable.shape());
  require(largest_lag >= 1, "largest_lag", "be at least 1", largest_lag);
  const Box whole{0, 0, noise.width(), noise.height()};
  for (const Box& part : parts) {
    require(!part.empty() && whole.contains(part), "part",
            "hold pixels of an image of shape " + to_string(noise.shape()), to_string(part));
  }
  const int threads = thread_count(n_threads);
  std::vector<LagProducts> sums;
  std::vector<FarProducts> far(parts.size());
  with_threads(threads, [&] {
    const TakenPixels<T> pixels = clipped(noise, usable, threads);
    sums = lag_products(pixels, parts, largest_lag, threads);
    if (largest_lag >= noise_reach) far = far_products(pixels, parts, threads);
  });
  LagProducts all_sums(largest_lag);
  FarProducts all_far;
  LocalCovariances measured;
  for (std::size_t n = 0; n < parts.size(); ++n) {
    all_sums.add(sums[n]);
    all_far.add(far[n]);
    measured.parts.push_back(means(sums[n], far[n]));
  }
  measured.whole = means(all_sums, all_far);
  return measured;
}

template <class T>
MeasuredCovariance autocovariance(ImageView<const T> noise, ImageView<const std::uint8_t> usable,
                                  int largest_lag, int n_threads) {
  const std::vector<Box> whole{{0, 0, noise.width(), noise.height()}};
  return autocovariances(noise, usable, whole, largest_lag, n_threads).whole;
}

MeasuredCovariance noise_covariance(const MeasuredCovariance& measured) {
  const int middle = measured.lags.shape().width / 2;
  require(middle >= noise_reach, "measured", "reach lag " + std::to_string(noise_reach), middle);
  const Shape shape{2 * noise_reach + 1, 2 * noise_reach + 1};
  MeasuredCovariance noise{Image<double>(shape), Image<double>(shape)};
  for (int dy = -noise_reach; dy <= noise_reach; ++dy) {
    for (int dx = -noise_reach; dx <= noise_reach; ++dx) {
      noise.lags(noise_reach + dy, noise_reach + dx) =
          window(dy, dx) * (measured.lags(middle + dy, middle + dx) - measured.plateau);
      noise.pairs(noise_reach + dy, noise_reach + dx) = measured.pairs(middle + dy, middle + dx);
    }
  }
  return noise;
}

template LocalCovariances autocovariances(ImageView<const float>, ImageView<const std::uint8_t>,
                                          const std::vector<Box>&, int, int);
template LocalCovariances autocovariances(ImageView<const double>, ImageView<const std::uint8_t>,
                                          const std::vector<Box>&, int, int);
template MeasuredCovariance autocovariance(ImageView<const float>, ImageView<const std::uint8_t>,
                                           int, int);
template MeasuredCovariance autocovariance(ImageView<const double>, ImageView<const std::uint8_t>,
                                           int, int);

}  // namespace whitediff
