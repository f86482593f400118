#include "whitediff/filter.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>
#include <utility>

#include "filter_design.hpp"
#include "parallel.hpp"

namespace whitediff {
namespace {

constexpr int first_grid = 64;
constexpr int last_grid = 512;
constexpr double lost_variance = 1e-6;
constexpr double lost_share = 1e-4;

/// The share of the grid's side that the radius may take: beyond it the tail wraps around.
double largest_share(Mode mode) { return mode == Mode::score ? 0.25 : 0.375; }

/// 1 inside, 0 beyond the radius. Score filters ring wherever the noise has no power, and are
/// faded out over the outer quarter.
double window(int shift, int radius, Mode mode) {
  const int distance = std::abs(shift);
  if (distance > radius) return 0.0;
  const double fade = 0.75 * radius;
  if (mode == Mode::difference || distance <= fade) return 1.0;
  const double c = std::cos(0.5 * std::numbers::pi * (distance - fade) / (radius + 1 - fade));
  return c * c;
}

/// Signed shift of a pixel of an image whose zero shift is pixel 0.
int shift_of(int index, int size) { return index <= size / 2 ? index : index - size; }

/// The filter in real space on the whole grid, zero shift in pixel [0, 0].
fft::Buffer<double> grid_image(const FilterDesign& design) {
  fft::Buffer<double> image(design.grid().size());
  design.write_filtered({}, image.data());
  return image;
}

/// sum over k of |f(k)|^2 P(k), f in the layout of the transform.
double noise_power(const FilterDesign& design, const fft::Buffer<std::complex<double>>& spectrum) {
  const auto& transform = design.transform();
  const int width = design.grid().width;
  double total = 0.0;
  for (int y = 0; y < design.grid().height; ++y) {
    const std::complex<double>* row = spectrum.data() + y * transform.stride();
    const double* power = design.power() + y * design.stride();
    for (int x = 0; x < transform.columns(); ++x) {
      const bool alone = x == 0 || 2 * x == width;
      total += (alone ? 1.0 : 2.0) * std::norm(row[x]) * power[x];
    }
  }
  return total;
}

/// The radius within which all but a part of the sum of a non-negative grid image lies.
int radius_of(const fft::Buffer<double>& whole, int grid, double lost_part) {
  std::vector<double> rings(grid / 2 + 1);
  for (int y = 0; y < grid; ++y) {
    for (int x = 0; x < grid; ++x) {
      const int distance = std::max(std::abs(shift_of(y, grid)), std::abs(shift_of(x, grid)));
      rings[distance] += whole[static_cast<std::size_t>(y) * grid + x];
    }
  }
  const double lost = lost_part * std::accumulate(rings.begin(), rings.end(), 0.0);
  int radius = (grid - 1) / 2;
  for (double outside = rings[grid / 2]; radius > 0; --radius) {
    outside += rings[radius];
    if (outside > lost) break;
  }
  return radius;
}

/// The part of a grid image within a radius of the zero shift, which moves to the middle.
Image<double> cut_out(const fft::Buffer<double>& whole, int grid, int radius) {
  Image<double> image({2 * radius + 1, 2 * radius + 1});
  for (int dy = -radius; dy <= radius; ++dy) {
    const double* row = whole.data() + static_cast<std::ptrdiff_t>((dy + grid) % grid) * grid;
    for (int dx = -radius; dx <= radius; ++dx) {
      image(dy + radius, dx + radius) = row[(dx + grid) % grid];
    }
  }
  return image;
}

/// The error of cutting the filter of one position off.
class Tail {
 public:
  Tail(const FilterDesign& design, Mode mode)
      : design_(design), mode_(mode), image_(grid_image(design)) {
    fft::Buffer<std::complex<double>> filter(design.transform().spectrum_size());
    design.write_spectrum(filter.data());
    whole_ = noise_power(design, filter);
  }

  double error(int radius) const {
    const Shape grid = design_.grid();
    fft::Buffer<double> cut(image_);
    for (int y = 0; y < grid.height; ++y) {
      const double in_y = window(shift_of(y, grid.height), radius, mode_);
      for (int x = 0; x < grid.width; ++x) {
        const double in_x = window(shift_of(x, grid.width), radius, mode_);
        cut[static_cast<std::size_t>(y) * grid.width + x] *= 1.0 - in_y * in_x;
      }
    }
    fft::Buffer<std::complex<double>> spectrum(design_.transform().spectrum_size());
    design_.transform().forward(cut.data(), spectrum.data());
    return std::sqrt(noise_power(design_, spectrum) / whole_);
  }

  /// The least radius in (lower, upper] whose error is within the tolerance; upper if none is.
  int radius(int lower, int upper, double tolerance) const {
    while (upper - lower > 1) {
      const int middle = (lower + upper) / 2;
      (error(middle) <= tolerance ? upper : lower) = middle;
    }
    return upper;
  }

  /// What part of the sum of squares falls on each shift, as in FilterSupport.
  std::vector<double> shares() const {
    const int grid = design_.grid().width;
    fft::Buffer<double> squares(image_);
    for (double& value : squares) value *= value;
    const double sum = std::accumulate(squares.begin(), squares.end(), 0.0);
    const Image<double> inner = cut_out(squares, grid, radius_of(squares, grid, lost_share));
    std::vector<double> shares(inner.data(), inner.data() + inner.shape().size());
    for (double& share : shares) share /= sum;
    return shares;
  }

 private:
  const FilterDesign& design_;
  Mode mode_;
  fft::Buffer<double> image_;
  double whole_ = 0.0;
};

/// Takes the larger share of every shift.
void include_shares(const FilterSupport& of, FilterSupport& largest) {
  if (largest.shares.empty() || of.reach() > largest.reach()) {
    std::vector<double> smaller = std::exchange(largest.shares, of.shares);
    if (!smaller.empty()) include_shares({0, 0, 0.0, std::move(smaller)}, largest);
    return;
  }
  const int reach = of.reach(), margin = largest.reach() - reach;
  for (int dy = 0; dy <= 2 * reach; ++dy) {
    const double* row = of.shares.data() + static_cast<std::ptrdiff_t>(dy) * (2 * reach + 1);
    double* out = largest.shares.data() +
                  static_cast<std::ptrdiff_t>(dy + margin) * (2 * largest.reach() + 1) + margin;
    for (int dx = 0; dx <= 2 * reach; ++dx) out[dx] = std::max(out[dx], row[dx]);
  }
}

int largest_extent(const LocalNoise& noise) {
  int extent = 1;
  const auto include = [&](const std::vector<KernelImage>& kernels) {
    for (const KernelImage& kernel : kernels) {
      extent = std::max({extent, kernel.pixels.height(), kernel.pixels.width()});
    }
  };
  for (const LocalSource& source : noise.sources) {
    include(source.kernels);
    for (const NoiseCovariance& covariance : source.covariances) {
      const auto [height, width] = covariance.lags().shape();
      extent = std::max({extent, height, width});
    }
  }
  include(noise.psf);
  return extent;
}

}  // namespace

int FilterSupport::reach() const {
  return static_cast<int>(std::sqrt(static_cast<double>(shares.size())) / 2.0);
}

FilterSupport filter_support(const std::vector<const LocalNoise*>& noises,
                             const FilterOptions& options, int n_threads) {
  int extent = 1;
  for (const LocalNoise* noise : noises) extent = std::max(extent, largest_extent(*noise));
  const int threads = thread_count(n_threads);
  std::vector<FilterSupport> supports(noises.size());
  for (int grid = std::max(first_grid, fft::fast_size(3 * extent));;
       grid = std::min(2 * grid, last_grid)) {
    const int limit = static_cast<int>(largest_share(options.mode) * grid);
    PerThread<FilterDesign> designs(threads);
    const auto support_of = [&](FilterDesign& design, const LocalNoise& noise,
                                int least) -> FilterSupport {
      design.set(noise);
      const Tail tail(design, options.mode);
      const double error = tail.error(least);
      if (error <= options.tolerance) return {least, grid, error, tail.shares()};
      const int radius = tail.radius(least, limit, options.tolerance);
      return {radius, grid, tail.error(radius), tail.shares()};
    };
    // What serves the first position serves most of them.
    FilterDesign first({grid, grid}, options);
    supports[0] = support_of(first, *noises[0], 1);
    parallel_for(noises.size() - 1, threads, [&](std::size_t n) {
      FilterDesign& design = designs.get([&] { return FilterDesign({grid, grid}, options); });
      supports[n + 1] = support_of(design, *noises[n + 1], supports[0].radius);
    });
    FilterSupport largest{1, grid, 0.0};
    for (const FilterSupport& support : supports) {
      largest.radius = std::max(largest.radius, support.radius);
      largest.error = std::max(largest.error, support.error);
      include_shares(support, largest);
    }
    if (largest.error <= options.tolerance || grid >= last_grid) return largest;
  }
}

FilterImage filter_image(const LocalNoise& noise, const FilterOptions& options,
                         const FilterSupport& support) {
  FilterDesign design({support.grid, support.grid}, options);
  design.set(noise);
  FilterImage filter{cut_out(grid_image(design), support.grid, support.radius), design.gains(),
                     design.clipped_modes()};
  const int radius = support.radius;
  for (int dy = -radius; dy <= radius; ++dy) {
    for (int dx = -radius; dx <= radius; ++dx) {
      filter.image(dy + radius, dx + radius) *=
          window(dy, radius, options.mode) * window(dx, radius, options.mode);
    }
  }
  return filter;
}

std::vector<Image<double>> squared_responses(const LocalNoise& noise, const FilterOptions& options,
                                             const FilterSupport& support) {
  const Shape grid{support.grid, support.grid};
  FilterDesign design(grid, options);
  design.set(noise);
  std::vector<Image<double>> responses;
  fft::Buffer<double> whole(grid.size());
  for (const LocalSource& source : noise.sources) {
    design.write_filtered(source.kernels, whole.data(), source.covariances);
    for (double& value : whole) value = (source.weight * value) * (source.weight * value);
    responses.push_back(
        cut_out(whole, support.grid, radius_of(whole, support.grid, lost_variance)));
  }
  return responses;
}

}  // namespace whitediff
