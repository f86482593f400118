#include "noise_spectrum.hpp"

#include <cmath>

#include "multiversion.hpp"
#include "require.hpp"

namespace whitediff {
namespace {

WHITEDIFF_MULTIVERSION
void add_scaled(double factor, const double* values, std::size_t size, double* total) {
  for (std::size_t i = 0; i < size; ++i) total[i] += factor * values[i];
}

WHITEDIFF_MULTIVERSION
void multiply(const double* factors, std::size_t size, double* values) {
  for (std::size_t i = 0; i < size; ++i) values[i] *= factors[i];
}

WHITEDIFF_MULTIVERSION
double sum(const double* values, int size) {
  double total = 0.0;
#pragma omp simd reduction(+ : total)
  for (int i = 0; i < size; ++i) total += values[i];
  return total;
}

WHITEDIFF_MULTIVERSION
double sum_of_products(const double* a, const double* b, int size) {
  double total = 0.0;
#pragma omp simd reduction(+ : total)
  for (int i = 0; i < size; ++i) total += a[i] * b[i];
  return total;
}

struct Sums {
  double plain = 0.0, absolute = 0.0;
};

Sums sums_of(const KernelImage& kernel) {
  Sums sums;
  for (int v = 0; v < kernel.pixels.height(); ++v) {
    for (int u = 0; u < kernel.pixels.width(); ++u) {
      sums.plain += kernel.pixels(v, u);
      sums.absolute += std::abs(kernel.pixels(v, u));
    }
  }
  return sums;
}

}  // namespace

NoiseSpectrum::NoiseSpectrum(Shape grid, const FilterOptions& options)
    : spectrum_(grid),
      options_(options),
      rows_(PowerSpectrum::rows_at_once * spectrum_.stride()),
      factor_(PowerSpectrum::rows_at_once * spectrum_.stride()) {}

void NoiseSpectrum::set(const LocalNoise& noise) {
  // Sources keep their buffers from one position to the next.
  count_ = noise.sources.size();
  if (sources_.size() < count_) sources_.resize(count_);
  squared_weights_.resize(count_);
  source_rows_.resize(count_);
  constant_ = 0.0;
  power_at_zero_ = 0.0;
  double bound = 0.0;
  for (std::size_t i = 0; i < count_; ++i) {
    const LocalSource& source = noise.sources[i];
    sources_[i].variance = source.variance;
    squared_weights_[i] = source.weight * source.weight;
    double power = source.variance * squared_weights_[i];
    double largest = power;
    if (source.kernels.empty()) constant_ += power;
    sources_[i].kernels.resize(source.kernels.size());
    for (std::size_t j = 0; j < source.kernels.size(); ++j) {
      const Sums sums = sums_of(source.kernels[j]);
      power *= sums.plain * sums.plain;
      largest *= sums.absolute * sums.absolute;
      spectrum_.prepare(source.kernels[j], sources_[i].kernels[j]);
    }
    power_at_zero_ += power;
    bound += largest;
  }
  require(power_at_zero_ > 0.0 && std::isfinite(bound), "noise",
          "have a finite, positive total variance at k = 0 (a source of positive variance whose "
          "kernels do not sum to zero)",
          power_at_zero_);
  floor_ = 0.0;
  if (constant_ < options_.power_floor * bound) {
    floor_ = options_.power_floor * largest_power();
    if (options_.mode == Mode::difference) power_at_zero_ += floor_;
  }
}

double NoiseSpectrum::largest_power() {
  double largest = power_at_zero_;
  for_each_row([&](const Row& row) {
    largest = std::max(largest, *std::max_element(row.power, row.power + columns()));
  });
  return largest;
}

void NoiseSpectrum::make_rows(int ky) {
  std::fill(rows_.begin(), rows_.end(), constant_);
  for (std::size_t i = 0; i < count_; ++i) {
    Source& source = sources_[i];
    if (source.kernels.empty()) continue;
    source.rows.resize(rows_.size());
    spectrum_.rows(source.kernels.front(), ky, source.rows.data());
    for (std::size_t j = 1; j < source.kernels.size(); ++j) {
      spectrum_.rows(source.kernels[j], ky, factor_.data());
      multiply(factor_.data(), factor_.size(), source.rows.data());
    }
    if (squared_weights_[i] != 1.0) {
      for (double& value : source.rows) value *= squared_weights_[i];
    }
    add_scaled(source.variance, source.rows.data(), rows_.size(), rows_.data());
  }
}

NoiseSpectrum::Row NoiseSpectrum::finished_row(int y, int j) {
  const std::size_t offset = j * stride();
  for (std::size_t i = 0; i < count_; ++i) {
    source_rows_[i] = sources_[i].kernels.empty() ? nullptr : sources_[i].rows.data() + offset;
  }
  Row row{y, rows_.data() + offset, source_rows_, 0};
  if (floor_ > 0.0) {
    for (int x = 0; x < columns(); ++x) {
      double& power = row.power[x];
      if (power < floor_) row.clipped += x == 0 || x == columns() - 1 ? 1 : 2;
      power = options_.mode == Mode::difference ? power + floor_ : std::max(power, floor_);
    }
  }
  return row;
}

double NoiseSpectrum::mode_sum(const double* row, int columns) {
  return 2.0 * sum(row, columns) - row[0] - row[columns - 1];
}

double NoiseSpectrum::mode_sum(const double* row, const double* factors, int columns) {
  return 2.0 * sum_of_products(row, factors, columns) - row[0] * factors[0] -
         row[columns - 1] * factors[columns - 1];
}

}  // namespace whitediff
