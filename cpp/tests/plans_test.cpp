#include "whitediff/plans.hpp"

#include <thread>

#include "fft.hpp"
#include "support.hpp"

using namespace whitediff;

namespace {

constexpr int length = 80;

/// The transforms of a batch of fixed random lines.
fft::Buffer<std::complex<float>> spectra() {
  const auto transform = fft::LineTransform<float>::get(length);
  const int count = static_cast<int>(transform->batch * transform->pitch());
  const auto parts = test::noise<float>({2, count}, 1);
  fft::Buffer<std::complex<float>> lines(count), out(count);
  for (int i = 0; i < count; ++i) lines[i] = {parts(0, i), parts(1, i)};
  transform->forward(lines.data(), out.data());
  return out;
}

/// max |a - b| over what was transformed.
double difference(const fft::Buffer<std::complex<float>>& a,
                  const fft::Buffer<std::complex<float>>& b) {
  const auto transform = fft::LineTransform<float>::get(length);
  double most = 0.0;
  for (int line = 0; line < transform->batch; ++line) {
    for (int k = 0; k < length; ++k) {
      const std::size_t i = line * transform->pitch() + k;
      most = std::max(most, double(std::abs(a[i] - b[i])));
    }
  }
  return most;
}

// Another algorithm rounds otherwise: 1e-7 of sums of size sqrt(2 * 80), in each of seven levels.
constexpr double rounding = 2e-5;

}  // namespace

TEST_CASE("plans can be dropped and measured, and transform as before") {
  const auto estimated = spectra();
  fft::RealTransform::get({24, 20});
  measure_plans();
  CHECK(difference(spectra(), estimated) < rounding);
  clear_plans();
  CHECK(difference(spectra(), estimated) < rounding);
}

TEST_CASE("wisdom survives as text, where FFTW has any") {
  spectra();
  measure_plans();
  const std::string wisdom = export_wisdom();
#ifdef WHITEDIFF_HAS_FFTW
  CHECK(wisdom.find("fftwf") != std::string::npos);
  CHECK(import_wisdom(wisdom));
#else
  CHECK(wisdom.empty());
#endif
}

TEST_CASE("what is no wisdom is told from it") {
  CHECK_FALSE(import_wisdom(""));
  CHECK_FALSE(import_wisdom("no wisdom"));
  CHECK_FALSE(import_wisdom("no|wisdom"));
}

TEST_CASE("plans may be dropped, measured and told about while others use them") {
  const auto alone = spectra();
  std::vector<double> errors(8);
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < errors.size(); ++i) {
    threads.emplace_back([&, i] {
      if (i == 2) clear_plans();
      if (i == 3) measure_plans();
      if (i == 4) import_wisdom(export_wisdom());
      errors[i] = difference(spectra(), alone);
    });
  }
  for (auto& thread : threads) thread.join();
  CHECK(*std::max_element(errors.begin(), errors.end()) < rounding);
}
