#pragma once

#include <optional>
#include <span>
#include <vector>

#include "whitediff/export.hpp"
#include "whitediff/kernel.hpp"
#include "whitediff/noise_covariance.hpp"

namespace whitediff {

/// A covariance of noise that may change over an image. Copies share it.
class WHITEDIFF_EXPORT SpatialCovariance {
 public:
  /// The same everywhere.
  SpatialCovariance(NoiseCovariance everywhere);
  /// @param lags  gives the lags at a position, no lag in the middle.
  /// @throws std::invalid_argument if it is null, or its centre is not the middle of its image.
  explicit SpatialCovariance(KernelPtr lags);

  /// That of every position.
  /// @throws std::invalid_argument if the lags are no covariance at one of them.
  std::vector<NoiseCovariance> at(std::span<const Point> positions) const;
  /// Whether both are copies of one.
  bool is(const SpatialCovariance& other) const;

 private:
  std::optional<NoiseCovariance> everywhere_;
  KernelPtr lags_;
};

}  // namespace whitediff
