#include "whitediff/measured_covariance.hpp"

#include <algorithm>
#include <cmath>
#include <complex>
#include <limits>
#include <numbers>
#include <vector>

#include "fft.hpp"
#include "parallel.hpp"
#include "require.hpp"

namespace whitediff {
namespace {

constexpr double clip_sigmas = 4.0;
// Clipping of noise that has few pixels beyond the limit settles in as many rounds.
constexpr int clip_rounds = 5;
constexpr int largest_lag = 12;
constexpr int first_of_plateau = 8;
constexpr int whole_to = 3, zero_from = 7;
constexpr int reach = zero_from - 1;
// Of the transforms over which products are summed: short enough for the cache.
constexpr int side = 256;
constexpr int tile = side - 2 * largest_lag;
// Tiles are summed in so many parts, one after the other in each, whatever the threads.
constexpr std::size_t parts = 8;
constexpr int band = 64;

/// The variance of a normal distribution cut off at so many sigma, over that of the whole.
double kept_variance() {
  const double density =
      std::exp(-0.5 * clip_sigmas * clip_sigmas) / std::sqrt(2.0 * std::numbers::pi);
  return 1.0 - 2.0 * clip_sigmas * density / std::erf(clip_sigmas / std::numbers::sqrt2);
}

struct Moments {
  double count = 0.0, sum = 0.0, squares = 0.0;
};

/// The pixels that are taken: usable, and within limits that tighten.
template <class T>
class Pixels {
 public:
  Pixels(ImageView<const T> noise, ImageView<const std::uint8_t> usable)
      : noise_(noise), usable_(usable) {}

  Shape shape() const { return noise_.shape(); }
  double mean() const { return mean_; }
  bool taken(int y, int x) const {
    return usable_(y, x) && std::abs(noise_(y, x) - mean_) <= limit_;
  }
  double value(int y, int x) const { return noise_(y, x) - mean_; }

  void clip(int threads) {
    for (int round = 0; round < clip_rounds; ++round) {
      const Moments moments = sums(threads);
      require(moments.count > 0.0, "image", "have usable pixels", "none");
      const double offset = moments.sum / moments.count;
      const double variance = moments.squares / moments.count - offset * offset;
      require(variance > 0.0, "image", "have noise", "equal pixels");
      mean_ += offset;
      limit_ = clip_sigmas * std::sqrt(variance);
    }
  }

 private:
  /// Of what is taken, about the mean so far; band by band, so that threads do not matter.
  Moments sums(int threads) const {
    std::vector<Moments> bands((shape().height + band - 1) / band);
    parallel_for(bands.size(), threads, [&](std::size_t n) {
      const int begin = static_cast<int>(n) * band;
      for (int y = begin; y < std::min(begin + band, shape().height); ++y) {
        for (int x = 0; x < shape().width; ++x) {
          if (!taken(y, x)) continue;
          bands[n].count += 1.0;
          bands[n].sum += value(y, x);
          bands[n].squares += value(y, x) * value(y, x);
        }
      }
    });
    Moments total;
    for (const Moments& moments : bands) {
      total.count += moments.count;
      total.sum += moments.sum;
      total.squares += moments.squares;
    }
    return total;
  }

  ImageView<const T> noise_;
  ImageView<const std::uint8_t> usable_;
  double mean_ = 0.0;
  double limit_ = std::numeric_limits<double>::max();
};

/// Sums of products of pixels, and numbers of pairs, of some tiles, in Fourier space.
template <class T>
class Products {
 public:
  explicit Products(const fft::RealTransform& transform)
      : transform_(transform),
        image_(transform.shape().size()),
        inner_(transform.spectrum_size()),
        outer_(transform.spectrum_size()),
        noise_(transform.spectrum_size()),
        pairs_(transform.spectrum_size()) {}

  /// Adds the pairs whose first pixel lies in the tile.
  void add(const Pixels<T>& pixels, const Box& box) {
    const Box wide = box.grown(largest_lag).clipped(whole(pixels));
    const auto value = [&](int y, int x) { return pixels.taken(y, x) ? pixels.value(y, x) : 0.0; };
    const auto one = [&](int y, int x) { return pixels.taken(y, x) ? 1.0 : 0.0; };
    add(box, wide, value, noise_);
    add(box, wide, one, pairs_);
  }

  void add(const Products& other) {
    for (std::size_t k = 0; k < noise_.size(); ++k) {
      noise_[k] += other.noise_[k];
      pairs_[k] += other.pairs_[k];
    }
  }

  /// Shifts in the order of the transform.
  fft::Buffer<double> products() { return image_of(noise_); }
  fft::Buffer<double> pairs() { return image_of(pairs_); }

  static Box whole(const Pixels<T>& pixels) {
    return {0, 0, pixels.shape().width, pixels.shape().height};
  }

 private:
  using Spectrum = fft::Buffer<std::complex<double>>;

  template <class Value>
  void add(const Box& box, const Box& wide, const Value& value, Spectrum& total) {
    // Both from the same origin, so that no shift comes out at [0, 0].
    const auto load = [&](const Box& part, Spectrum& spectrum) {
      std::fill(image_.begin(), image_.end(), 0.0);
      for (int y = part.y0; y < part.y1; ++y) {
        double* row = image_.data() + static_cast<std::ptrdiff_t>(y - wide.y0) * side - wide.x0;
        for (int x = part.x0; x < part.x1; ++x) row[x] = value(y, x);
      }
      transform_.forward(image_.data(), spectrum.data());
    };
    load(box, inner_);
    load(wide, outer_);
    for (std::size_t k = 0; k < total.size(); ++k) total[k] += std::conj(inner_[k]) * outer_[k];
  }

  fft::Buffer<double> image_of(const Spectrum& spectrum) {
    Spectrum copy(spectrum);
    fft::Buffer<double> image(transform_.shape().size());
    transform_.inverse(copy.data(), image.data());
    for (double& value : image) value /= static_cast<double>(image.size());
    return image;
  }

  const fft::RealTransform& transform_;
  fft::Buffer<double> image_;
  Spectrum inner_, outer_, noise_, pairs_;
};

template <class T>
bool any_taken(const Pixels<T>& pixels, const Box& box) {
  for (int y = box.y0; y < box.y1; ++y) {
    for (int x = box.x0; x < box.x1; ++x) {
      if (pixels.taken(y, x)) return true;
    }
  }
  return false;
}

template <class T>
std::vector<Box> tiles_of(const Pixels<T>& pixels) {
  std::vector<Box> boxes;
  const Box frame = Products<T>::whole(pixels);
  for (int y = 0; y < frame.y1; y += tile) {
    for (int x = 0; x < frame.x1; x += tile) {
      const Box box = Box{x, y, x + tile, y + tile}.clipped(frame);
      if (any_taken(pixels, box)) boxes.push_back(box);
    }
  }
  return boxes;
}

double window(int dy, int dx) {
  const int lag = std::max(std::abs(dy), std::abs(dx));
  return std::clamp(static_cast<double>(zero_from - lag) / (zero_from - whole_to), 0.0, 1.0);
}

}  // namespace

template <class T>
MeasuredCovariance measure_covariance(ImageView<const T> noise,
                                      ImageView<const std::uint8_t> usable, int n_threads) {
  require(usable.shape() == noise.shape(), "usable",
          "have shape " + to_string(noise.shape()) + ", that of the image", usable.shape());
  const int threads = thread_count(n_threads);
  Pixels<T> pixels(noise, usable);
  pixels.clip(threads);

  const auto transform = fft::RealTransform::get({side, side});
  const std::vector<Box> tiles = tiles_of(pixels);
  std::vector<Products<T>> sums(std::min(parts, tiles.size()), Products<T>(*transform));
  parallel_for(sums.size(), threads, [&](std::size_t part) {
    for (std::size_t n = part; n < tiles.size(); n += sums.size()) sums[part].add(pixels, tiles[n]);
  });
  for (std::size_t part = 1; part < sums.size(); ++part) sums[0].add(sums[part]);
  const fft::Buffer<double> products = sums[0].products(), pairs = sums[0].pairs();

  const auto at = [](const fft::Buffer<double>& image, int dy, int dx) {
    return image[static_cast<std::size_t>((dy + side) % side) * side + (dx + side) % side];
  };
  // A pair counts for a lag and its opposite; halves of both make the two the same, bit by bit.
  const auto pairs_at = [&](int dy, int dx) {
    return std::rint(0.5 * (at(pairs, dy, dx) + at(pairs, -dy, -dx)));
  };
  const auto mean_at = [&](int dy, int dx) {
    const double count = pairs_at(dy, dx);
    return count > 0.0 ? 0.5 * (at(products, dy, dx) + at(products, -dy, -dx)) / count : 0.0;
  };
  double plateau = 0.0;
  int lags_of_plateau = 0;
  for (int dy = -largest_lag; dy <= largest_lag; ++dy) {
    for (int dx = -largest_lag; dx <= largest_lag; ++dx) {
      if (std::max(std::abs(dy), std::abs(dx)) < first_of_plateau) continue;
      plateau += mean_at(dy, dx);
      ++lags_of_plateau;
    }
  }
  plateau /= lags_of_plateau;

  const double kept = kept_variance();
  MeasuredCovariance measured{Image<double>({2 * reach + 1, 2 * reach + 1}),
                              Image<double>({2 * reach + 1, 2 * reach + 1})};
  for (int dy = -reach; dy <= reach; ++dy) {
    for (int dx = -reach; dx <= reach; ++dx) {
      measured.lags(dy + reach, dx + reach) = window(dy, dx) * (mean_at(dy, dx) - plateau) / kept;
      measured.pairs(dy + reach, dx + reach) = pairs_at(dy, dx);
    }
  }
  return measured;
}

template MeasuredCovariance measure_covariance(ImageView<const float>,
                                               ImageView<const std::uint8_t>, int);
template MeasuredCovariance measure_covariance(ImageView<const double>,
                                               ImageView<const std::uint8_t>, int);

}  // namespace whitediff
