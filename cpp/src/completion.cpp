#include "completion.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <mutex>
#include <optional>
#include <variant>

#include "multiversion.hpp"
#include "row_bands.hpp"
#include "stream.hpp"

namespace whitediff {
namespace {

template <class T>
WHITEDIFF_ALWAYS_INLINE bool add_products_of_row(const T* gains, const T* values, int size, T limit,
                                                 T* sums) {
  int unknown = 0;
  for (int x = 0; x < size; ++x) {
    sums[x] += gains[x] * values[x];
    unknown |= !(values[x] > T(0) && values[x] <= limit);
  }
  return unknown != 0;
}

/// sums += gains * values; says whether a value is not above 0 and at most the limit.
WHITEDIFF_MULTIVERSION bool add_products(const float* gains, const float* values, int size,
                                         float limit, float* sums) {
  return add_products_of_row(gains, values, size, limit, sums);
}
WHITEDIFF_MULTIVERSION bool add_products(const double* gains, const double* values, int size,
                                         double limit, double* sums) {
  return add_products_of_row(gains, values, size, limit, sums);
}

constexpr int piece = 1024;  // so that sums stay in the nearest cache

}  // namespace

/// Completes one row after the other; every thread has its own.
template <class T>
class Completion<T>::RowWorker {
 public:
  RowWorker(const Completion& completion, const InputRows<T>& input, const Rows& rows)
      : completion_(completion),
        input_(input),
        rows_(rows),
        profile_(completion.cells_, completion.blend_, completion.gains_, numbers(input.sources),
                 rows, input.image.width()),
        constant_(input.image.width()) {
    unknown.variances.resize(input.sources.size());
  }

  /// Says whether there is any cell in the row.
  bool move_to(int row) {
    row_ = row;
    y_ = row - input_.first;
    if (profile_.move_to(row)) set_constant();
    return profile_.covers_any();
  }

  /// @param next  the output's next row; null after the last one.
  void estimate(T* out, const T* next) {
    for (int x = 0; x < width(); x += piece) {
      const int size = std::min(piece, width() - x);
      if (next) prefetch_output(next + x, size);
      std::copy_n(constant_.data() + x, size, out + x);
      bool all_known = true;
      for (std::size_t i = 0; i < input_.sources.size(); ++i) {
        const auto* plane = plane_of(input_.sources[i]);
        if (!plane) continue;
        if (next) prefetch(plane->row(y_ + 1) + x, size);
        const bool found = add_products(profile_.of(i).data() + x, plane->row(y_) + x, size,
                                        input_.sources[i].limit, out + x);
        all_known = all_known && (!found || is_all_zero(input_.sources[i], x, size));
      }
      if (!all_known) estimate_with_means(x, x + size, out);
    }
  }

  void complete(T* out) {
    if (!completion_.has_unknown_[row_].load(std::memory_order_relaxed)) return;
    for (std::size_t i = 0; i < input_.sources.size(); ++i) {
      const SourceRows<T>& source = input_.sources[i];
      const auto* plane = plane_of(source);
      if (plane) count(i);
    }
    restore_gaps(0, width(), out);
  }

  /// Pixels of no cell become NaN, and are marked.
  void clear_uncovered(T* image, T* variance, std::uint8_t* filter_edge) const {
    if (profile_.covers_all()) return;
    for (int x = 0; x < width(); ++x) {
      if (profile_.covered()[x]) continue;
      image[x] = variance[x] = std::numeric_limits<T>::quiet_NaN();
      filter_edge[x] = 1;
    }
  }

  void count_gaps() {
    if (!completion_.has_gaps_[row_].load(std::memory_order_relaxed)) return;
    const std::int32_t* bits = input_.mask.empty() ? nullptr : input_.mask.row(y_);
    const T* pixels = input_.image.row(y_);
    for (int x = 0; x < width(); ++x) {
      if (!profile_.covered()[x] || completion_.rule_.is_value(pixels, bits, x)) continue;
      const bool marked = bits && (bits[x] & completion_.rule_.no_value);
      ++(marked                     ? unknown.marked
         : std::isfinite(pixels[x]) ? unknown.too_large
                                    : unknown.not_finite);
    }
  }
  Unknown unknown;

 private:
  static const ImageView<const T>* plane_of(const SourceRows<T>& source) {
    return std::get_if<ImageView<const T>>(&source.variance);
  }

  /// Whether the pixels begin .. begin + size - 1 are those of a source without noise.
  bool is_all_zero(const SourceRows<T>& source, int begin, int size) const {
    const T* values = plane_of(source)->row(y_) + begin;
    return source.zero && all_between(values, size, -std::numeric_limits<T>::min(), T(0));
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

  /// The gains times the mean variances of the cells, blended, of every source.
  const GainProfile<T>& means() {
    if (!means_) {
      const std::size_t sources = input_.sources.size(), positions = completion_.noise_.size();
      mean_terms_ = completion_.gains_;
      for (std::size_t cell = 0; cell < mean_terms_.size(); ++cell) {
        // A cell of rows that are still to come has no gains yet.
        if (mean_terms_[cell].empty()) mean_terms_[cell].resize(sources);
        const std::size_t position = positions > 1 ? cell : 0;
        for (std::size_t i = 0; i < sources; ++i) {
          mean_terms_[cell][i] *= completion_.noise_.variances()[position * sources + i];
        }
      }
      means_.emplace(completion_.cells_, completion_.blend_, mean_terms_,
                     std::vector<double>(sources, 1.0), rows_, width());
    }
    means_->move_to(row_);
    return *means_;
  }

  /// The pixels begin .. end - 1 once more, some of whose variances are not known.
  void estimate_with_means(int begin, int end, T* out) {
    std::copy(constant_.begin() + begin, constant_.begin() + end, out + begin);
    for (std::size_t i = 0; i < input_.sources.size(); ++i) {
      const SourceRows<T>& source = input_.sources[i];
      const auto* plane = plane_of(source);
      if (!plane) continue;
      const T* values = plane->row(y_);
      const T* mean = means().of(i).data();
      for (int x = begin; x < end; ++x) {
        const bool known = source.is_known(values[x]);
        out[x] += known ? profile_.of(i)[x] * values[x] : mean[x];
        unknown.variances[i] += !known && profile_.covered()[x];
      }
    }
    restore_gaps(begin, end, out);
  }

  void count(std::size_t i) {
    const SourceRows<T>& source = input_.sources[i];
    const T* values = plane_of(source)->row(y_);
    for (int x = 0; x < width(); ++x) {
      unknown.variances[i] += profile_.covered()[x] && !source.is_known(values[x]);
    }
  }

  /// Puts what is not finite, or too large, back: the largest of all sources, NaN before all.
  void restore_gaps(int begin, int end, T* out) const {
    std::vector<char> is_gap(end - begin);
    for (const SourceRows<T>& source : input_.sources) {
      const auto* plane = plane_of(source);
      if (!plane) continue;
      const T* values = plane->row(y_);
      for (int x = begin; x < end; ++x) {
        if (std::isfinite(values[x]) && values[x] <= source.limit) continue;
        const bool larger = !is_gap[x - begin] || std::isnan(values[x]) || values[x] > out[x];
        if (larger) out[x] = values[x];
        is_gap[x - begin] = true;
      }
    }
  }

  const Completion& completion_;
  const InputRows<T>& input_;
  Rows rows_;
  GainProfile<T> profile_;
  std::vector<std::vector<double>> mean_terms_;
  std::optional<GainProfile<T>> means_;
  std::vector<T> constant_;
  int row_ = 0, y_ = 0;  // the row at work, in the frame and in the input
};

template <class T>
void Completion<T>::run(const InputRows<T>& input, const OutputRows<T>& output, int threads) {
  const bool estimated = variance_ == VariancePropagation::estimate;
  std::mutex summing;
  for_each_band<T>(output.variance.shape(), threads, [&](int begin, int end) {
    RowWorker worker(*this, input, {output.first + begin, output.first + end});
    for (int y = begin; y < end; ++y) {
      const bool covered = worker.move_to(output.first + y);
      T* variance = output.variance.row(y);
      if (covered && estimated) {
        worker.estimate(variance, y + 1 < end ? output.variance.row(y + 1) : nullptr);
      }
      if (covered && !estimated) worker.complete(variance);
      if (covered) worker.count_gaps();
      worker.clear_uncovered(output.image.row(y), variance, output.filter_edge.row(y));
    }
    const std::lock_guard lock(summing);
    unknown_ += worker.unknown;
  });
}

template <class T>
void Completion<T>::restart() {
  for (auto* reported : {&has_gaps_, &has_unknown_}) {
    for (auto& row : *reported) row.store(false, std::memory_order_relaxed);
  }
}

template class Completion<float>;
template class Completion<double>;

}  // namespace whitediff
