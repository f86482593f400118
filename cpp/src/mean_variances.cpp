#include "mean_variances.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "parallel.hpp"
#include "scattered.hpp"
#include "whitediff/statistics.hpp"

namespace whitediff {
namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

/// The mean variance of a source that needs no look at pixels.
template <class T>
std::optional<double> known_mean(const NoiseSource<T>& source) {
  if (source.mean_variance) return source.mean_variance;
  if (const auto* number = std::get_if<double>(&source.variance)) return *number;
  return std::nullopt;
}

/// All rows of a small box; some of others, as many of them even as odd: rows that are read out in
/// turns, or resampled by simple factors, alternate in their noise.
Rows sampled_rows(const Box& box, std::size_t pixels) {
  constexpr int least = 24, multiple = 4;
  const int height = box.height();
  if (height < least || box.shape().size() <= pixels) return {box.y0, box.y1, 1};
  int step = height / least;
  while (step % 2 == 0 || step % 3 == 0 || step % 5 == 0) --step;
  const int count = height / step / multiple * multiple;
  const int length = (count - 1) * step + 1;
  const int begin = box.y0 + (height - length) / 2;
  return {begin, begin + length, step};
}

/// Sampled rows of a plane: some columns of each, others from row to row.
template <class T>
Image<T> sampled(ImageView<const T> rows, const Box& box, std::size_t pixels) {
  const auto count = static_cast<std::size_t>(rows.height());
  const int width = static_cast<int>(std::clamp<std::size_t>(
      (pixels + count - 1) / count, 1, static_cast<std::size_t>(box.width())));
  Image<T> sample({rows.height(), width});
  for (int y = 0; y < rows.height(); ++y) {
    const int x = box.x0 + static_cast<int>(scattered(static_cast<std::size_t>(y)) *
                                            (box.width() - width + 1));
    std::copy_n(rows.row(y) + x, width, sample.row(y));
  }
  return sample;
}

/// The clipped mean of the positive variances of a plane; 0 if there are zeros alone, NaN if
/// nothing.
template <class T>
double positive_mean(const Plane<T>& plane, const PixelMask& mask, int threads) {
  const ClippedMean positive = clipped_mean<T>(plane, mask, threads, 0.0);
  if (positive.used > 0) return positive.mean;
  const ClippedMean all = clipped_mean<T>(plane, mask, threads, -std::numeric_limits<T>::min());
  return all.mean;
}

/// The clipped mean variance of a source in sampled rows of a box.
template <class T>
double mean_variance(const NoiseSource<T>& source, std::int32_t ignore, const Box& box,
                     std::size_t pixels) {
  if (const auto known = known_mean(source)) return *known;
  const Rows rows = sampled_rows(box, pixels);
  const auto values = sampled(std::get<Plane<T>>(source.variance).rows(rows), box, pixels);
  if (source.mask.empty() || ignore == 0) return positive_mean<T>(values.view(), {}, 1);
  const auto bits = sampled(source.mask.rows(rows), box, pixels);
  return positive_mean<T>(values.view(), {bits.view(), ignore}, 1);
}

/// Whether the statistics of a source need nothing to be read.
template <class T>
bool in_memory(const NoiseSource<T>& source) {
  return known_mean(source) ||
         (std::get<Plane<T>>(source.variance).in_memory() && source.mask.in_memory());
}

/// Lets planes read rows, for threads to find them.
template <class T>
void read(const NoiseSource<T>& source, std::int32_t ignore, const Rows& rows) {
  if (in_memory(source)) return;
  std::get<Plane<T>>(source.variance).rows(rows);
  if (!source.mask.empty() && ignore != 0) source.mask.rows(rows);
}

/// Fills values that are not finite, `count` apart from `first` on, with the mean of the others.
void fill_gaps(std::vector<double>& values, std::size_t first, std::size_t count) {
  double sum = 0.0;
  std::size_t usable = 0;
  for (std::size_t n = first; n < values.size(); n += count) {
    if (!std::isfinite(values[n])) continue;
    sum += values[n];
    ++usable;
  }
  const double mean = usable > 0 ? sum / static_cast<double>(usable) : nan;
  for (std::size_t n = first; n < values.size(); n += count) {
    if (!std::isfinite(values[n])) values[n] = mean;
  }
}

}  // namespace

template <class T>
std::vector<double> mean_variances(const std::vector<Box>& boxes,
                                   const std::vector<NoiseSource<T>>& sources, std::int32_t ignore,
                                   std::size_t pixels, int threads) {
  const std::size_t count = sources.size();
  std::vector<double> variances(boxes.size() * count);
  const bool all_in_memory = std::all_of(sources.begin(), sources.end(), in_memory<T>);
  for (std::size_t first = 0, last = 0; first < boxes.size(); first = last) {
    const Rows rows = sampled_rows(boxes[first], pixels);
    // Boxes side by side share the rows that are read.
    while (last < boxes.size() && (all_in_memory || sampled_rows(boxes[last], pixels) == rows)) {
      ++last;
    }
    for (const auto& source : sources) read(source, ignore, rows);
    parallel_for((last - first) * count, threads, [&](std::size_t n) {
      variances[first * count + n] =
          mean_variance(sources[n % count], ignore, boxes[first + n / count], pixels);
    });
  }
  for (std::size_t n = 0; n < boxes.size(); ++n) {
    double* local = variances.data() + n * count;
    if (std::all_of(local, local + count, [](double v) { return v == 0.0; })) {
      std::fill(local, local + count, nan);
    }
  }
  for (std::size_t i = 0; i < count; ++i) {
    // A plane that is zero in some boxes alone says nothing of these.
    bool any_noise = false;
    for (std::size_t n = i; n < variances.size(); n += count) any_noise |= variances[n] > 0.0;
    for (std::size_t n = i; n < variances.size(); n += count) {
      if (any_noise && variances[n] == 0.0) variances[n] = nan;
    }
    fill_gaps(variances, i, count);
  }
  return variances;
}

template <class T>
std::vector<double> frame_variances(const std::vector<NoiseSource<T>>& sources, std::int32_t ignore,
                                    int threads) {
  std::vector<double> variances;
  for (const auto& source : sources) {
    const auto known = known_mean(source);
    variances.push_back(known ? *known
                              : positive_mean<T>(std::get<Plane<T>>(source.variance),
                                                 {source.mask, ignore}, threads));
  }
  if (std::all_of(variances.begin(), variances.end(), [](double v) { return v == 0.0; })) {
    std::fill(variances.begin(), variances.end(), nan);
  }
  return variances;
}

template std::vector<double> mean_variances(const std::vector<Box>&,
                                            const std::vector<NoiseSource<float>>&, std::int32_t,
                                            std::size_t, int);
template std::vector<double> mean_variances(const std::vector<Box>&,
                                            const std::vector<NoiseSource<double>>&, std::int32_t,
                                            std::size_t, int);
template std::vector<double> frame_variances(const std::vector<NoiseSource<float>>&, std::int32_t,
                                             int);
template std::vector<double> frame_variances(const std::vector<NoiseSource<double>>&, std::int32_t,
                                             int);

}  // namespace whitediff
