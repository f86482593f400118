#pragma once

// Simulated images for the examples.

#include <cmath>
#include <cstdio>
#include <random>
#include <whitediff/whitediff.hpp>

namespace example {

using whitediff::Image;
using whitediff::Shape;

/// Independent normal pixels.
inline Image<float> noise(Shape shape, double variance, unsigned seed) {
  std::mt19937_64 generator(seed);
  std::normal_distribution<float> normal(0.0f, static_cast<float>(std::sqrt(variance)));
  Image<float> image(shape);
  for (std::size_t i = 0; i < shape.size(); ++i) image.data()[i] = normal(generator);
  return image;
}

/// A round Gaussian of sum one, of 4 sigma on each side.
inline Image<double> gaussian(double sigma) {
  const int half = static_cast<int>(std::ceil(4.0 * sigma));
  Image<double> image({2 * half + 1, 2 * half + 1});
  double sum = 0.0;
  for (int v = -half; v <= half; ++v) {
    for (int u = -half; u <= half; ++u) {
      sum += image(v + half, u + half) = std::exp(-0.5 * (u * u + v * v) / (sigma * sigma));
    }
  }
  for (std::size_t i = 0; i < image.shape().size(); ++i) image.data()[i] /= sum;
  return image;
}

/// image += factor * (kernel * other), with zeros beyond the frame.
inline void add_convolved(Image<float>& image, double factor, const Image<double>& kernel,
                          const Image<float>& other) {
  const auto [height, width] = image.shape();
  const int half = kernel.shape().height / 2;
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      double total = 0.0;
      for (int v = -half; v <= half; ++v) {
        for (int u = -half; u <= half; ++u) {
          if (y - v < 0 || y - v >= height || x - u < 0 || x - u >= width) continue;
          total += kernel(v + half, u + half) * other(y - v, x - u);
        }
      }
      image(y, x) += static_cast<float>(factor * total);
    }
  }
}

/// The variance of the pixels, and their correlation with their right-hand neighbours.
struct Whiteness {
  double variance, lag_one;
};

inline Whiteness whiteness(const Image<float>& image, int margin = 20) {
  const auto [height, width] = image.shape();
  double squares = 0.0, products = 0.0;
  long pixels = 0;
  for (int y = margin; y < height - margin; ++y) {
    for (int x = margin; x < width - margin; ++x, ++pixels) {
      squares += image(y, x) * image(y, x);
      products += image(y, x) * image(y, x + 1);
    }
  }
  return {squares / static_cast<double>(pixels), products / squares};
}

/// Prints both, and tells whether the result is white and of this variance.
inline bool report(const Image<float>& before, const Image<float>& after, double variance) {
  const Whiteness was = whiteness(before), is = whiteness(after);
  std::printf("before: variance %6.3f, correlation of neighbours %6.3f\n", was.variance,
              was.lag_one);
  std::printf("after:  variance %6.3f, correlation of neighbours %6.3f (expected %.3f, 0)\n",
              is.variance, is.lag_one, variance);
  return std::abs(is.variance / variance - 1.0) < 0.03 && std::abs(is.lag_one) < 0.02;
}

}  // namespace example
