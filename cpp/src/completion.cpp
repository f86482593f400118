#include "completion.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <string>
#include <variant>

#include "multiversion.hpp"
#include "require.hpp"
#include "row_bands.hpp"

namespace whitediff {
namespace {

/// Whether a variance is negative or not finite.
template <class T>
WHITEDIFF_ALWAYS_INLINE bool is_unusual(T value) {
  return !(value >= T(0) && value <= std::numeric_limits<T>::max());
}

template <class T>
WHITEDIFF_ALWAYS_INLINE bool add_products_of_row(const T* gains, const T* values, int size,
                                                 T* sums) {
  int unusual = 0;
  for (int x = 0; x < size; ++x) {
    sums[x] += gains[x] * values[x];
    unusual |= is_unusual(values[x]);
  }
  return unusual != 0;
}

/// sums += gains * values; says whether a value is unusual.
WHITEDIFF_MULTIVERSION bool add_products(const float* gains, const float* values, int size,
                                         float* sums) {
  return add_products_of_row(gains, values, size, sums);
}
WHITEDIFF_MULTIVERSION bool add_products(const double* gains, const double* values, int size,
                                         double* sums) {
  return add_products_of_row(gains, values, size, sums);
}

template <class T>
WHITEDIFF_ALWAYS_INLINE bool find_unusual(const T* values, int size) {
  int unusual = 0;
  for (int x = 0; x < size; ++x) {
    unusual |= is_unusual(values[x]);
  }
  return unusual != 0;
}

WHITEDIFF_MULTIVERSION bool any_unusual(const float* values, int size) {
  return find_unusual(values, size);
}
WHITEDIFF_MULTIVERSION bool any_unusual(const double* values, int size) {
  return find_unusual(values, size);
}

constexpr int piece = 1024;  // so that sums stay in the nearest cache

}  // namespace

/// Completes one row after the other; every thread has its own.
template <class T>
class Completion<T>::RowWorker {
 public:
  RowWorker(const Completion& completion, const InputRows<T>& input, const Rows& rows)
      : input_(input),
        ignore_mask_(completion.ignore_mask_),
        profile_(completion.cells_, completion.blend_, completion.gains_, numbers(input.sources),
                 rows, input.image.width()),
        constant_(input.image.width()) {}

  /// Says whether there is any cell in the row.
  bool move_to(int row) {
    y_ = row - input_.first;
    if (profile_.move_to(row)) set_constant();
    return profile_.covers_any();
  }

  void estimate(T* out) const {
    for (int x = 0; x < width(); x += piece) {
      const int size = std::min(piece, width() - x);
      std::copy_n(constant_.data() + x, size, out + x);
      for (std::size_t i = 0; i < input_.sources.size(); ++i) {
        const auto* plane = plane_of(input_.sources[i]);
        if (!plane) continue;
        if (add_products(profile_.of(i).data() + x, plane->row(y_) + x, size, out + x)) {
          check(input_.sources[i], x, x + size);
        }
      }
    }
  }

  void restore_gaps(T* out) const {
    for (const SourceRows<T>& source : input_.sources) {
      const auto* plane = plane_of(source);
      if (!plane) continue;
      const T* values = plane->row(y_);
      if (!any_unusual(values, width())) continue;
      check(source, 0, width());
      for (int x = 0; x < width(); ++x) {
        if (std::isfinite(values[x])) continue;
        // The gaps of several sources in one pixel are summed.
        out[x] = std::isfinite(out[x]) ? values[x] : out[x] + values[x];
      }
    }
  }

  /// Pixels of no cell become NaN.
  void clear_uncovered(T* out) const {
    if (profile_.covers_all()) return;
    for (int x = 0; x < width(); ++x) {
      if (!profile_.covered()[x]) out[x] = std::numeric_limits<T>::quiet_NaN();
    }
  }

 private:
  static const ImageView<const T>* plane_of(const SourceRows<T>& source) {
    return std::get_if<ImageView<const T>>(&source.variance);
  }

  /// The variances that are numbers; 1 for planes.
  static std::vector<double> numbers(const std::vector<SourceRows<T>>& sources) {
    std::vector<double> found;
    for (const SourceRows<T>& source : sources) {
      const auto* number = std::get_if<double>(&source.variance);
      found.push_back(number ? *number : 1.0);
    }
    return found;
  }

  int width() const { return input_.image.width(); }

  /// Sums all sources whose variance is a number.
  void set_constant() {
    std::fill(constant_.begin(), constant_.end(), T(0));
    for (std::size_t i = 0; i < input_.sources.size(); ++i) {
      if (plane_of(input_.sources[i])) continue;
      std::transform(constant_.begin(), constant_.end(), profile_.of(i).begin(), constant_.begin(),
                     std::plus<>());
    }
  }

  /// Refuses negative values among the pixels begin .. end - 1.
  void check(const SourceRows<T>& source, int begin, int end) const {
    const T* values = plane_of(source)->row(y_);
    for (int x = begin; x < end; ++x) {
      const bool masked = !source.mask.empty() && (source.mask(y_, x) & ignore_mask_);
      if (values[x] < T(0) && std::isfinite(values[x]) && !masked && profile_.covered()[x]) {
        refuse(source.name, "be >= 0",
               std::to_string(values[x]) + " at (x, y) = (" + std::to_string(x) + ", " +
                   std::to_string(y_ + input_.first) + ")");
      }
    }
  }

  const InputRows<T>& input_;
  std::int32_t ignore_mask_;
  GainProfile<T> profile_;
  std::vector<T> constant_;
  int y_ = 0;
};

template <class T>
void Completion<T>::run(const InputRows<T>& input, const OutputRows<T>& output, int threads) const {
  const bool estimated = variance_ == VariancePropagation::estimate;
  for_each_band<T>(output.variance.shape(), threads, [&](int begin, int end) {
    RowWorker worker(*this, input, {output.first + begin, output.first + end});
    for (int y = begin; y < end; ++y) {
      const bool covered = worker.move_to(output.first + y);
      T* variance = output.variance.row(y);
      if (covered && estimated) worker.estimate(variance);
      if (covered && !estimated) worker.restore_gaps(variance);
      worker.clear_uncovered(variance);
      worker.clear_uncovered(output.image.row(y));
    }
  });
}

template class Completion<float>;
template class Completion<double>;

}  // namespace whitediff
