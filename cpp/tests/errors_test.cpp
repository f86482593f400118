#include "support.hpp"

using namespace whitediff;
using test::not_a_number;

namespace {

template <class Change>
std::string message_of(const Change& change) {
  const auto image = test::constant<float>({20, 30}, 1.0f);
  std::vector<NoiseSource<float>> sources{{1.0, {}, 1.0, {}},
                                          {1.0, {test::gaussian_kernel({5, 5}, 1.0)}, 1.0, {}}};
  WhitenOptions options;
  change(sources, options);
  try {
    whiten<float>(image.view(), sources, options);
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
  return "";
}

using Sources = std::vector<NoiseSource<float>>;

}  // namespace

TEST_CASE("an error is a runtime error with a message") {
  const Error error("no plan");
  CHECK(std::string(dynamic_cast<const std::runtime_error&>(error).what()) == "no plan");
}

TEST_CASE("arguments that fit pass") {
  CHECK(message_of([](Sources&, WhitenOptions&) {}) == "");
}

TEST_CASE("what does not fit is refused, and the message says what it must be and what came") {
  const auto wide = test::constant<float>({30, 20}, 1.0f);
  const Image<std::int32_t> mask({20, 29});
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const auto expect = [](const std::string& message, const std::string& part) {
    CHECK_MESSAGE(message.find(part) != std::string::npos, message);
  };
  const std::string shape = "must have shape (20, 30), that of the image, got ";
  expect(message_of([&](Sources& sources, auto&) { sources.clear(); }),
         "sources must hold at least one noise source, got none");
  expect(message_of([&](Sources& sources, auto&) { sources[0].variance = wide.view(); }),
         "variance " + shape + "(30, 20)");
  expect(message_of([&](Sources& sources, auto&) { sources[0].mask = mask.view(); }),
         "mask " + shape + "(20, 29)");
  expect(message_of([&](auto&, WhitenOptions& options) { options.mask = mask.view(); }),
         "mask " + shape + "(20, 29)");
  expect(message_of([&](Sources& sources, auto&) { sources[0].variance = -1.0; }),
         "variance must be finite and >= 0, got -1");
  expect(message_of([&](Sources& sources, auto&) { sources[0].variance = nan; }),
         "variance must be finite and >= 0, got nan");
  expect(message_of([&](Sources& sources, auto&) { sources[0].kernels = {nullptr}; }),
         "kernel must be a kernel, got a null pointer");
  expect(message_of([&](Sources& sources, auto&) {
           sources[0].kernels = {test::gaussian_kernel({21, 3}, 1.0)};
         }),
         "kernel must be no larger than the image, (20, 30), got (21, 3)");
  expect(message_of([&](auto&, WhitenOptions& options) { options.psf = {nullptr}; }),
         "psf must be a kernel, got a null pointer");
  expect(message_of([&](Sources& sources, auto&) { sources[0].weight = 0.0; }),
         "weight must be finite and not zero, got 0");
  expect(message_of([&](Sources& sources, auto&) {
           sources = {{0.0, {}, 1.0, {}}, {0.0, {}, 1.0, {}}};
         }),
         "positive total");
  expect(
      message_of([&](auto&, WhitenOptions& options) { options.filter = FilterOptions::score(); }),
      "psf must be given in mode score, got none");
  expect(message_of([&](auto&, WhitenOptions& options) { options.n_threads = -2; }),
         "n_threads must be 0 (all cores) to 4096, got -2");
  expect(message_of([&](auto&, WhitenOptions& options) {
           options.cells = {{{0, 0, 31, 20}, {}}};
         }),
         "cells must lie inside the frame [0:30, 0:20], got [0:31, 0:20]");
  expect(message_of([&](Sources& sources, auto&) { sources[0].mean_variance = -1.0; }),
         "must have a mean that is finite and >= 0, got -1");
  expect(message_of([&](Sources& sources, auto&) { sources[1].mean_variance = nan; }),
         "must have a mean that is finite and >= 0, got nan");
  expect(message_of([&](auto&, WhitenOptions& options) {
           options.xy0 = {nan, 0.0};
         }),
         "xy0 must be finite, got (nan, 0.000000)");
  const ImageView<const float> empty;
  CHECK_THROWS_AS(whiten<float>(empty, {{1.0, {}, 1.0, {}}}), std::invalid_argument);
}

TEST_CASE("variance planes without a known pixel are refused") {
  for (const double value : {double(not_a_number), -0.5, 1e30}) {
    const auto plane = test::constant<float>({20, 30}, static_cast<float>(value));
    CHECK(message_of([&](Sources& sources, auto&) {
            sources[0].variance = plane.view();
          }).find("must have known pixels") != std::string::npos);
  }
}

TEST_CASE("kernels whose variance is beyond the range of the result are refused") {
  const auto refused = [](auto pixel, double factor, double variance, double weight) {
    using T = decltype(pixel);
    const auto image = test::constant<T>({20, 31}, T(1));
    const double pixels[] = {factor, -factor, factor};
    const auto plane = test::constant<T>({20, 31}, T(1));
    try {
      // The first kernel has a sum of absolute values of three times the factor.
      whiten<T>(image.view(),
                {{variance, {fixed_kernel({pixels, {1, 3}})}, weight, {}}, {1.0, {}, 1.0, {}}});
      whiten<T>(image.view(),
                {{plane.view(), {fixed_kernel({pixels, {1, 3}})}, 1.0, {}}, {1.0, {}, 1.0, {}}});
    } catch (const std::invalid_argument& error) {
      const std::string message = error.what();
      CHECK_MESSAGE(message.find("kernel must give a variance of at most") == 0, message);
      return true;
    }
    return false;
  };
  // Of single precision the largest number is 3.4e38, of double precision 1.8e308.
  CHECK(!refused(1.0f, 6e18, 1.0, 1.0));
  CHECK(refused(1.0f, 7e18, 1.0, 1.0));
  CHECK(refused(1.0f, 6e18, 2.0, 1.0));
  CHECK(refused(1.0f, 6e18, 1.0, 2.0));
  CHECK(!refused(1.0, 7e18, 1.0, 1.0));
  CHECK(refused(1.0, 1e154, 1.0, 1.0));
}

TEST_CASE("PSFs whose score is beyond the range of the result are refused") {
  const auto refused = [](auto pixel, double factor, double variance) {
    using T = decltype(pixel);
    const auto image = test::constant<T>({20, 31}, T(1));
    const double pixels[] = {factor, -factor, factor, -factor};
    WhitenOptions options;
    options.filter = FilterOptions::score();
    options.psf = {fixed_kernel({pixels, {2, 2}})};
    options.filter.power_floor = 1e-4;
    try {
      const auto score = whiten<T>(image.view(), {{variance, {}, 1.0, {}}}, options);
      CHECK(std::isfinite(score.image(10, 15)));
    } catch (const std::invalid_argument& error) {
      const std::string message = error.what();
      CHECK_MESSAGE(message.find("psf must give a variance of at most") == 0, message);
      return true;
    }
    return false;
  };
  // The square of the sum of absolute values over the floor: 1.6e5 times that of the factor.
  CHECK(!refused(1.0f, 4e16, 1.0));
  CHECK(refused(1.0f, 5e16, 1.0));
  CHECK(refused(1.0f, 4e16, 2.0));
  CHECK(!refused(1.0, 5e16, 1.0));
  CHECK(refused(1.0, 1e153, 1.0));
  // Every pixel is a number, their sum is none.
  CHECK(refused(1.0, 1e308, 1.0));
}

TEST_CASE("covariances whose variance is beyond the range of the result are refused") {
  const auto image = test::constant<float>({20, 31}, 1.0f);
  const auto white = [&](double lag, bool remaining) {
    const double lags[] = {lag, 1.0, lag};
    const NoiseCovariance covariance({lags, {1, 3}});
    Sources sources{{1.0, {}, 1.0, {}}};
    WhitenOptions options;
    if (remaining) {
      options.remaining = covariance;
    } else {
      sources[0].covariances = {covariance};
    }
    whiten<float>(image.view(), sources, options);
  };
  for (const bool remaining : {false, true}) {
    CHECK_NOTHROW(white(0.25, remaining));
    // The sum of two lags is beyond 3.4e38, the largest number of single precision.
    CHECK_THROWS_WITH_AS(white(2e38, remaining), doctest::Contains("a variance of at most 3.4"),
                         std::invalid_argument);
  }
}

TEST_CASE("noise whose power is at an end of the range of numbers is refused") {
  const auto image = test::constant<double>({20, 31}, 1.0);
  const auto white = [&](double variance, double lag, double power_floor) {
    const double lags[] = {0.0, lag, 0.0};
    WhitenOptions options;
    options.filter.power_floor = power_floor;
    options.remaining = NoiseCovariance({lags, {1, 3}});
    const auto result = whiten<double>(image.view(), {{variance, {}, 1.0, {}}}, options);
    CHECK(std::isfinite(result.image(10, 15)));
  };
  CHECK_NOTHROW(white(1e290, 1.0, 1e-10));
  CHECK_NOTHROW(white(1e-290, 1.0, 1e-10));
  CHECK_NOTHROW(white(1.0, 1e-300, 1e-10));
  // A hundredth of the covariance, 0 here, stands in for power that it does not have.
  CHECK_THROWS_WITH_AS(white(1.0, 5e-324, 1e-10), doctest::Contains("be positive at no lag"),
                       std::invalid_argument);
  CHECK_THROWS_WITH_AS(white(1e-200, 1e-120, 1e-10), doctest::Contains("total variance at k = 0"),
                       std::invalid_argument);
  // The floor stands above the power here, and their sum beyond 1.8e308.
  CHECK_THROWS_WITH_AS(white(1e302, 1.0, 1e7), doctest::Contains("total variance at k = 0"),
                       std::invalid_argument);
}

TEST_CASE("floors of no power, or below what rounding leaves of it, are refused") {
  const auto image = test::constant<double>({20, 31}, 1.0);
  const double pixels[] = {0.25, 0.25, 0.25, 0.25};
  for (const double floor :
       {0.0, -1e30, 5e-324, std::numeric_limits<double>::infinity(), double(not_a_number)}) {
    WhitenOptions options;
    options.filter.power_floor = floor;
    CHECK_THROWS_WITH_AS(
        whiten<double>(image.view(), {{1.0, {fixed_kernel({pixels, {2, 2}})}, 1.0, {}}}, options),
        doctest::Contains("power_floor must be finite, and at least what"), std::invalid_argument);
  }
}

TEST_CASE("PSFs whose score is beyond the range of numbers far from the middle are refused") {
  const auto image = test::constant<double>({200, 31}, 1.0);
  // The first row of nodes has a sound image, the last one of 1e160.
  std::vector<double> images{1.0, 1e160};
  WhitenOptions options;
  options.filter = FilterOptions::score();
  options.psf = {std::make_shared<TabulatedKernel>(std::vector<double>{15.0},
                                                   std::vector<double>{150.0, 199.0}, images,
                                                   Shape{1, 1}, KernelCenter{0, 0})};
  options.cells = make_cells({200, 31}, 4, 1, 5, 5);
  CHECK_THROWS_WITH_AS(whiten<double>(image.view(), {{1.0, {}, 1.0, {}}}, options),
                       doctest::Contains("finite variance at every position"),
                       std::invalid_argument);
}
