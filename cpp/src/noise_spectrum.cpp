#include "noise_spectrum.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "kernel_sums.hpp"
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

template <class T>
WHITEDIFF_ALWAYS_INLINE double sum_of(const T* values, int size) {
  double total = 0.0;
#pragma omp simd reduction(+ : total)
  for (int i = 0; i < size; ++i) total += values[i];
  return total;
}

template <class T>
WHITEDIFF_ALWAYS_INLINE double sum_of_products_of(const T* a, const double* b, int size) {
  double total = 0.0;
#pragma omp simd reduction(+ : total)
  for (int i = 0; i < size; ++i) total += a[i] * b[i];
  return total;
}

WHITEDIFF_MULTIVERSION
double sum(const float* values, int size) { return sum_of(values, size); }
WHITEDIFF_MULTIVERSION
double sum(const double* values, int size) { return sum_of(values, size); }

WHITEDIFF_MULTIVERSION
double sum_of_products(const float* a, const double* b, int size) {
  return sum_of_products_of(a, b, size);
}
WHITEDIFF_MULTIVERSION
double sum_of_products(const double* a, const double* b, int size) {
  return sum_of_products_of(a, b, size);
}

WHITEDIFF_MULTIVERSION
double least_of(const double* values, int size) {
  double least = values[0];
#pragma omp simd reduction(min : least)
  for (int i = 0; i < size; ++i) least = values[i] < least ? values[i] : least;
  return least;
}

}  // namespace

NoiseSpectrum::NoiseSpectrum(Shape grid, const FilterOptions& options)
    : spectrum_(grid),
      options_(options),
      rows_(PowerSpectrum::rows_at_once * spectrum_.stride()),
      factor_(PowerSpectrum::rows_at_once * spectrum_.stride()),
      lifted_(PowerSpectrum::rows_at_once * spectrum_.stride()) {}

void NoiseSpectrum::set(const LocalNoise& noise) {
  // Sources keep their buffers from one position to the next.
  count_ = noise.sources.size();
  covariances_.clear();
  if (sources_.size() < count_) sources_.resize(count_);
  squared_weights_.resize(count_);
  source_rows_.resize(count_);
  constant_ = 0.0;
  power_at_zero_ = 0.0;
  double bound = 0.0, least = 0.0;
  for (std::size_t i = 0; i < count_; ++i) {
    const LocalSource& source = noise.sources[i];
    sources_[i].variance = source.variance;
    squared_weights_[i] = source.weight * source.weight;
    double power = source.variance * squared_weights_[i];
    double largest = power;
    double least_of_source = source.kernels.empty() ? power : 0.0;
    if (source.kernels.empty() && source.covariances.empty()) constant_ += power;
    sources_[i].kernels.resize(source.kernels.size());
    for (std::size_t j = 0; j < source.kernels.size(); ++j) {
      const KernelSums sums = sums_of(source.kernels[j].pixels);
      power *= sums.plain * sums.plain;
      largest *= sums.absolute * sums.absolute;
      spectrum_.prepare(source.kernels[j], sources_[i].kernels[j]);
    }
    sources_[i].covariances.clear();
    for (const NoiseCovariance& covariance : source.covariances) {
      power *= covariance.power_at_zero();
      largest *= covariance.bound();
      least_of_source *= covariance.floor();
      sources_[i].covariances.push_back(index_of(covariance));
    }
    power_at_zero_ += power;
    bound += largest;
    least += least_of_source;
  }
  // Powers are summed over the grid, and ratios taken of them.
  const double most = bound * (1.0 + options_.power_floor) * grid().size();
  const double least_power =
      std::max(std::numeric_limits<double>::min(), least_sum * least_sum * bound);
  require(power_at_zero_ >= least_power && std::isfinite(most), "noise",
          "have a finite, positive total variance at k = 0 (a source of positive variance whose "
          "kernels do not sum to zero)",
          power_at_zero_);
  floor_ = 0.0;
  if (least < options_.power_floor * bound) {
    floor_ = options_.power_floor * largest_power();
    if (options_.mode == Mode::difference) power_at_zero_ += floor_;
  }
}

std::size_t NoiseSpectrum::index_of(const NoiseCovariance& covariance) {
  for (std::size_t n = 0; n < covariances_.size(); ++n) {
    if (covariances_[n].lags.is(covariance)) return n;
  }
  Covariance& added = covariances_.emplace_back(Covariance{covariance, {}, {}});
  added.rows.resize(rows_.size());
  spectrum_.prepare(covariance, added.prepared);
  return covariances_.size() - 1;
}

double NoiseSpectrum::largest_power() {
  double largest = power_at_zero_;
  for_each_row([&](const Row& row) {
    largest = std::max(largest, *std::max_element(row.power, row.power + columns()));
  });
  return largest;
}

void NoiseSpectrum::make_covariance_rows(int ky) {
  is_lifted_ = false;
  for (Covariance& covariance : covariances_) {
    spectrum_.rows(covariance.prepared, ky, covariance.rows.data());
    const double floor = covariance.lags.floor();
    double least = floor;
    for (int j = 0; j < PowerSpectrum::rows_at_once; ++j) {
      least = std::min(least, least_of(covariance.rows.data() + j * stride(), columns()));
    }
    if (least >= floor) continue;
    if (!is_lifted_) std::fill(lifted_.begin(), lifted_.end(), char{0});
    is_lifted_ = true;
    for (std::size_t x = 0; x < covariance.rows.size(); ++x) {
      double& power = covariance.rows[x];
      lifted_[x] |= static_cast<char>(power < floor);
      power = std::max(power, floor);
    }
  }
}

void NoiseSpectrum::make_rows(int ky) {
  make_covariance_rows(ky);
  std::fill(rows_.begin(), rows_.end(), constant_);
  for (std::size_t i = 0; i < count_; ++i) {
    Source& source = sources_[i];
    if (is_white(i)) continue;
    source.rows.resize(rows_.size());
    if (source.kernels.empty()) std::fill(source.rows.begin(), source.rows.end(), 1.0);
    for (std::size_t j = 0; j < source.kernels.size(); ++j) {
      double* rows = j == 0 ? source.rows.data() : factor_.data();
      spectrum_.rows(source.kernels[j], ky, rows);
      if (j > 0) multiply(rows, factor_.size(), source.rows.data());
    }
    for (const std::size_t n : source.covariances) {
      multiply(covariances_[n].rows.data(), source.rows.size(), source.rows.data());
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
    source_rows_[i] = is_white(i) ? nullptr : sources_[i].rows.data() + offset;
  }
  Row row{y, rows_.data() + offset, source_rows_, 0};
  if (floor_ > 0.0 || is_lifted_) {
    for (int x = 0; x < columns(); ++x) {
      double& power = row.power[x];
      const bool clipped = power < floor_ || (is_lifted_ && lifted_[offset + x]);
      if (clipped) row.clipped += x == 0 || x == columns() - 1 ? 1 : 2;
      if (floor_ == 0.0) continue;
      power = options_.mode == Mode::difference ? power + floor_ : std::max(power, floor_);
    }
  }
  return row;
}

template <class T>
double NoiseSpectrum::mode_sum(const T* row, int columns) {
  return 2.0 * sum(row, columns) - row[0] - row[columns - 1];
}

template <class T>
double NoiseSpectrum::mode_sum(const T* row, const double* factors, int columns) {
  return 2.0 * sum_of_products(row, factors, columns) - row[0] * factors[0] -
         row[columns - 1] * factors[columns - 1];
}

template double NoiseSpectrum::mode_sum(const float*, int);
template double NoiseSpectrum::mode_sum(const double*, int);
template double NoiseSpectrum::mode_sum(const float*, const double*, int);
template double NoiseSpectrum::mode_sum(const double*, const double*, int);

}  // namespace whitediff
