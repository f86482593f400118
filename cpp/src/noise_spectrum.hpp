#pragma once

#include <algorithm>
#include <vector>

#include "power_spectrum.hpp"
#include "whitediff/filter.hpp"

namespace whitediff {

/// P(k) = sum_i v_i C_i(k) |a_i(k)|^2 of one position, made row by row so that it stays in the
/// nearest cache; the one place that says what the power of a source is. Not thread-safe.
class NoiseSpectrum {
 public:
  /// One row of the half grid.
  struct Row {
    int y;
    double* power;                              ///< P(k), with the floor.
    const std::vector<const double*>& sources;  ///< C_i |a_i|^2; null: the same for all k.
    long clipped;  ///< Modes of the row where P, or a covariance, is below its floor.
  };

  NoiseSpectrum(Shape grid, const FilterOptions& options);

  Shape grid() const { return spectrum_.grid(); }
  int columns() const { return spectrum_.columns(); }
  std::size_t stride() const { return spectrum_.stride(); }

  /// @throws std::invalid_argument if the power at k = 0 is not positive.
  void set(const LocalNoise& noise);

  /// P(0), with the floor.
  double power_at_zero() const { return power_at_zero_; }
  /// Squared weights: |a_i|^2 of the sources that are the same for all k.
  const std::vector<double>& squared_weights() const { return squared_weights_; }
  /// Whether the power of a source is the same for all k.
  bool is_white(std::size_t source) const {
    return sources_[source].kernels.empty() && sources_[source].covariances.empty();
  }

  /// Calls visit(const Row&) for every row, each once, in an order that is always the same.
  template <class Visit>
  void for_each_row(const Visit& visit) {
    for (int ky = 0; ky <= grid().height / 4; ++ky) {
      const auto indices = spectrum_.indices(ky);
      make_rows(ky);
      for (int j = 0; j < PowerSpectrum::rows_at_once; ++j) {
        const bool seen =
            std::find(indices.begin(), indices.begin() + j, indices[j]) != indices.begin() + j;
        if (!seen) visit(finished_row(indices[j], j));
      }
    }
  }

  /// sum over the modes of one row: columns stand for themselves and their mirror images.
  template <class T>
  static double mode_sum(const T* row, int columns);
  template <class T>
  static double mode_sum(const T* row, const double* factors, int columns);

 private:
  struct Source {
    double variance;
    std::vector<PowerSpectrum::Prepared> kernels;
    std::vector<std::size_t> covariances;
    fft::Buffer<double> rows;  // of C_i |a_i|^2, for one ky
  };
  struct Covariance {
    NoiseCovariance lags;
    PowerSpectrum::Prepared prepared;
    fft::Buffer<double> rows;  // for one ky
  };

  std::size_t index_of(const NoiseCovariance& covariance);
  void make_covariance_rows(int ky);

  void make_rows(int ky);
  Row finished_row(int y, int j);
  double largest_power();

  PowerSpectrum spectrum_;
  FilterOptions options_;
  std::vector<Source> sources_;
  std::size_t count_ = 0;
  std::vector<Covariance> covariances_;  // those of all sources, each once
  std::vector<double> squared_weights_;
  double constant_ = 0.0;
  double power_at_zero_ = 0.0;
  double floor_ = 0.0;
  fft::Buffer<double> rows_, factor_;
  fft::Buffer<char> lifted_;  // whether a covariance is below its floor, for one ky
  bool is_lifted_ = false;    // whether any is
  std::vector<const double*> source_rows_;
};

}  // namespace whitediff
