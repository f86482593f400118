#include "whitediff/plans.hpp"

#include <thread>

#include "fft.hpp"
#include "support.hpp"

using namespace whitediff;

namespace {

fft::Buffer<std::complex<float>> spectrum_of(const Image<float>& image) {
  const auto transform = fft::RealTransform<float>::get(image.shape());
  fft::Buffer<std::complex<float>> spectrum(transform->spectrum_size());
  transform->forward(image.data(), spectrum.data());
  return spectrum;
}

/// max |a - b| over the modes that count.
double difference(Shape shape, const fft::Buffer<std::complex<float>>& a,
                  const fft::Buffer<std::complex<float>>& b) {
  const auto transform = fft::RealTransform<float>::get(shape);
  double most = 0.0;
  for (int y = 0; y < shape.height; ++y) {
    for (int x = 0; x < transform->columns(); ++x) {
      const std::size_t i = y * transform->stride() + x;
      most = std::max(most, double(std::abs(a[i] - b[i])));
    }
  }
  return most;
}

}  // namespace

TEST_CASE("plans can be dropped and measured, and transform as before") {
  const Shape shape{48, 40};
  const auto image = test::noise<float>(shape, 1);
  const auto estimated = spectrum_of(image);
  measure_plans();
  // Another algorithm rounds otherwise: 1e-7 of sums of size sqrt(1920).
  CHECK(difference(shape, spectrum_of(image), estimated) < 4e-5);
  clear_plans();
  CHECK(difference(shape, spectrum_of(image), estimated) < 4e-5);
}

TEST_CASE("wisdom survives as text") {
  spectrum_of(test::noise<float>({48, 40}, 2));
  measure_plans();
  const std::string wisdom = export_wisdom();
  CHECK(wisdom.find("fftwf") != std::string::npos);
  CHECK(import_wisdom(wisdom));
}

TEST_CASE("what is no wisdom is told from it") {
  CHECK_FALSE(import_wisdom(""));
  CHECK_FALSE(import_wisdom("no wisdom"));
  CHECK_FALSE(import_wisdom("no|wisdom"));
}

TEST_CASE("a shape that cannot be planned leaves nothing behind") {
  CHECK_THROWS_AS(fft::RealTransform<float>::get({0, 8}), Error);
  CHECK_NOTHROW(measure_plans());
}

TEST_CASE("plans may be dropped, measured and told about while others use them") {
  const auto image = test::noise<float>({40, 48}, 3);
  const auto alone = spectrum_of(image);
  std::vector<double> errors(8);
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < errors.size(); ++i) {
    threads.emplace_back([&, i] {
      if (i == 2) clear_plans();
      if (i == 3) measure_plans();
      if (i == 4) import_wisdom(export_wisdom());
      errors[i] = difference(image.shape(), spectrum_of(image), alone);
    });
  }
  for (auto& thread : threads) thread.join();
  CHECK(*std::max_element(errors.begin(), errors.end()) < 4e-5);
}
