#pragma once

#include <memory>

#include "whitediff/export.hpp"
#include "whitediff/image.hpp"

namespace whitediff {

/// How the noise of neighbouring pixels goes together: covariances, in units of the variance plane,
/// of pixels that lie (y, x) apart. The value at no lag need not be 1: after a resampling the plane
/// often holds more, or less, than the pixels scatter. Copies share the lags.
class WHITEDIFF_EXPORT NoiseCovariance {
 public:
  /// The spectrum is held at so much of the covariance at no lag: no noise is quite without power,
  /// and no filter should amplify what a measurement says is not there.
  static constexpr double floor_share = 0.01;

  /// @param lags  odd height and width, no lag in the middle; what lies beyond is zero.
  /// @throws std::invalid_argument if the shape is not odd, a value is not finite, the middle is
  ///         not positive, or lags of opposite sign differ.
  explicit NoiseCovariance(ImageView<const double> lags);

  ImageView<const double> lags() const { return lags_->view(); }
  /// The least power at any k.
  double floor() const { return floor_; }
  /// The power at k = 0.
  double power_at_zero() const { return power_at_zero_; }
  /// No power is larger.
  double bound() const { return bound_; }

  /// With x and y exchanged.
  NoiseCovariance transposed() const;
  /// Whether both are copies of one.
  bool is(const NoiseCovariance& other) const { return lags_ == other.lags_; }

 private:
  std::shared_ptr<const Image<double>> lags_;
  double floor_ = 0.0, power_at_zero_ = 0.0, bound_ = 0.0;
};

}  // namespace whitediff
