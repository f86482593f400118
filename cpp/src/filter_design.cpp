#include "filter_design.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "multiversion.hpp"

namespace whitediff {
namespace {

struct Extremes {
  double least, most;
};

WHITEDIFF_MULTIVERSION
void add_scaled(double factor, const double* power, std::size_t size, double* total) {
  for (std::size_t i = 0; i < size; ++i) total[i] += factor * power[i];
}

WHITEDIFF_MULTIVERSION
void multiply(const double* factor, std::size_t size, double* values) {
  for (std::size_t i = 0; i < size; ++i) values[i] *= factor[i];
}

WHITEDIFF_MULTIVERSION
void scale(double factor, std::size_t size, double* values) {
  for (std::size_t i = 0; i < size; ++i) values[i] *= factor;
}

WHITEDIFF_MULTIVERSION
Extremes extremes(const double* values, int size, Extremes so_far) {
  double least = so_far.least, most = so_far.most;
#pragma omp simd reduction(min : least) reduction(max : most)
  for (int i = 0; i < size; ++i) {
    least = std::min(least, values[i]);
    most = std::max(most, values[i]);
  }
  return {least, most};
}

WHITEDIFF_MULTIVERSION
void divide(double numerator, const double* power, std::size_t size, double* quotient) {
  for (std::size_t i = 0; i < size; ++i) quotient[i] = numerator / power[i];
}

WHITEDIFF_MULTIVERSION
void root(double factor, const double* squares, int size, double* roots) {
  for (int i = 0; i < size; ++i) roots[i] = factor * std::sqrt(squares[i]);
}

WHITEDIFF_MULTIVERSION
void root(double factor, const double* squares, int size, float* roots) {
  const auto scale = static_cast<float>(factor);
  for (int i = 0; i < size; ++i) roots[i] = scale * std::sqrt(static_cast<float>(squares[i]));
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

}  // namespace

FilterDesign::FilterDesign(Shape grid, const FilterOptions& options)
    : grid_(grid),
      options_(options),
      spectrum_(grid),
      transform_(fft::RealTransform<double>::get(grid)),
      power_(spectrum_.size()),
      squared_filter_(spectrum_.size()) {}

/// Calls visit(first, count, weight) for the columns of a row that stand for one (ends) or two
/// (the others, with their mirror images) modes.
template <class Visit>
static void visit_modes(int width, const Visit& visit) {
  const int columns = width / 2 + 1;
  const int last = width % 2 == 0 && width > 1 ? columns - 1 : columns;
  visit(0, 1, 1);
  if (last > 1) visit(1, last - 1, 2);
  if (last < columns) visit(last, 1, 1);
}

void FilterDesign::set(const LocalNoise& noise) {
  const int columns = spectrum_.columns();
  const std::size_t count = noise.sources.size();
  source_powers_.resize(count);
  std::fill(power_.begin(), power_.end(), 0.0);
  double constant = 0.0;
  for (std::size_t i = 0; i < count; ++i) {
    const LocalSource& source = noise.sources[i];
    const double squared_weight = source.weight * source.weight;
    fft::Buffer<double>& power = source_powers_[i];
    power.resize(source.kernels.empty() ? 0 : spectrum_.size());
    if (source.kernels.empty()) {
      constant += source.variance * squared_weight;
      continue;
    }
    spectrum_(source.kernels.front(), power.data());
    for (std::size_t j = 1; j < source.kernels.size(); ++j) {
      scratch_power_.resize(spectrum_.size());
      spectrum_(source.kernels[j], scratch_power_.data());
      multiply(scratch_power_.data(), power.size(), power.data());
    }
    if (squared_weight != 1.0) scale(squared_weight, power.size(), power.data());
    add_scaled(source.variance, power.data(), power.size(), power_.data());
  }
  for (double& power : power_) power += constant;

  power_at_zero_ = power_[0];
  if (!(power_at_zero_ > 0.0)) {
    throw std::invalid_argument(
        "noise: expected a positive total variance at k = 0 (a source of positive variance whose "
        "kernels do not sum to zero), got " +
        std::to_string(power_at_zero_));
  }
  Extremes range{power_at_zero_, power_at_zero_};
  for (int y = 0; y < grid_.height; ++y) {
    range = extremes(power_.data() + y * stride(), columns, range);
  }
  clipped_modes_ = 0;
  const double floor = options_.power_floor * range.most;
  if (range.least < floor) {
    for (int y = 0; y < grid_.height; ++y) {
      visit_modes(grid_.width, [&](int first, int n, int weight) {
        double* row = power_.data() + y * stride() + first;
        for (int x = 0; x < n; ++x) {
          if (row[x] < floor) {
            row[x] = floor;
            clipped_modes_ += weight;
          }
        }
      });
    }
  }

  divide(power_at_zero_, power_.data(), power_.size(), squared_filter_.data());
  if (options_.mode == Mode::score) {
    set_psf(noise.psf);
    for (int y = 0; y < grid_.height; ++y) {
      double* squares = squared_filter_.data() + y * stride();
      const std::complex<double>* psf = psf_.data() + y * transform_->stride();
      for (int x = 0; x < columns; ++x) squares[x] *= squares[x] * std::norm(psf[x]);
    }
  }
  gains_.resize(count);
  for (std::size_t i = 0; i < count; ++i) {
    const double weight = noise.sources[i].weight;
    gains_[i] = source_powers_[i].empty() ? weight * weight * mean(nullptr)
                                          : mean(source_powers_[i].data());
  }
}

double FilterDesign::mean(const double* power) const {
  double total = 0.0;
  for (int y = 0; y < grid_.height; ++y) {
    visit_modes(grid_.width, [&](int first, int n, int weight) {
      const std::size_t offset = y * stride() + first;
      const double* squares = squared_filter_.data() + offset;
      total += weight * (power ? sum_of_products(squares, power + offset, n) : sum(squares, n));
    });
  }
  return total / static_cast<double>(grid_.size());
}

template <class T>
void FilterDesign::write_whitening(double norm, T* filter, std::size_t stride) const {
  const int columns = spectrum_.columns();
  for (int y = 0; y < grid_.height; ++y) {
    T* row = filter + y * stride;
    root(norm, squared_filter_.data() + y * this->stride(), columns, row);
    std::fill(row + columns, row + stride, T(0));
  }
}

template void FilterDesign::write_whitening(double, float*, std::size_t) const;
template void FilterDesign::write_whitening(double, double*, std::size_t) const;

void FilterDesign::write_spectrum(std::complex<double>* filter) const {
  const int columns = spectrum_.columns();
  for (int y = 0; y < grid_.height; ++y) {
    std::complex<double>* row = filter + y * transform_->stride();
    const std::complex<double>* psf = psf_.data() + y * transform_->stride();
    for (int x = 0; x < columns; ++x) {
      row[x] = options_.mode == Mode::difference
                   ? std::sqrt(squared_filter_[y * stride() + x])
                   : power_at_zero_ / power_[y * stride() + x] * std::conj(psf[x]);
    }
  }
}

void FilterDesign::write_filtered(const std::vector<KernelImage>& kernels, double* image) const {
  fft::Buffer<std::complex<double>> response(transform_->spectrum_size());
  write_spectrum(response.data());
  for (const KernelImage& kernel : kernels) multiply_transfer(kernel, response.data());
  transform_->inverse(response.data(), image);
  scale(1.0 / static_cast<double>(grid_.size()), grid_.size(), image);
}

void FilterDesign::set_psf(const std::vector<KernelImage>& psf) {
  if (psf.empty()) {
    throw std::invalid_argument("mode score: expected the PSF of the image, got none");
  }
  psf_.assign(transform_->spectrum_size(), 1.0);
  for (const KernelImage& kernel : psf) multiply_transfer(kernel, psf_.data());
}

void FilterDesign::multiply_transfer(const KernelImage& kernel,
                                     std::complex<double>* spectrum) const {
  fft::Buffer<double> image(grid_.size());
  fft::Buffer<std::complex<double>> transfer(transform_->spectrum_size());
  const auto wrapped = [](int shift, int size) { return ((shift % size) + size) % size; };
  for (int v = 0; v < kernel.pixels.height(); ++v) {
    const int y = wrapped(v - kernel.center.y, grid_.height);
    for (int u = 0; u < kernel.pixels.width(); ++u) {
      const int x = wrapped(u - kernel.center.x, grid_.width);
      image[static_cast<std::size_t>(y) * grid_.width + x] += kernel.pixels(v, u);
    }
  }
  transform_->forward(image.data(), transfer.data());
  for (int y = 0; y < grid_.height; ++y) {
    const std::size_t row = y * transform_->stride();
    for (int x = 0; x < spectrum_.columns(); ++x) spectrum[row + x] *= transfer[row + x];
  }
}

}  // namespace whitediff
