#include "fft.hpp"
#include "whitediff/plans.hpp"

#include <limits>
#include <thread>

#include "support.hpp"

using namespace whitediff;

namespace {

/// Spectrum and round trip of a transform of a random image.
template <class T>
struct Transformed {
  Image<T> image;
  fft::Buffer<std::complex<T>> spectrum;
  Image<T> back;
};

template <class T>
Transformed<T> transformed(Shape shape, unsigned seed) {
  const auto transform = fft::RealTransform<T>::get(shape);
  Transformed<T> result{test::noise<T>(shape, seed), {}, Image<T>(shape)};
  result.spectrum.resize(transform->spectrum_size());
  transform->forward(result.image.data(), result.spectrum.data());
  auto scratch = result.spectrum;
  transform->inverse(scratch.data(), result.back.data());
  return result;
}

/// Rounding of a transform of n normal deviates: a sum has size sqrt(n) and collects errors of the
/// unit roundoff in each of log2(n) levels; the factor 4 is room for the worst mode.
template <class T>
double rounding(std::size_t n) {
  const double levels = std::log2(double(n)) + 1.0;
  return 4.0 * std::numeric_limits<T>::epsilon() * levels * std::sqrt(double(n));
}

}  // namespace

TEST_CASE_TEMPLATE("a transform equals the direct sum", T, float, double) {
  for (const Shape shape : {Shape{1, 1}, {1, 9}, {7, 1}, {5, 7}, {16, 20}, {15, 24}, {33, 18}}) {
    CAPTURE(shape.height);
    CAPTURE(shape.width);
    const auto got = transformed<T>(shape, 3);
    const auto transform = fft::RealTransform<T>::get(shape);
    CHECK(transform->columns() == shape.width / 2 + 1);
    const Image<double> exact = test::converted<double>(got.image);
    double error = 0.0;
    for (int ky = 0; ky < shape.height; ++ky) {
      for (int kx = 0; kx < transform->columns(); ++kx) {
        const auto direct = test::transfer(exact, {0, 0}, shape, ky, kx);
        const std::complex<double> fast = got.spectrum[ky * transform->stride() + kx];
        error = std::max(error, std::abs(fast - direct));
      }
    }
    CHECK(error <= rounding<T>(shape.size()));
  }
}

TEST_CASE_TEMPLATE("there and back is the image times its size", T, float, double) {
  for (const Shape shape : {Shape{1, 1}, {9, 15}, {128, 80}, {61, 47}}) {
    const auto got = transformed<T>(shape, 4);
    double error = 0.0;
    for (std::size_t i = 0; i < shape.size(); ++i) {
      error = std::max(error, std::abs(double(got.back.data()[i]) / double(shape.size()) -
                                       got.image.data()[i]));
    }
    // Divided by its size, the error of two transforms is that of deviates of size one.
    CHECK(error <= 2.0 * rounding<T>(shape.size()) / std::sqrt(double(shape.size())));
  }
}

TEST_CASE("rows and columns keep batches aligned") {
  const auto transform = fft::RealTransform<float>::get({20, 37});
  const std::size_t alignment = static_cast<std::size_t>(fft::AlignedAllocator<float>::alignment);
  CHECK(transform->stride() * sizeof(std::complex<float>) % alignment == 0);
  CHECK(transform->row_stride() * sizeof(float) % alignment == 0);
  CHECK(transform->stride() >= std::size_t(transform->columns()));
  CHECK(transform->row_stride() >= 37);
  const fft::Buffer<float> buffer(3);
  CHECK(reinterpret_cast<std::uintptr_t>(buffer.data()) % alignment == 0);
}

TEST_CASE("fast sizes are even, large enough and products of small primes") {
  int last = 0;
  for (int size = 1; size <= 5000; ++size) {
    const int fast = fft::fast_size(size);
    CHECK_MESSAGE(fast >= size, size);
    CHECK_MESSAGE(fast >= last, size);
    CHECK_MESSAGE(fast % 4 == 0, size);
    // The widest gap of the table is 48 to 64: the least size in it, 49, grows by 31 %.
    if (size >= 16) CHECK_MESSAGE(fast < 1.31 * size, size);
    int rest = fast;
    for (int prime : {2, 3, 5, 7}) {
      while (rest % prime == 0) rest /= prime;
    }
    CHECK_MESSAGE(rest == 1, size);
    last = fast;
  }
}

TEST_CASE("transforms are cached, and outlive the cache") {
  const Shape shape{24, 18};
  const auto first = fft::RealTransform::get(shape);
  CHECK(fft::RealTransform::get(shape) == first);
  CHECK(fft::RealTransform::get({18, 24}) != first);
  clear_plans();
  CHECK(fft::RealTransform::get(shape) != first);

  const auto image = test::noise<double>(shape, 5);
  fft::Buffer<std::complex<double>> old_way(first->spectrum_size()), new_way = old_way;
  first->forward(image.data(), old_way.data());
  fft::RealTransform::get(shape)->forward(image.data(), new_way.data());
  CHECK(old_way == new_way);
}

TEST_CASE("a shape without a plan is an error") {
  CHECK_THROWS_AS(fft::RealTransform::get({0, 8}), Error);
  CHECK_THROWS_AS(fft::RealTransform<float>::get({8, 0}), Error);
}

TEST_CASE("threads plan and transform at once") {
  clear_plans();
  const Shape shapes[] = {{24, 20}, {20, 24}, {32, 40}, {40, 32}};
  std::vector<Transformed<float>> alone;
  for (unsigned i = 0; i < 4; ++i) alone.push_back(transformed<float>(shapes[i], i));
  clear_plans();
  std::vector<Transformed<float>> together(16);
  std::vector<std::thread> threads;
  for (unsigned i = 0; i < together.size(); ++i) {
    threads.emplace_back([&, i] {
      if (i % 5 == 4) clear_plans();
      together[i] = transformed<float>(shapes[i % 4], i % 4);
    });
  }
  for (auto& thread : threads) thread.join();
  for (unsigned i = 0; i < together.size(); ++i) {
    CHECK(together[i].spectrum == alone[i % 4].spectrum);
  }
}
