#include "fft.hpp"

#include <limits>
#include <thread>

#include "support.hpp"

using namespace whitediff;

namespace {

/// Rounding of a transform of n normal deviates: a sum has size sqrt(n) and collects errors of the
/// unit roundoff in each of log2(n) levels; the factor 4 is room for the worst mode.
template <class T>
double rounding(std::size_t n) {
  const double levels = std::log2(double(n)) + 1.0;
  return 4.0 * std::numeric_limits<T>::epsilon() * levels * std::sqrt(double(n));
}

template <class T>
fft::Buffer<std::complex<T>> random_lines(const fft::LineTransform<T>& transform, unsigned seed) {
  const int count = static_cast<int>(transform.batch * transform.pitch());
  const auto parts = test::noise<T>({2, count}, seed);
  fft::Buffer<std::complex<T>> lines(count);
  for (int i = 0; i < count; ++i) lines[i] = {parts(0, i), parts(1, i)};
  return lines;
}

/// The spectrum of a random image and what it becomes on the way back.
struct Transformed {
  Image<double> image;
  fft::Buffer<std::complex<double>> spectrum;
  Image<double> back;
};

Transformed transformed(Shape shape, unsigned seed) {
  const auto transform = fft::RealTransform::get(shape);
  Transformed result{test::noise<double>(shape, seed), {}, Image<double>(shape)};
  fft::Buffer<double> image(result.image.data(), result.image.data() + shape.size());
  result.spectrum.resize(transform->spectrum_size());
  transform->forward(image.data(), result.spectrum.data());
  auto scratch = result.spectrum;
  transform->inverse(scratch.data(), image.data());
  std::copy(image.begin(), image.end(), result.back.data());
  return result;
}

}  // namespace

TEST_CASE_TEMPLATE("lines are transformed as the direct sum says, one by one", T, float, double) {
  for (const int length : {1, 7, 16, 24, 45, 80}) {
    CAPTURE(length);
    const auto transform = fft::LineTransform<T>::get(length);
    CHECK(transform->length() == length);
    const auto in = random_lines(*transform, 1);
    const auto before = in;
    fft::Buffer<std::complex<T>> spectrum(in.size()), back(in.size());
    transform->forward(in.data(), spectrum.data());
    transform->inverse(spectrum.data(), back.data());
    CHECK(in == before);
    double error = 0.0, error_back = 0.0;
    for (int line = 0; line < transform->batch; ++line) {
      const std::size_t start = line * transform->pitch();
      for (int k = 0; k < length; ++k) {
        std::complex<double> direct = 0.0;
        for (int x = 0; x < length; ++x) {
          const double cycles = double(k * x % length) / length;
          direct += std::complex<double>(in[start + x]) *
                    std::polar(1.0, -2.0 * std::numbers::pi * cycles);
        }
        error = std::max(error, std::abs(std::complex<double>(spectrum[start + k]) - direct));
        error_back =
            std::max(error_back, double(std::abs(back[start + k] / T(length) - in[start + k])));
      }
    }
    // Numbers of two deviates each.
    CHECK(error <= 2.0 * rounding<T>(length));
    CHECK(error_back <= 4.0 * rounding<T>(length) / std::sqrt(double(length)));
  }
}

TEST_CASE_TEMPLATE("lines begin on aligned addresses, off the powers of two", T, float, double) {
  for (const int length : {5, 64, 80, 512}) {
    const auto transform = fft::LineTransform<T>::get(length);
    const std::size_t bytes = transform->pitch() * sizeof(std::complex<T>);
    CHECK(transform->pitch() >= std::size_t(length));
    CHECK(bytes % 64 == 0);
    CHECK(bytes % 512 != 0);
  }
  const fft::Buffer<T> buffer(3);
  const auto alignment = static_cast<std::size_t>(fft::AlignedAllocator<T>::alignment);
  CHECK(reinterpret_cast<std::uintptr_t>(buffer.data()) % alignment == 0);
}

TEST_CASE("an image is transformed as the direct sum says, there and back") {
  for (const Shape shape : {Shape{1, 1}, {1, 9}, {7, 1}, {5, 7}, {16, 20}, {15, 24}, {33, 18}}) {
    CAPTURE(to_string(shape));
    const auto got = transformed(shape, 3);
    const auto transform = fft::RealTransform::get(shape);
    CHECK(transform->columns() == shape.width / 2 + 1);
    double error = 0.0;
    for (int ky = 0; ky < shape.height; ++ky) {
      for (int kx = 0; kx < transform->columns(); ++kx) {
        const auto direct = test::transfer(got.image, {0, 0}, shape, ky, kx);
        error = std::max(error, std::abs(got.spectrum[ky * transform->stride() + kx] - direct));
      }
    }
    CHECK(error <= rounding<double>(shape.size()));
    double error_back = 0.0;
    for (std::size_t i = 0; i < shape.size(); ++i) {
      error_back = std::max(
          error_back, std::abs(got.back.data()[i] / double(shape.size()) - got.image.data()[i]));
    }
    CHECK(error_back <= 2.0 * rounding<double>(shape.size()) / std::sqrt(double(shape.size())));
  }
}

TEST_CASE("fast sizes are multiples of 16, large enough and products of small primes") {
  int last = 0;
  for (int size = 1; size <= 5000; ++size) {
    const int fast = fft::fast_size(size);
    CHECK_MESSAGE(fast >= size, size);
    CHECK_MESSAGE(fast >= last, size);
    CHECK_MESSAGE(fast % 16 == 0, size);
    // The widest gaps of the table beyond 32 are a third of the size: 48 to 64, 96 to 128.
    if (size > 32) CHECK_MESSAGE(fast < 1.46 * size, size);
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
  const auto line = fft::LineTransform<float>::get(32);
  CHECK(fft::LineTransform<float>::get(32) == line);
  clear_plans();
  CHECK(fft::RealTransform::get(shape) != first);
  CHECK(fft::LineTransform<float>::get(32) != line);

  const auto noise = test::noise<double>(shape, 5);
  const fft::Buffer<double> image(noise.data(), noise.data() + shape.size());
  fft::Buffer<std::complex<double>> old_way(first->spectrum_size()), new_way = old_way;
  first->forward(image.data(), old_way.data());
  fft::RealTransform::get(shape)->forward(image.data(), new_way.data());
  CHECK(old_way == new_way);
}

TEST_CASE("a shape without a plan is an error, and leaves nothing behind") {
  CHECK_THROWS_AS(fft::RealTransform::get({0, 8}), Error);
  CHECK_THROWS_AS(fft::RealTransform::get({8, 0}), Error);
  CHECK_THROWS_AS(fft::LineTransform<float>::get(0), Error);
  CHECK_THROWS_AS(fft::LineTransform<double>::get(0), Error);
  CHECK_NOTHROW(measure_plans());
}

TEST_CASE("threads plan and transform at once") {
  const Shape shapes[] = {{24, 20}, {20, 24}, {32, 40}, {40, 32}};
  clear_plans();
  std::vector<Transformed> alone;
  for (unsigned i = 0; i < 4; ++i) alone.push_back(transformed(shapes[i], i));
  clear_plans();
  std::vector<Transformed> together(16);
  std::vector<std::thread> threads;
  for (unsigned i = 0; i < together.size(); ++i) {
    threads.emplace_back([&, i] {
      if (i % 5 == 4) clear_plans();
      together[i] = transformed(shapes[i % 4], i % 4);
    });
  }
  for (auto& thread : threads) thread.join();
  for (unsigned i = 0; i < together.size(); ++i) {
    CHECK(together[i].spectrum == alone[i % 4].spectrum);
  }
}
