#include "filter_change.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "filter_design.hpp"
#include "parallel.hpp"

namespace whitediff {
namespace {

// So many modes tell a mean over k, whatever the size of a kernel.
constexpr int grid = 64;

/// Compares filters.
class Comparison {
 public:
  explicit Comparison(const FilterOptions& options)
      : here_({grid, grid}, options),
        there_({grid, grid}, options),
        filter_here_(here_.transform().spectrum_size()),
        filter_there_(here_.transform().spectrum_size()) {}

  void set_reference(const LocalNoise& noise) {
    here_.set(noise);
    here_.write_spectrum(filter_here_.data());
  }

  /// Relative, of |F|^2, which is twice that of F.
  double change_to(const LocalNoise& noise) {
    there_.set(noise);
    there_.write_spectrum(filter_there_.data());
    double change = 0.0, whole = 0.0;
    for (int y = 0; y < here_.grid().height; ++y) {
      const auto* here = filter_here_.data() + y * here_.transform().stride();
      const auto* there = filter_there_.data() + y * here_.transform().stride();
      const double* power = here_.power() + y * here_.stride();
      for (int x = 0; x < here_.transform().columns(); ++x) {
        change += std::norm(there[x] - here[x]) * power[x];
        whole += std::norm(here[x]) * power[x];
      }
    }
    return 2.0 * std::sqrt(change / whole);
  }

 private:
  FilterDesign here_, there_;
  fft::Buffer<std::complex<double>> filter_here_, filter_there_;
};

}  // namespace

FilterChange largest_change(const SteppedNoise& noise, const FilterOptions& options, int threads) {
  std::vector<FilterChange> changes(noise.here.size());
  PerThread<Comparison> comparisons(threads);
  parallel_for(changes.size(), threads, [&](std::size_t n) {
    Comparison& comparison = comparisons.get([&] { return Comparison(options); });
    comparison.set_reference(*noise.here[n]);
    changes[n] = {comparison.change_to(*noise.in_x[n]), comparison.change_to(*noise.in_y[n])};
  });
  FilterChange largest;
  for (const FilterChange& change : changes) {
    largest.in_x = std::max(largest.in_x, change.in_x);
    largest.in_y = std::max(largest.in_y, change.in_y);
  }
  return largest;
}

}  // namespace whitediff
