#pragma once

#include <algorithm>
#include <vector>

#include "power_spectrum.hpp"
#include "whitediff/filter.hpp"

namespace whitediff {

/// P(k) = sum_i v_i |a_i(k)|^2 of one position, made row by row so that it stays in the nearest
/// cache; the one place that says what the power of a source is. Not thread-safe.
class NoiseSpectrum {
 public:
  /// One row of the half grid.
  struct Row {
    int y;
    double* power;                              ///< P(k), with the floor.
    const std::vector<const double*>& sources;  ///< |a_i(k)|^2; null: the same for all k.
    long clipped;                               ///< Modes of the row below the floor.
  };

  NoiseSpectrum(Shape grid, const FilterOptions& options);

  Shape grid() const { return spectrum_.grid(); }
  int columns() const { return spectrum_.columns(); }
  std::size_t stride() const { return spectrum_.stride(); }

  /// @throws std::invalid_argument if the power at k = 0 is not positive.
  void set(const LocalNoise& noise);

  /// P(0), with the floor.
  double power_at_zero() const { return power_at_zero_; }
  /// Squared weights: |a_i|^2 of the sources without kernels.
  const std::vector<double>& squared_weights() const { return squared_weights_; }

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
  static double mode_sum(const double* row, int columns);
  static double mode_sum(const double* row, const double* factors, int columns);

 private:
  struct Source {
    double variance;
    std::vector<PowerSpectrum::Prepared> kernels;
    fft::Buffer<double> rows;  // of |a_i|^2, for one ky
  };

  void make_rows(int ky);
  Row finished_row(int y, int j);
  double largest_power();

  PowerSpectrum spectrum_;
  FilterOptions options_;
  std::vector<Source> sources_;
  std::size_t count_ = 0;
  std::vector<double> squared_weights_;
  double constant_ = 0.0;
  double power_at_zero_ = 0.0;
  double floor_ = 0.0;
  fft::Buffer<double> rows_, factor_;
  std::vector<const double*> source_rows_;
};

}  // namespace whitediff
