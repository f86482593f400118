#include "whitediff/noise_model.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <string>
#include <utility>

#include "require.hpp"

namespace whitediff {
namespace {

void require_kernels(const std::vector<KernelPtr>& kernels, const std::string& name) {
  const bool none = std::find(kernels.begin(), kernels.end(), nullptr) == kernels.end();
  require(none, name, "hold kernels", "a null pointer");
}

}  // namespace

NoiseModel::NoiseModel(std::vector<Source> sources, std::vector<KernelPtr> psf,
                       std::vector<Point> positions, std::vector<double> variances)
    : sources_(std::move(sources)),
      psf_(std::move(psf)),
      positions_(std::move(positions)),
      variances_(std::move(variances)) {
  require(!sources_.empty(), "sources", "hold at least one noise source", "none");
  for (const Source& source : sources_) {
    require_kernels(source.kernels, "kernels");
    require(std::isfinite(source.weight) && source.weight != 0.0, "weight",
            "be finite and not zero", source.weight);
  }
  require_kernels(psf_, "psf");
  const std::size_t needed = positions_.size() * sources_.size();
  require(variances_.size() == needed, "variances", "hold " + std::to_string(needed) + " values",
          variances_.size());
  for (const double variance : variances_) {
    require(std::isfinite(variance) && variance >= 0.0, "variances", "be finite and >= 0",
            variance);
  }
}

Shape NoiseModel::largest_kernel() const {
  Shape largest{1, 1};
  const auto include = [&](const std::vector<KernelPtr>& kernels) {
    for (const KernelPtr& kernel : kernels) {
      largest.height = std::max(largest.height, kernel->shape().height);
      largest.width = std::max(largest.width, kernel->shape().width);
    }
  };
  for (const Source& source : sources_) include(source.kernels);
  include(psf_);
  return largest;
}

std::vector<const LocalNoise*> NoiseModel::Batch::pointers() const {
  std::vector<const LocalNoise*> pointers;
  for (const LocalNoise& local : local_) pointers.push_back(&local);
  return pointers;
}

NoiseModel::Batch NoiseModel::batch(std::span<const std::size_t> indices) const {
  std::vector<Point> points;
  for (const std::size_t index : indices) points.push_back(positions_.at(index));

  Batch batch;
  std::map<const Kernel*, const double*> evaluated;
  const auto images_of = [&](const Kernel& kernel) {
    const double*& images = evaluated[&kernel];
    if (!images) {
      std::vector<double>& values =
          batch.images_.emplace_back(points.size() * kernel.shape().size());
      kernel.evaluate(points, values.data());
      require(std::all_of(values.begin(), values.end(), [](double v) { return std::isfinite(v); }),
              "kernel", "give finite values",
              "others from one of shape " + to_string(kernel.shape()));
      images = values.data();
    }
    return images;
  };
  const auto local_images = [&](const std::vector<KernelPtr>& kernels, std::size_t n) {
    std::vector<KernelImage> images;
    for (const KernelPtr& kernel : kernels) {
      const double* pixels = images_of(*kernel) + n * kernel->shape().size();
      images.push_back({{pixels, kernel->shape()}, kernel->center()});
    }
    return images;
  };
  // What several sources share stays shared.
  std::vector<std::pair<SpatialCovariance, std::vector<NoiseCovariance>>> known;
  using Local = std::vector<NoiseCovariance>;
  const auto covariances_of = [&](const SpatialCovariance& covariance) -> const Local& {
    for (const auto& [of, local] : known) {
      if (of.is(covariance)) return local;
    }
    return known.emplace_back(covariance, covariance.at(points)).second;
  };
  const auto local_covariances = [&](const std::vector<SpatialCovariance>& covariances,
                                     std::size_t n) {
    std::vector<NoiseCovariance> local;
    for (const auto& covariance : covariances) local.push_back(covariances_of(covariance)[n]);
    return local;
  };
  for (std::size_t n = 0; n < points.size(); ++n) {
    LocalNoise& local = batch.local_.emplace_back();
    for (std::size_t i = 0; i < sources_.size(); ++i) {
      local.sources.push_back({variances_[indices[n] * sources_.size() + i], sources_[i].weight,
                               local_images(sources_[i].kernels, n),
                               local_covariances(sources_[i].covariances, n)});
    }
    local.psf = local_images(psf_, n);
  }
  return batch;
}

NoiseModel::Batch NoiseModel::batch() const {
  std::vector<std::size_t> indices(size());
  std::iota(indices.begin(), indices.end(), std::size_t{0});
  return batch(indices);
}

}  // namespace whitediff
