// Whole computations, of images, sources, masks and options of any kind: refused, or a result that
// is the same in memory and in bands and for any number of threads, with gaps where there were some
// and nowhere else, that what comes after can work with.

#include "whitediff/whiten.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <optional>
#include <random>
#include <stdexcept>
#include <vector>

#include "input.hpp"
#include "whitediff/blank_sky.hpp"
#include "whitediff/decorrelate.hpp"
#include "whitediff/measured_covariance.hpp"
#include "whitediff/photometry.hpp"

using namespace whitediff;

namespace {

template <class T>
class Call {
 public:
  explicit Call(fuzz::Input& input)
      : input_(input),
        frame_{input.within(1, 64), input.within(1, 64)},
        generator_(input.ConsumeIntegral<std::uint16_t>()),
        image_(pixels(0.0)) {
    set_options();
  }

  void run() {
    const std::vector<NoiseSource<T>> sources = any_sources();
    options_.n_threads = 1;
    const Whitened<T> white = whiten<T>(image_.view(), sources, options_);
    check_gaps(white);
    options_.n_threads = 2;
    switch (input_.within(0, 3)) {
      case 0:
        check_same(white, whiten<T>(image_.view(), sources, options_));
        break;
      case 1:
        check_bands(white, sources);
        break;
      case 2:
        check_statistics(white);
        break;
      default:
        check_psfs(white);
    }
  }

 private:
  /// Normal deviates about a mean, with odd pixels here and there.
  Image<T> pixels(double mean) {
    Image<T> plane(frame_);
    const double any = std::abs(input_.number());
    const double sigma = mean > 0.0 ? 0.1 * mean : any < 1e20 ? any : 1.0;
    std::normal_distribution<double> noise;
    std::generate_n(plane.data(), frame_.size(),
                    [&] { return static_cast<T>(mean + sigma * noise(generator_)); });
    for (int count = input_.once_in(2) ? input_.within(0, 8) : 0; count > 0; --count) {
      const int y = input_.within(0, frame_.height - 1), x = input_.within(0, frame_.width - 1);
      const T value = static_cast<T>(std::clamp(input_.number(), -1e35, 1e35));
      // A part of a row, or one pixel.
      std::fill_n(plane.row(y) + x, input_.once_in(4) ? frame_.width - x : 1, value);
    }
    return plane;
  }

  Plane<std::int32_t> any_mask() {
    if (input_.ConsumeBool()) return {};
    auto mask = std::make_shared<Image<std::int32_t>>(frame_);
    const unsigned share = input_.within(1, 64);
    std::generate_n(mask->data(), frame_.size(),
                    [&] { return generator_() % share == 0 ? 1 << generator_() % 4 : 0; });
    return {std::as_const(*mask).view(), mask};
  }

  NoiseCovariance covariance() {
    const double x = input_.number() / 16.0, y = input_.number() / 16.0;
    Image<double> lags({3, 3});
    lags(1, 1) = input_.once_in(8) ? input_.number() : 1.0;
    lags(1, 0) = lags(1, 2) = x;
    lags(0, 1) = lags(2, 1) = y;
    lags(0, 0) = lags(2, 2) = x * y;
    return NoiseCovariance(lags.view());
  }

  /// A Gaussian, which all that is done with PSFs can take; or any kernel.
  KernelPtr likely_kernel() {
    if (input_.once_in(3)) return input_.kernel();
    const int side = std::min({input_.within(1, 9), frame_.height, frame_.width});
    Image<double> image({side, side});
    const double sigma = input_.within(20, 300) / 100.0, middle = (side - 1) / 2;
    double sum = 0.0;
    for (int y = 0; y < side; ++y) {
      for (int x = 0; x < side; ++x) {
        const double r2 = (y - middle) * (y - middle) + (x - middle) * (x - middle);
        sum += image(y, x) = std::exp(-r2 / (2.0 * sigma * sigma));
      }
    }
    std::for_each(image.data(), image.data() + image.shape().size(), [&](double& v) { v /= sum; });
    return fixed_kernel(image.view());
  }

  void set_options() {
    if (input_.ConsumeBool()) options_.filter = FilterOptions::score();
    // Filters are short: long ones take a hundred times as long, in the same lines of code.
    options_.filter.power_floor = input_.once_in(16) ? input_.number() : 0.1;
    options_.filter.tolerance =
        input_.once_in(32) ? -input_.number() : input_.within(5, 20) / 100.0;
    options_.spatially_varying = input_.ConsumeBool();
    options_.variance =
        input_.ConsumeBool() ? VariancePropagation::full : VariancePropagation::estimate;
    if (input_.ConsumeBool()) options_.psf = {likely_kernel()};
    if (input_.once_in(4)) options_.remaining = covariance();
    if (input_.once_in(4)) options_.xy0 = {input_.number(), input_.number()};
    options_.mask = any_mask();
    options_.ignore_mask = input_.within(0, 15);
    options_.no_value_mask = input_.once_in(2) ? input_.within(0, 15) : 0;
    if (input_.ConsumeBool()) {
      options_.cells = make_cells(frame_, input_.within(1, 4), input_.within(1, 4),
                                  input_.within(0, 12), input_.within(0, 40));
      if (input_.once_in(4)) {
        for (Cell& cell : options_.cells) cell.expanded = {};
      }
      if (input_.once_in(4)) options_.cells.pop_back();
    }
    options_.reduction =
        input_.PickValueInArray({Reduction::crossfade, Reduction::average, Reduction::copy});
  }

  NoiseSource<T> source() {
    NoiseSource<T> source;
    const double variance = std::abs(input_.number());
    if (input_.ConsumeBool()) {
      auto plane = std::make_shared<Image<T>>(pixels(variance < 1e20 ? variance : 1.0));
      source.variance = Plane<T>(std::as_const(*plane).view(), plane);
      source.mask = any_mask();
    } else {
      source.variance = variance;
    }
    if (input_.once_in(4)) source.mean_variance = input_.number();
    return source;
  }

  std::vector<NoiseSource<T>> any_sources() {
    if (input_.ConsumeBool()) {
      std::vector<NoiseSource<T>> sources;
      for (int count = input_.within(1, 3); count > 0; --count) {
        sources.push_back(source());
        for (int n = input_.within(0, 2); n > 0; --n) {
          sources.back().kernels.push_back(likely_kernel());
        }
        if (input_.once_in(4)) sources.back().weight = input_.number();
        if (input_.once_in(4)) sources.back().covariances = {covariance()};
      }
      return sources;
    }
    DecorrelateOptions subtraction{.whiten = options_};
    if (input_.once_in(3)) subtraction.convolved = Convolved::science_image;
    if (input_.once_in(4)) subtraction.scale = input_.number();
    if (input_.once_in(4)) subtraction.preconvolved = true;
    if (input_.once_in(4)) subtraction.pre_kernel = likely_kernel();
    auto of = subtraction_sources<T>(frame_, source(), source(), likely_kernel(), subtraction);
    options_.psf = of.psf;
    return of.sources;
  }

  void check_gaps(const Whitened<T>& white) {
    const auto covered = coverage(white.cells, frame_);
    for (std::size_t i = 0; i < frame_.size(); ++i) {
      const T before = image_.data()[i], after = white.image.data()[i];
      if (!covered[i]) {
        fuzz::require(std::isnan(after), "pixels of no cell are NaN");
      } else if (std::isfinite(before)) {
        fuzz::require(std::isfinite(after), "a pixel with a value keeps one");
      } else {
        fuzz::require(std::memcmp(&before, &after, sizeof(T)) == 0,
                      "a pixel without a value is as it was");
      }
    }
  }

  template <class U>
  static void check_bits(ImageView<const U> one, ImageView<const U> other) {
    fuzz::require(one.shape() == other.shape(), "shapes agree");
    for (int y = 0; y < one.height(); ++y) {
      fuzz::require(std::memcmp(one.row(y), other.row(y), one.width() * sizeof(U)) == 0,
                    "results have the same bits");
    }
  }

  static void check_same(const Whitened<T>& one, const Whitened<T>& other) {
    check_bits(one.image.view(), other.image.view());
    check_bits(one.variance.view(), other.variance.view());
    check_bits(one.filter_edge.view(), other.filter_edge.view());
  }

  void check_bands(const Whitened<T>& white, const std::vector<NoiseSource<T>>& sources) {
    int done = 0;
    const auto cut = [&](const auto& plane, int y0, int height) {
      return plane.view().cut({0, y0, frame_.width, y0 + height});
    };
    whiten_bands<T>(
        image_.view(), sources,
        [&](int y0, ImageView<const T> image, ImageView<const T> variance,
            ImageView<const std::uint8_t> filter_edge, const std::shared_ptr<const void>&) {
          fuzz::require(y0 == done, "bands follow one another");
          check_bits(image, cut(white.image, y0, image.height()));
          check_bits(variance, cut(white.variance, y0, image.height()));
          check_bits(filter_edge, cut(white.filter_edge, y0, image.height()));
          done += image.height();
        },
        options_);
    fuzz::require(done == frame_.height, "bands make up the frame");
  }

  void check_statistics(const Whitened<T>& white) {
    Image<std::uint8_t> usable(frame_);
    std::generate_n(usable.data(), frame_.size(), [&] { return generator_() % 8 != 0; });
    const auto noise =
        in_units_of_noise<T>(white.image.view(), white.variance.view(), usable.view(), 1);
    const BlankSky sky = blank_sky<T>(noise.view(), usable.view(), input_.ConsumeBool(), 1);
    for (std::size_t i = 0; i < frame_.size(); ++i) {
      fuzz::require(!sky.usable.data()[i] || std::isfinite(noise.data()[i]),
                    "noise is measured on numbers");
    }
    const auto measured = autocovariance<T>(noise.view(), sky.usable.view(), noise_reach, 1);
    noise_covariance(measured);
  }

  void check_psfs(const Whitened<T>& white) {
    filter_images(white.noise, white.filter, white.support, 1);
    whitened_psfs(white.noise, white.filter, white.support, 1);
    const Point here{input_.number() * 16.0, input_.number() * 16.0};
    for (const auto& psf : psfs_at(white, {here}, 1)) {
      fuzz::require(psf.shape().size() > 0, "a PSF has pixels");
    }
    PeakResponse(white, 1).rows(0, frame_.height);
  }

  fuzz::Input& input_;
  Shape frame_;
  std::minstd_rand generator_;
  Image<T> image_;
  WhitenOptions options_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  try {
    if (input.ConsumeBool()) {
      Call<float>(input).run();
    } else {
      Call<double>(input).run();
    }
  } catch (const std::invalid_argument&) {
  }
  return 0;
}
