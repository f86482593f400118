#include "whitediff/noise_covariance.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "require.hpp"

namespace whitediff {
namespace {

// Sums in different orders leave so much between lags of opposite sign, in units of the variance.
constexpr double rounding = 1e-9;

}  // namespace

NoiseCovariance::NoiseCovariance(ImageView<const double> lags) {
  const auto [height, width] = lags.shape();
  require(height % 2 == 1 && width % 2 == 1, "covariance", "have odd height and width",
          to_string(lags.shape()));
  auto copy = std::make_shared<Image<double>>(lags.shape());
  double sum = 0.0;
  for (int y = 0; y < height; ++y) {
    std::copy_n(lags.row(y), width, copy->row(y));
    for (int x = 0; x < width; ++x) {
      if (!std::isfinite(lags(y, x))) refuse("covariance", "be finite", lags(y, x));
      sum += lags(y, x);
      bound_ += std::abs(lags(y, x));
    }
  }
  const double middle = lags(height / 2, width / 2);
  // Below the range of numbers nothing can be divided by it.
  require(floor_share * middle >= std::numeric_limits<double>::min(), "covariance",
          "be positive at no lag", middle);
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      const double difference = std::abs(lags(y, x) - lags(height - 1 - y, width - 1 - x));
      if (difference > rounding * middle) {
        refuse("covariance", "be the same at lags of opposite sign",
               "values that differ by " + std::to_string(difference));
      }
    }
  }
  lags_ = std::move(copy);
  floor_ = floor_share * middle;
  power_at_zero_ = std::max(sum, floor_);
}

NoiseCovariance NoiseCovariance::transposed() const {
  const auto [height, width] = lags_->shape();
  auto turned = std::make_shared<Image<double>>(Shape{width, height});
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) (*turned)(x, y) = (*lags_)(y, x);
  }
  NoiseCovariance transposed = *this;
  transposed.lags_ = std::move(turned);
  return transposed;
}

}  // namespace whitediff
