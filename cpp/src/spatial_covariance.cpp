#include "whitediff/spatial_covariance.hpp"

#include <string>
#include <utility>

#include "require.hpp"

namespace whitediff {

SpatialCovariance::SpatialCovariance(NoiseCovariance everywhere)
    : everywhere_(std::move(everywhere)) {}

SpatialCovariance::SpatialCovariance(KernelPtr lags) : lags_(std::move(lags)) {
  require(lags_ != nullptr, "lags", "be a kernel", "a null pointer");
  const auto [height, width] = lags_->shape();
  const bool odd = height % 2 == 1 && width % 2 == 1;
  require(odd && lags_->center() == default_center(lags_->shape()), "covariance",
          "have odd height and width, and its centre in the middle", to_string(lags_->shape()));
}

std::vector<NoiseCovariance> SpatialCovariance::at(std::span<const Point> positions) const {
  if (everywhere_) return std::vector<NoiseCovariance>(positions.size(), *everywhere_);
  const Shape shape = lags_->shape();
  std::vector<double> images(positions.size() * shape.size());
  lags_->evaluate(positions, images.data());
  std::vector<NoiseCovariance> covariances;
  for (std::size_t n = 0; n < positions.size(); ++n) {
    covariances.emplace_back(ImageView<const double>(images.data() + n * shape.size(), shape));
  }
  return covariances;
}

bool SpatialCovariance::is(const SpatialCovariance& other) const {
  if (!everywhere_ || !other.everywhere_) return lags_ && lags_ == other.lags_;
  return everywhere_->is(*other.everywhere_);
}

}  // namespace whitediff
