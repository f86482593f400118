#include "whitediff/measured_covariance.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <string>
#include <vector>

#include "clipping.hpp"
#include "far_products.hpp"
#include "lag_products.hpp"
#include "parallel.hpp"
#include "require.hpp"

namespace whitediff {
namespace {

// The last of the five lags of which the plateau is the mean, and of the five beyond.
constexpr int first_ring = narrow_window.zero_from + 5, second_ring = first_ring + 5;
static_assert(second_ring == wide_window.zero_from + 5);

/// The variance of a normal distribution cut off at so many sigma, over that of the whole.
double kept_variance() {
  const double density =
      std::exp(-0.5 * clip_sigmas * clip_sigmas) / std::sqrt(2.0 * std::numbers::pi);
  return 1.0 - 2.0 * clip_sigmas * density / std::erf(clip_sigmas / std::numbers::sqrt2);
}

int distance(int dy, int dx) { return std::max(std::abs(dy), std::abs(dx)); }

double share(const NoiseWindow& window, int dy, int dx) {
  const double before_zero = window.zero_from - distance(dy, dx);
  return std::clamp(before_zero / (window.zero_from - window.whole_to), 0.0, 1.0);
}

/// The mean of a product over its pairs, with what clipping takes restored; 0 of none.
double mean(double products, double pairs) {
  static const double kept = kept_variance();
  return pairs > 0.0 ? products / pairs / kept : 0.0;
}

/// Of sums.
MeasuredCovariance means(LagProducts& sums, const FarProducts& far, NoiseWindow window) {
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
  measured.window = window;
  return measured;
}

/// The mean of dx^2 over lags out to one, each with its weight.
template <class Weight>
double mean_square(int largest_lag, Weight weight) {
  double squares = 0.0, sum = 0.0;
  for (int dy = -largest_lag; dy <= largest_lag; ++dy) {
    for (int dx = -largest_lag; dx <= largest_lag; ++dx) {
      squares += weight(dy, dx) * dx * dx;
      sum += weight(dy, dx);
    }
  }
  return squares / sum;
}

/// What a plateau is to be raised by for the narrow window, where the sky has waves: their
/// covariance falls with the square of the lag at first, by what the farther lags tell. 0 unless
/// those have some beyond doubt.
double rise(const MeasuredCovariance& measured, const FarProducts& farther) {
  const auto pairs = static_cast<double>(farther.pairs);
  const double plateau = mean(farther.products, pairs);
  const int middle = measured.lags.shape().width / 2;
  // Every pair is there twice.
  const double error = measured.lags(middle, middle) / std::sqrt(std::max(1.0, 0.5 * pairs));
  if (std::abs(plateau) < 4.0 * error) return 0.0;
  const auto from = [](int nearest) {
    return [nearest](int dy, int dx) { return distance(dy, dx) < nearest ? 0.0 : 1.0; };
  };
  const double inside = mean_square(narrow_window.reach(),
                                    [](int dy, int dx) { return share(narrow_window, dy, dx); });
  const double first = mean_square(first_ring, from(first_ring - 4));
  const double second = mean_square(second_ring, from(second_ring - 4));
  return (measured.plateau - plateau) * (first - inside) / (second - first);
}

}  // namespace

template <class T>
LocalCovariances autocovariances(ImageView<const T> noise, ImageView<const std::uint8_t> usable,
                                 const std::vector<Box>& parts, int largest_lag, int n_threads,
                                 NoiseWindow window) {
  require_shape(usable.shape(), noise.shape(), "usable");
  require(largest_lag >= 1, "largest_lag", "be at least 1", largest_lag);
  require(window == narrow_window || window == wide_window, "window", "be narrow or wide",
          std::to_string(window.whole_to) + " to " + std::to_string(window.zero_from));
  const Box whole{0, 0, noise.width(), noise.height()};
  for (const Box& part : parts) {
    require(!part.empty() && whole.contains(part), "part",
            "hold pixels of an image of shape " + to_string(noise.shape()), to_string(part));
  }
  const int threads = threads_of_frame(noise.shape(), n_threads);
  std::vector<LagProducts> sums;
  std::vector<FarRings> rings(parts.size());
  with_threads(threads, [&] {
    const TakenPixels<T> pixels = clipped(noise, usable, parts, threads);
    sums = lag_products(pixels, parts, largest_lag, threads);
    if (largest_lag >= window.reach()) rings = far_products(pixels, parts, threads);
  });
  LagProducts all_sums(largest_lag);
  const std::size_t plateau = window == narrow_window ? 0 : 1;
  FarProducts all_far, all_farther;
  LocalCovariances measured;
  for (std::size_t n = 0; n < parts.size(); ++n) {
    all_sums.add(sums[n]);
    all_far.add(rings[n][plateau]);
    all_farther.add(rings[n][1]);
    measured.parts.push_back(means(sums[n], rings[n][plateau], window));
  }
  measured.whole = means(all_sums, all_far, window);
  const double raised = plateau == 0 ? rise(measured.whole, all_farther) : 0.0;
  measured.whole.plateau += raised;
  for (MeasuredCovariance& part : measured.parts) part.plateau += raised;
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
  const int reach = measured.window.reach();
  require(middle >= reach, "measured", "reach lag " + std::to_string(reach), middle);
  const Shape shape{2 * reach + 1, 2 * reach + 1};
  MeasuredCovariance noise{Image<double>(shape), Image<double>(shape)};
  noise.window = measured.window;
  for (int dy = -reach; dy <= reach; ++dy) {
    for (int dx = -reach; dx <= reach; ++dx) {
      noise.lags(reach + dy, reach + dx) =
          share(measured.window, dy, dx) *
          (measured.lags(middle + dy, middle + dx) - measured.plateau);
      noise.pairs(reach + dy, reach + dx) = measured.pairs(middle + dy, middle + dx);
    }
  }
  return noise;
}

template LocalCovariances autocovariances(ImageView<const float>, ImageView<const std::uint8_t>,
                                          const std::vector<Box>&, int, int, NoiseWindow);
template LocalCovariances autocovariances(ImageView<const double>, ImageView<const std::uint8_t>,
                                          const std::vector<Box>&, int, int, NoiseWindow);
template MeasuredCovariance autocovariance(ImageView<const float>, ImageView<const std::uint8_t>,
                                           int, int);
template MeasuredCovariance autocovariance(ImageView<const double>, ImageView<const std::uint8_t>,
                                           int, int);

}  // namespace whitediff
