#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "taken_pixels.hpp"

namespace whitediff {

/// Sums over the pairs of pixels that lie (y, x) apart.
class LagProducts {
 public:
  explicit LagProducts(int largest_lag)
      : largest_lag_(largest_lag), products_(count(largest_lag)), pairs_(count(largest_lag)) {}

  int largest_lag() const { return largest_lag_; }
  /// Of the products of their values; 0 <= dy, and 0 <= dx where dy is 0: opposite lags have the
  /// same.
  double& products(int dy, int dx) { return products_[index(dy, dx)]; }
  /// Of ones.
  std::int64_t& pairs(int dy, int dx) { return pairs_[index(dy, dx)]; }

  void add(const LagProducts& other) {
    for (std::size_t n = 0; n < pairs_.size(); ++n) {
      products_[n] += other.products_[n];
      pairs_[n] += other.pairs_[n];
    }
  }

 private:
  static std::size_t count(int lag) { return std::size_t(lag + 1) * (2 * lag + 1); }
  std::size_t index(int dy, int dx) const {
    return static_cast<std::size_t>(dy) * (2 * largest_lag_ + 1) + (dx + largest_lag_);
  }

  int largest_lag_;
  std::vector<double> products_;
  std::vector<std::int64_t> pairs_;
};

/// The sums of pairs whose first pixel lies in a part of the image, the second anywhere, out to a
/// lag which may be longer than the image is wide; the same for all threads.
template <class T>
std::vector<LagProducts> lag_products(const TakenPixels<T>& pixels, const std::vector<Box>& parts,
                                      int largest_lag, int threads);

}  // namespace whitediff
