#pragma once

// What several tests need: simulated noise, kernels, and the slow, obvious ways to compute things.

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <complex>
#include <cstring>
#include <limits>
#include <memory>
#include <numbers>
#include <numeric>
#include <random>
#include <thread>
#include <vector>

#include "whitediff/whitediff.hpp"

namespace whitediff::test {

inline constexpr double infinity = std::numeric_limits<double>::infinity();
inline constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();

/// Independent normal deviates.
template <class T>
Image<T> noise(Shape shape, unsigned seed, double sigma = 1.0) {
  std::mt19937_64 generator(seed);
  std::normal_distribution<double> normal(0.0, sigma);
  Image<T> image(shape);
  std::generate_n(image.data(), shape.size(), [&] { return static_cast<T>(normal(generator)); });
  return image;
}

template <class T>
Image<T> constant(Shape shape, T value) {
  Image<T> image(shape);
  std::fill_n(image.data(), shape.size(), value);
  return image;
}

template <class To, class From>
Image<To> converted(const Image<From>& from) {
  Image<To> to(from.shape());
  std::copy_n(from.data(), from.shape().size(), to.data());
  return to;
}

template <class T>
bool same_bits(const Image<T>& a, const Image<T>& b) {
  return a.shape() == b.shape() &&
         std::memcmp(a.data(), b.data(), a.shape().size() * sizeof(T)) == 0;
}

/// A plane whose rows are read from an image, which must outlive it; columns that nobody looks at
/// are not. What a call gives is spoilt by the next one.
/// @param calls  where to note what was asked for.
template <class T>
Plane<T> reading(const Image<T>& image, std::vector<Rows>* calls = nullptr) {
  const auto given = std::make_shared<Image<T>>(), spoilt = std::make_shared<Image<T>>();
  const auto caller = std::this_thread::get_id();
  return {image.shape(), [&image, calls, given, spoilt, caller](const Rows& rows) {
            CHECK(std::this_thread::get_id() == caller);
            if (calls) calls->push_back(rows);
            *spoilt = std::move(*given);
            std::fill_n(spoilt->data(), spoilt->shape().size(), T(-77));
            *given = Image<T>({rows.count(), image.shape().width});
            std::fill_n(given->data(), given->shape().size(), T(-77));
            const int end = std::min(rows.columns.end, image.shape().width);
            for (int n = 0; n < rows.count(); ++n) {
              std::copy(image.row(rows.begin + n * rows.step) + rows.columns.begin,
                        image.row(rows.begin + n * rows.step) + end,
                        given->row(n) + rows.columns.begin);
            }
            return ImageView<const T>(given->view());
          }};
}

template <class T>
double sum(const Image<T>& image) {
  return std::accumulate(image.data(), image.data() + image.shape().size(), 0.0);
}

template <class T>
double largest(const Image<T>& image) {
  double most = 0.0;
  for (std::size_t i = 0; i < image.shape().size(); ++i) {
    most = std::max(most, std::abs(static_cast<double>(image.data()[i])));
  }
  return most;
}

/// max |a - b|
template <class A, class B>
double difference(const Image<A>& a, const Image<B>& b) {
  REQUIRE(a.shape() == b.shape());
  double most = 0.0;
  for (std::size_t i = 0; i < a.shape().size(); ++i) {
    most = std::max(most, std::abs(static_cast<double>(a.data()[i]) - b.data()[i]));
  }
  return most;
}

/// The same farther than a margin from the edge.
template <class A, class B>
double difference_inside(const Image<A>& a, const Image<B>& b, int margin) {
  REQUIRE(a.shape() == b.shape());
  REQUIRE(std::min(a.shape().height, a.shape().width) > 2 * margin);
  double most = 0.0;
  for (int y = margin; y < a.shape().height - margin; ++y) {
    for (int x = margin; x < a.shape().width - margin; ++x) {
      most = std::max(most, std::abs(static_cast<double>(a(y, x)) - b(y, x)));
    }
  }
  return most;
}

/// Mean square of the pixels inside a box.
template <class T>
double mean_square(const Image<T>& image, const Box& box) {
  double total = 0.0;
  for (int y = box.y0; y < box.y1; ++y) {
    for (int x = box.x0; x < box.x1; ++x) total += double(image(y, x)) * image(y, x);
  }
  return total / static_cast<double>(box.shape().size());
}

/// Correlation of the pixels inside a box with those (dx, dy) pixels away, inside it too.
template <class T>
double correlation(const Image<T>& image, const Box& box, int dx, int dy) {
  double total = 0.0;
  for (int y = box.y0; y < box.y1 - dy; ++y) {
    for (int x = box.x0; x < box.x1 - dx; ++x) {
      total += double(image(y, x)) * image(y + dy, x + dx);
    }
  }
  return total / ((box.height() - dy) * double(box.width() - dx)) / mean_square(image, box);
}

/// A round Gaussian, sampled at pixel centres and scaled to a sum.
inline Image<double> gaussian(Shape shape, double sigma, double total = 1.0) {
  Image<double> image(shape);
  const KernelCenter center = default_center(shape);
  for (int y = 0; y < shape.height; ++y) {
    for (int x = 0; x < shape.width; ++x) {
      const double r2 = std::pow(y - center.y, 2) + std::pow(x - center.x, 2);
      image(y, x) = std::exp(-0.5 * r2 / (sigma * sigma));
    }
  }
  const double scale = total / sum(image);
  std::transform(image.data(), image.data() + shape.size(), image.data(),
                 [scale](double value) { return value * scale; });
  return image;
}

inline KernelPtr gaussian_kernel(Shape shape, double sigma, double total = 1.0) {
  return fixed_kernel(gaussian(shape, sigma, total).view());
}

/// A kernel that a function of position and shift gives: f(position, dx, dy).
template <class Function>
class FunctionKernel final : public Kernel {
 public:
  FunctionKernel(Shape shape, Function function)
      : Kernel(shape, default_center(shape)), function_(std::move(function)) {}

  void evaluate(std::span<const Point> positions, double* images) const override {
    for (const Point& position : positions) {
      for (int v = 0; v < shape().height; ++v) {
        for (int u = 0; u < shape().width; ++u) {
          *images++ = function_(position, u - center().x, v - center().y);
        }
      }
    }
  }

 private:
  Function function_;
};

template <class Function>
KernelPtr function_kernel(Shape shape, Function function) {
  return std::make_shared<FunctionKernel<Function>>(shape, std::move(function));
}

/// A Gaussian whose sigma runs linearly from one to the other between x = 0 and x = width.
inline KernelPtr varying_gaussian(Shape shape, double first, double last, double width,
                                  double total = 1.0) {
  return function_kernel(shape, [=](Point position, int dx, int dy) {
    const double sigma = first + (last - first) * position.x / width;
    const double norm = total / (2.0 * std::numbers::pi * sigma * sigma);
    return norm * std::exp(-0.5 * (dx * dx + dy * dy) / (sigma * sigma));
  });
}

/// (K * image)[y, x], pixel by pixel, zero beyond the frame.
template <class T>
Image<double> convolve(const Image<T>& image, const Kernel& kernel) {
  const auto [height, width] = image.shape();
  const auto [kernel_height, kernel_width] = kernel.shape();
  Image<double> out(image.shape());
  Image<double> local(kernel.shape());
  for (int x = 0; x < width; ++x) {
    // Positions of a column share the kernel: the kernels of these tests vary with x alone.
    const Point position{double(x), 0.0};
    kernel.evaluate({&position, 1}, local.data());
    for (int y = 0; y < height; ++y) {
      double total = 0.0;
      for (int v = 0; v < kernel_height; ++v) {
        const int from_y = y - (v - kernel.center().y);
        if (from_y < 0 || from_y >= height) continue;
        for (int u = 0; u < kernel_width; ++u) {
          const int from_x = x - (u - kernel.center().x);
          if (from_x >= 0 && from_x < width) total += local(v, u) * image(from_y, from_x);
        }
      }
      out(y, x) = total;
    }
  }
  return out;
}

/// The transfer function of a kernel image at the mode (kx, ky) of a grid, by its definition.
inline std::complex<double> transfer(const Image<double>& image, KernelCenter center, Shape grid,
                                     int ky, int kx) {
  std::complex<double> total = 0.0;
  for (int v = 0; v < image.shape().height; ++v) {
    for (int u = 0; u < image.shape().width; ++u) {
      // Whole cycles are taken out in whole numbers, before they cost precision.
      const double cycles = double(ky * (v - center.y) % grid.height) / grid.height +
                            double(kx * (u - center.x) % grid.width) / grid.width;
      total += image(v, u) * std::polar(1.0, -2.0 * std::numbers::pi * cycles);
    }
  }
  return total;
}

/// A difference image of pure noise, S - K*T, with the variance planes of S and T.
template <class T>
struct NoisePair {
  Image<T> difference;
  double science_variance;
  double template_variance;
  KernelPtr kernel;

  NoiseSource<T> science() const { return {science_variance, {}, 1.0, {}}; }
  NoiseSource<T> template_image() const { return {template_variance, {}, 1.0, {}}; }
};

template <class T>
NoisePair<T> noise_pair(Shape shape, KernelPtr kernel, double science_variance,
                        double template_variance, unsigned seed = 1) {
  const auto science = noise<double>(shape, seed, std::sqrt(science_variance));
  const auto template_image = noise<double>(shape, seed + 1000, std::sqrt(template_variance));
  const Image<double> matched = convolve(template_image, *kernel);
  Image<T> difference(shape);
  std::transform(science.data(), science.data() + shape.size(), matched.data(), difference.data(),
                 [](double s, double t) { return static_cast<T>(s - t); });
  return {std::move(difference), science_variance, template_variance, std::move(kernel)};
}

}  // namespace whitediff::test
