#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numeric>
#include <span>
#include <string>

#include "fft.hpp"
#include "parallel.hpp"
#include "require.hpp"
#include "transfer.hpp"
#include "whitediff/photometry.hpp"

namespace whitediff {
namespace {

constexpr double largest_step = 128.0;
constexpr std::size_t cells_at_once = 64;

/// An odd number of positions, evenly from the first pixel to the last one.
std::vector<double> nodes_of(int begin, int end) {
  const int length = end - begin - 1;
  const int steps = 2 * std::max(1, static_cast<int>(std::ceil(length / (2.0 * largest_step))));
  std::vector<double> nodes;
  for (int n = 0; n <= steps; ++n) nodes.push_back(begin + double(length) * n / steps);
  return nodes;
}

/// The parabola through three nodes that lie about a position.
struct Parabola {
  std::size_t first;
  std::array<double, 3> weights;

  Parabola(const std::vector<double>& nodes, double at) {
    const double step = nodes[1] - nodes[0];
    const double place = step > 0.0 ? (at - nodes[0]) / step : 0.0;
    first = std::min(nodes.size() - 3, 2 * (static_cast<std::size_t>(place) / 2));
    const double t = place - static_cast<double>(first) - 1.0;
    weights = {0.5 * t * (t - 1.0), 1.0 - t * t, 0.5 * t * (t + 1.0)};
  }
};

/// A PSF that is the product of kernels, as one image with all that it reaches.
struct Product {
  int radius;
  Image<double> image;  // zero shift in the middle

  explicit Product(const std::vector<KernelImage>& kernels) : radius(0) {
    for (const KernelImage& kernel : kernels) {
      const auto [height, width] = kernel.pixels.shape();
      radius += std::max({kernel.center.y, kernel.center.x, height - 1 - kernel.center.y,
                          width - 1 - kernel.center.x});
    }
    const int side = fft::fast_size(2 * radius + 1);
    const auto transform = fft::RealTransform::get({side, side});
    fft::Buffer<std::complex<double>> spectrum(transform->spectrum_size(), 1.0);
    for (const KernelImage& kernel : kernels) {
      multiply_transfer(kernel, *transform, spectrum.data());
    }
    fft::Buffer<double> whole(transform->shape().size());
    transform->inverse(spectrum.data(), whole.data());
    image = Image<double>({2 * radius + 1, 2 * radius + 1});
    for (int v = 0; v <= 2 * radius; ++v) {
      for (int u = 0; u <= 2 * radius; ++u) {
        const int y = (v - radius + side) % side, x = (u - radius + side) % side;
        image(v, u) = whole[static_cast<std::size_t>(y) * side + x];
      }
    }
    const double total = std::accumulate(image.data(), image.data() + image.shape().size(), 0.0);
    require(total != 0.0, "psf", "have a sum other than zero", total);
    for (double& value : std::span(image.data(), image.shape().size())) value /= total;
  }
};

/// sum over x of F(x) phi(-x).
double value_at_peak(const Image<double>& filter, const Product& psf) {
  const int middle = filter.shape().width / 2;
  const int reach = std::min(middle, psf.radius);
  double sum = 0.0;
  for (int dy = -reach; dy <= reach; ++dy) {
    for (int dx = -reach; dx <= reach; ++dx) {
      sum += filter(middle + dy, middle + dx) * psf.image(psf.radius - dy, psf.radius - dx);
    }
  }
  return sum;
}

}  // namespace

PeakResponse::PeakResponse(const Whitening& whitening, int n_threads)
    : frame_(whitening.frame),
      cells_(whitening.cells),
      reduction_(whitening.reduction),
      nodes_(whitening.cells.size()) {
  const NoiseModel& noise = whitening.noise;
  require(!noise.psf().empty(), "psf", "be that of the image", "none");
  const int threads = thread_count(n_threads);
  const bool varying = noise.size() > 1;
  for (std::size_t begin = 0; begin < cells_.size(); begin += cells_at_once) {
    const std::size_t count = std::min(cells_at_once, cells_.size() - begin);
    std::vector<Point> positions;
    std::vector<std::size_t> cells, firsts;
    for (std::size_t n = 0; n < count; ++n) {
      Nodes& nodes = nodes_[begin + n];
      const Box& box = cells_[begin + n].box;
      nodes.x = nodes_of(box.x0, box.x1);
      nodes.y = nodes_of(box.y0, box.y1);
      nodes.values.resize(nodes.x.size() * nodes.y.size());
      firsts.push_back(positions.size());
      cells.push_back(varying ? begin + n : 0);
      for (const double y : nodes.y) {
        for (const double x : nodes.x) {
          positions.push_back({x + whitening.xy0.x, y + whitening.xy0.y});
        }
      }
    }
    const NoiseModel::Batch local = noise.batch(cells);
    const NoiseModel at_nodes(noise.sources(), noise.psf(), positions,
                              std::vector<double>(positions.size() * noise.sources().size()));
    const NoiseModel::Batch psfs = at_nodes.batch();
    parallel_for(count, threads, [&](std::size_t n) {
      const FilterImage filter = filter_image(local[n], whitening.filter, whitening.support);
      std::vector<double>& values = nodes_[begin + n].values;
      for (std::size_t node = 0; node < values.size(); ++node) {
        values[node] = value_at_peak(filter.image, Product(psfs[firsts[n] + node].psf));
      }
    });
  }
}

Image<double> PeakResponse::rows(int y0, int y1) const {
  require(0 <= y0 && y0 <= y1 && y1 <= frame_.height, "rows",
          "be within 0 to " + std::to_string(frame_.height),
          std::to_string(y0) + " to " + std::to_string(y1));
  Image<double> response({y1 - y0, frame_.width});
  std::fill_n(response.data(), response.shape().size(), std::numeric_limits<double>::quiet_NaN());
  const Blend blend(cells_, reduction_);
  std::vector<double> weights;
  for (std::size_t cell = 0; cell < cells_.size(); ++cell) {
    const Box& box = cells_[cell].box;
    const Nodes& nodes = nodes_[cell];
    weights.resize(box.width());
    for (int y = std::max(y0, box.y0); y < std::min(y1, box.y1); ++y) {
      const Blend::Row alone = blend.row(cell, y, weights.data());
      std::fill(weights.begin() + (alone.begin - box.x0), weights.begin() + (alone.end - box.x0),
                1.0);
      const Parabola in_y(nodes.y, y);
      for (int x = box.x0; x < box.x1; ++x) {
        const Parabola in_x(nodes.x, x);
        double value = 0.0;
        for (std::size_t j = 0; j < 3; ++j) {
          for (std::size_t i = 0; i < 3; ++i) {
            value += in_y.weights[j] * in_x.weights[i] *
                     nodes.values[(in_y.first + j) * nodes.x.size() + in_x.first + i];
          }
        }
        double& sum = response(y - y0, x);
        sum = (std::isnan(sum) ? 0.0 : sum) + weights[x - box.x0] * value;
      }
    }
  }
  return response;
}

}  // namespace whitediff
