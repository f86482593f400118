#include <algorithm>
#include <cmath>
#include <optional>
#include <string>
#include <utility>

#include "filtered_psf.hpp"
#include "parallel.hpp"
#include "require.hpp"
#include "whitediff/photometry.hpp"

namespace whitediff {
namespace {

/// A cell, and its share of every pixel of a stamp; all of each if there are no weights.
struct Part {
  std::size_t cell;
  Image<double> weights;
};

/// Pixels between a position and a box; 0 inside it.
double distance(const Box& box, Point pixel) {
  const double dx = std::max({box.x0 - pixel.x, pixel.x - (box.x1 - 1), 0.0});
  const double dy = std::max({box.y0 - pixel.y, pixel.y - (box.y1 - 1), 0.0});
  return std::hypot(dx, dy);
}

std::size_t nearest_cell(const std::vector<Cell>& cells, Point pixel) {
  std::size_t nearest = 0;
  for (std::size_t cell = 1; cell < cells.size(); ++cell) {
    if (distance(cells[cell].box, pixel) < distance(cells[nearest].box, pixel)) nearest = cell;
  }
  return nearest;
}

/// What each cell gives to the pixels of a stamp; those that no cell gives go to the nearest one.
std::vector<Part> parts_of(const std::vector<Cell>& cells, const Blend& blend, const Box& stamp,
                           Point pixel) {
  std::vector<Part> parts;
  Image<double> rest(stamp.shape());
  std::fill_n(rest.data(), rest.shape().size(), 1.0);
  std::vector<double> row;
  for (std::size_t cell = 0; cell < cells.size(); ++cell) {
    const Box& box = cells[cell].box;
    const Box shared = box.clipped(stamp);
    if (shared.empty()) continue;
    Part& part = parts.emplace_back(Part{cell, Image<double>(stamp.shape())});
    row.resize(box.width());
    for (int y = shared.y0; y < shared.y1; ++y) {
      const Blend::Row alone = blend.row(cell, y, row.data());
      std::fill(row.begin() + (alone.begin - box.x0), row.begin() + (alone.end - box.x0), 1.0);
      for (int x = shared.x0; x < shared.x1; ++x) {
        part.weights(y - stamp.y0, x - stamp.x0) = row[x - box.x0];
        rest(y - stamp.y0, x - stamp.x0) = 0.0;
      }
    }
  }
  const double* none = std::find(rest.data(), rest.data() + rest.shape().size(), 1.0);
  if (none != rest.data() + rest.shape().size()) {
    parts.push_back({nearest_cell(cells, pixel), std::move(rest)});
  }
  return parts;
}

void add_weighted(const Image<double>& image, const Image<double>& weights, Image<double>& sum) {
  const bool weighted = weights.shape().size() > 0;
  for (std::size_t i = 0; i < sum.shape().size(); ++i) {
    sum.data()[i] += (weighted ? weights.data()[i] : 1.0) * image.data()[i];
  }
}

/// The filter of the cell that was asked for last.
class LastFilter {
 public:
  /// @param make  () -> that of the cell.
  template <class Make>
  const PsfFilter& of(std::size_t cell, const Make& make) {
    if (!filter_ || cell != cell_) filter_.emplace(make());
    cell_ = cell;
    return *filter_;
  }

 private:
  std::optional<PsfFilter> filter_;
  std::size_t cell_ = 0;
};

/// The PSFs at positions, through the cells that give the pixels about each of them.
std::vector<Image<double>> blended(const Whitening& whitening, const std::vector<Point>& positions,
                                   const std::vector<std::vector<Part>>& parts, int n_threads) {
  const NoiseModel& noise = whitening.noise;
  const NoiseModel at_positions(noise.sources(), noise.psf(), positions,
                                std::vector<double>(positions.size() * noise.sources().size()));
  const NoiseModel::Batch psfs = at_positions.batch();
  const bool varying = noise.size() > 1;
  std::vector<std::size_t> used;
  for (const auto& of_position : parts) {
    for (const Part& part : of_position) used.push_back(varying ? part.cell : 0);
  }
  std::sort(used.begin(), used.end());
  used.erase(std::unique(used.begin(), used.end()), used.end());
  const NoiseModel::Batch local = noise.batch(used);
  const auto noise_of = [&](std::size_t cell) -> const LocalNoise& {
    return local[std::lower_bound(used.begin(), used.end(), varying ? cell : 0) - used.begin()];
  };

  std::vector<Image<double>> images(positions.size());
  const int threads = thread_count(n_threads);
  PerThread<LastFilter> filters(threads);
  // Neighbours in a list of positions have cells in common.
  constexpr std::size_t block = 18;
  parallel_for((positions.size() + block - 1) / block, threads, [&](std::size_t begin) {
    LastFilter& last = filters.get([] { return LastFilter(); });
    const std::size_t end = std::min((begin + 1) * block, positions.size());
    for (std::size_t n = begin * block; n < end; ++n) {
      images[n] = Image<double>(noise.psf().front()->shape());
      for (const Part& part : parts[n]) {
        const PsfFilter& filter = last.of(varying ? part.cell : 0, [&] {
          return PsfFilter(noise_of(part.cell), psfs[n].psf, whitening.filter, whitening.support);
        });
        add_weighted(filter.apply(psfs[n].psf), part.weights, images[n]);
      }
    }
  });
  return images;
}

}  // namespace

std::vector<Image<double>> psfs_at(const Whitening& whitening, const std::vector<Point>& positions,
                                   int n_threads) {
  require(!whitening.noise.psf().empty(), "psf", "be that of the image", "none");
  const Kernel& first = *whitening.noise.psf().front();
  const auto [height, width] = first.shape();
  const KernelCenter center = first.center();
  const Blend blend(whitening.cells, whitening.reduction);
  // Farther away the nearest cell is the same.
  const Box reach =
      Box{0, 0, whitening.frame.width, whitening.frame.height}.grown(std::max(height, width));
  std::vector<std::vector<Part>> parts;
  for (const Point& position : positions) {
    const Point pixel{position.x - whitening.xy0.x, position.y - whitening.xy0.y};
    require(std::isfinite(pixel.x) && std::isfinite(pixel.y), "positions", "be finite", position);
    const double x = std::clamp(pixel.x, double(reach.x0), double(reach.x1));
    const double y = std::clamp(pixel.y, double(reach.y0), double(reach.y1));
    const Box stamp =
        Box{0, 0, width, height}.moved(static_cast<int>(std::floor(x + 0.5)) - center.x,
                                       static_cast<int>(std::floor(y + 0.5)) - center.y);
    parts.push_back(parts_of(whitening.cells, blend, stamp, pixel));
  }
  return blended(whitening, positions, parts, n_threads);
}

std::vector<Image<double>> psfs_at(const Whitening& whitening, const std::vector<Point>& positions,
                                   const std::vector<std::size_t>& cells, int n_threads) {
  require(!whitening.noise.psf().empty(), "psf", "be that of the image", "none");
  require(cells.size() == positions.size(), "cells",
          "be " + std::to_string(positions.size()) + " as the positions are", cells.size());
  std::vector<std::vector<Part>> parts(cells.size());
  for (std::size_t n = 0; n < cells.size(); ++n) {
    require(cells[n] < whitening.cells.size(), "cells",
            "be below " + std::to_string(whitening.cells.size()), cells[n]);
    parts[n].push_back({cells[n], {}});
  }
  return blended(whitening, positions, parts, n_threads);
}

}  // namespace whitediff
