#include "whitediff/measured_covariance.hpp"

#include "support.hpp"

using namespace whitediff;

namespace {

Image<std::uint8_t> all_usable(Shape shape) { return test::constant<std::uint8_t>(shape, 1); }

Box whole(Shape shape) { return {0, 0, shape.width, shape.height}; }

/// Takes planes, by least squares, off the usable pixels of parts of an image.
Image<double> levelled(const Image<double>& noise, const Image<std::uint8_t>& usable,
                       const std::vector<Box>& parts) {
  Image<double> flat = test::converted<double>(noise);
  for (const Box& part : parts) {
    // Gauss-Jordan on the normal equations of 1, y and x.
    double rows[3][4] = {};
    const auto each = [&](const auto& visit) {
      for (int y = part.y0; y < part.y1; ++y) {
        for (int x = part.x0; x < part.x1; ++x) {
          const double terms[] = {1.0, 1e-2 * y, 1e-2 * x};
          if (usable(y, x)) visit(terms, flat(y, x));
        }
      }
    };
    each([&](const double* terms, double value) {
      for (int i = 0; i < 3; ++i) {
        for (int j = 0; j < 3; ++j) rows[i][j] += terms[i] * terms[j];
        rows[i][3] += terms[i] * value;
      }
    });
    for (int i = 0; i < 3; ++i) {
      for (int n = 0; n < 3; ++n) {
        const double factor = rows[n][i] / rows[i][i];
        for (int j = i; j < 4 && n != i; ++j) rows[n][j] -= factor * rows[i][j];
      }
    }
    each([&](const double* terms, double& value) {
      for (int i = 0; i < 3; ++i) value -= terms[i] * rows[i][3] / rows[i][i];
    });
  }
  return flat;
}

/// Eq. 19, pair by pair, of pixels that need no clipping nor levelling; of pairs whose first pixel
/// is in a part.
Image<double> direct(const Image<double>& noise, const Image<std::uint8_t>& usable,
                     const Box& part) {
  const auto [height, width] = noise.shape();
  Image<double> means({25, 25});
  double far_products = 0.0, far_pairs = 0.0;
  for (int dy = -12; dy <= 12; ++dy) {
    for (int dx = -12; dx <= 12; ++dx) {
      double products = 0.0, pairs = 0.0;
      for (int y = std::max(part.y0, -dy); y < std::min(part.y1, height - dy); ++y) {
        for (int x = std::max(part.x0, -dx); x < std::min(part.x1, width - dx); ++x) {
          if (!usable(y, x) || !usable(y + dy, x + dx)) continue;
          products += noise(y, x) * noise(y + dy, x + dx);
          ++pairs;
        }
      }
      // Opposite lags are those of one pair.
      if (dy > 0 || (dy == 0 && dx >= 0)) {
        means(12 + dy, 12 + dx) = means(12 - dy, 12 - dx) = products / pairs;
      }
      if (std::max(std::abs(dy), std::abs(dx)) < 8) continue;
      far_products += products;
      far_pairs += pairs;
    }
  }
  const double plateau = far_products / far_pairs;
  const double density = std::exp(-8.0) / std::sqrt(2.0 * std::numbers::pi);
  const double kept = 1.0 - 8.0 * density / std::erf(4.0 / std::sqrt(2.0));
  Image<double> expected({13, 13});
  for (int dy = -6; dy <= 6; ++dy) {
    for (int dx = -6; dx <= 6; ++dx) {
      const int lag = std::max(std::abs(dy), std::abs(dx));
      const double window = lag <= 3 ? 1.0 : (7 - lag) / 4.0;
      expected(dy + 6, dx + 6) = window * (means(dy + 12, dx + 12) - plateau) / kept;
    }
  }
  return expected;
}

}  // namespace

TEST_CASE("the measured covariance is the direct sum over pairs, in one band and in several") {
  for (const Shape shape : {Shape{40, 50}, {260, 300}}) {
    CAPTURE(to_string(shape));
    Image<double> noise = test::noise<double>(shape, 7);
    // Nothing to be clipped: what lies beyond 3 sigma is pulled in.
    for (std::size_t n = 0; n < shape.size(); ++n) {
      noise.data()[n] = 2.0 + std::clamp(noise.data()[n], -3.0, 3.0);
    }
    Image<std::uint8_t> usable = all_usable(shape);
    for (int y = 0; y < shape.height; ++y) {
      for (int x = 0; x < shape.width; ++x) {
        if ((x * 7 + y * 5) % 11 > 1 && std::abs(x - 20) + std::abs(y - 12) > 6) continue;
        usable(y, x) = 0;
        noise(y, x) = test::not_a_number;
      }
    }
    const auto all = autocovariance<double>(noise.view(), usable.view(), 6, 1);
    const auto measured = noise_covariance(all);
    // Means of up to 1e5 products of order one: rounding of 1e-16 times the root of their number.
    const auto flat = levelled(noise, usable, {whole(shape)});
    CHECK(test::difference(measured.lags, direct(flat, usable, whole(shape))) < 1e-12);
    double count = 0.0;
    for (std::size_t n = 0; n < shape.size(); ++n) count += usable.data()[n];
    CHECK(measured.pairs(6, 6) == count);
    const auto threaded = autocovariance<double>(noise.view(), usable.view(), 6, 3);
    CHECK(test::same_bits(all.lags, threaded.lags));
    CHECK(all.plateau == threaded.plateau);
    // Lags of which none is looked at change nothing.
    const auto longer = noise_covariance(autocovariance<double>(noise.view(), usable.view(), 15));
    CHECK(test::difference(longer.lags, measured.lags) < 1e-12);
    // Parts, of which one is wider than a strip where the image is, and one narrower than a lag.
    const int x0 = 3 * shape.width / 100, y0 = shape.height / 3;
    const std::vector<Box> parts{
        {0, 0, x0, shape.height}, {x0, 0, shape.width, y0}, {x0, y0, shape.width, shape.height}};
    const auto local = autocovariances<double>(noise.view(), usable.view(), parts, 6, 2);
    const auto flat_parts = levelled(noise, usable, parts);
    CHECK(test::difference(noise_covariance(local.whole).lags,
                           direct(flat_parts, usable, whole(shape))) < 1e-12);
    CHECK(test::difference(local.whole.pairs, all.pairs) == 0.0);
    CHECK(local.whole.far_pairs == all.far_pairs);
    for (std::size_t n = 0; n < parts.size(); ++n) {
      CAPTURE(n);
      CHECK(test::difference(noise_covariance(local.parts[n]).lags,
                             direct(flat_parts, usable, parts[n])) < 1e-12);
    }
  }
}

TEST_CASE("clipping takes outliers off and keeps the variance of noise") {
  const Shape shape{500, 500};
  Image<float> noise = test::noise<float>(shape, 9);
  for (int n = 0; n < 500; ++n) noise(n, (n * 37) % 500) = 50.0F;
  const auto measured =
      noise_covariance(autocovariance<float>(noise.view(), all_usable(shape).view()));
  // The sampling error of a variance from 250 000 pixels is 0.0028; five of them.
  CHECK(std::abs(measured.lags(6, 6) - 1.0) < 0.014);
  CHECK(measured.pairs(6, 6) < shape.size() - 500 + 1);
}

TEST_CASE("a level far from zero and waves of the sky do not count as noise") {
  const Shape shape{512, 512};
  for (const double length : {90.0, 200.0}) {
    CAPTURE(length);
    Image<double> noise = test::noise<double>(shape, 11);
    for (int y = 0; y < shape.height; ++y) {
      for (int x = 0; x < shape.width; ++x) {
        noise(y, x) += 1e3 + 0.15 * std::cos(2.0 * std::numbers::pi * x / length);
      }
    }
    const auto measured =
        noise_covariance(autocovariance<double>(noise.view(), all_usable(shape).view()));
    // The waves alone have a covariance of 0.011 at no lag, whose sum over the window is 1.2; of
    // those of 90 pixels a plateau of lags 8 to 12 would leave 0.17. The sampling error of the sum
    // is 0.036: 2 / 262 000 times the sum of squares of the window and of what makes the plateau,
    // 80 and 105^2 (1.73^2 / 400 + 0.73^2 / 600); some two of it.
    CHECK(std::abs(test::sum(measured.lags) - 1.0) < 0.08);
  }
}

TEST_CASE("a sky that rises over the image is no noise that pixels share") {
  const Shape shape{700, 600};
  for (const double rise : {5.0, 60.0}) {
    Image<float> noise = test::noise<float>(shape, 13);
    Image<std::uint8_t> usable = all_usable(shape);
    for (int y = 0; y < shape.height; ++y) {
      for (int x = 0; x < shape.width; ++x) {
        noise(y, x) += static_cast<float>(rise * (x - 0.5 * y) / shape.width);
        // A far outlier tilts no plane.
        if ((x + y * 31) % 9973 == 0) noise(y, x) = 1e6F;
        if (std::hypot(x - 300, y - 200) < 120) usable(y, x) = 0;
      }
    }
    const auto measured = autocovariance<float>(noise.view(), usable.view());
    // 375 000 pixels: 0.0023 of a variance, 0.0016 of a lag; five of them.
    CHECK(std::abs(measured.lags(6, 6) - 1.0) < 0.0115);
    CHECK(std::abs(measured.lags(6, 7)) < 0.008);
    CHECK(std::abs(measured.lags(0, 3)) < 0.008);
    // The mean of some 180 lags and as many opposite ones.
    CHECK(std::abs(measured.plateau) < 0.0006);
  }
}

TEST_CASE("fewer than a thousand pixels have their mean taken off") {
  const Shape shape{3, 500};
  Image<double> noise = test::noise<double>(shape, 14);
  double squares = 0.0;
  // Two boxes of 250 columns.
  for (const int x0 : {0, 250}) {
    double sum = 0.0;
    for (int n = 0; n < 750; ++n) {
      double& value = noise(n / 250, x0 + n % 250);
      value = std::clamp(value, -3.0, 3.0);
      sum += value;
      squares += value * value;
    }
    squares -= sum * sum / 750;
  }
  const auto measured = autocovariance<double>(noise.view(), all_usable(shape).view(), 1);
  // What clipping of a normal distribution at 4 sigma takes is restored.
  const double density = std::exp(-8.0) / std::sqrt(2.0 * std::numbers::pi);
  const double kept = 1.0 - 8.0 * density / std::erf(4.0 / std::sqrt(2.0));
  CHECK(measured.lags(1, 1) == doctest::Approx(squares / 1500 / kept).epsilon(1e-12));
}

TEST_CASE("level and limit of a large image are those of some of its rows") {
  const Shape shape{1100, 1024};
  Image<float> noise = test::noise<float>(shape, 12);
  Image<std::uint8_t> usable = all_usable(shape);
  const auto measured = autocovariance<float>(noise.view(), usable.view(), 1);
  // The sampling error of a variance from 1.1e6 pixels is 0.0013; five of them.
  CHECK(std::abs(measured.lags(1, 1) - 1.0) < 0.0067);
  // All but 6.3e-5 of the pixels lie within 4 sigma.
  CHECK(measured.pairs(1, 1) > (1.0 - 1e-4) * static_cast<double>(shape.size()));
  // Where hardly any of those rows can be used, all rows count.
  for (int y = 0; y < shape.height; ++y) {
    if (y % 5 == 0) std::fill_n(usable.row(y), shape.width, std::uint8_t(0));
  }
  CHECK(std::abs(autocovariance<float>(noise.view(), usable.view(), 1).lags(1, 1) - 1.0) < 0.0075);
}

TEST_CASE("one pixel far from all others is clipped, however far") {
  const Shape shape{300, 310};
  Image<double> noise = test::noise<double>(shape, 5);
  const auto expected = autocovariance<double>(noise.view(), all_usable(shape).view(), 2);
  for (const double outlier : {1e3, 1e20, -1e200}) {
    noise(70, 33) = outlier;
    const auto found = autocovariance<double>(noise.view(), all_usable(shape).view(), 2);
    // One pixel less of 93,000.
    CHECK(found.lags(2, 2) == doctest::Approx(expected.lags(2, 2)).epsilon(1e-4));
  }
  Image<float> single(shape);
  std::copy_n(noise.data(), shape.size(), single.data());
  single(70, 33) = 1e20f;
  const auto found = autocovariance<float>(single.view(), all_usable(shape).view(), 2);
  CHECK(found.lags(2, 2) == doctest::Approx(expected.lags(2, 2)).epsilon(1e-4));
}

TEST_CASE("parts of a very long image lie inside it") {
  const Shape shape{800'000, 3};
  const Image<float> noise = test::noise<float>(shape, 6);
  const auto found = autocovariance<float>(noise.view(), all_usable(shape).view(), 2, 2);
  // Five errors of a variance from 2.4e6 pixels.
  CHECK(std::abs(found.lags(2, 2) - 1.0) < 0.0046);
}

TEST_CASE("images without noise are refused") {
  const Shape shape{30, 30};
  const auto noise = test::noise<double>(shape, 1);
  const auto refused = [](const Image<double>& image, const Image<std::uint8_t>& usable, int lag) {
    CHECK_THROWS_AS(autocovariance<double>(image.view(), usable.view(), lag),
                    std::invalid_argument);
  };
  refused(noise, Image<std::uint8_t>(shape), 12);
  refused(Image<double>(shape), all_usable(shape), 12);
  refused(noise, all_usable({30, 29}), 12);
  refused(noise, all_usable(shape), 0);
  for (const Box& part : {Box{0, 0, 31, 30}, {-1, 0, 5, 5}, {5, 5, 5, 9}}) {
    CHECK_THROWS_AS(autocovariances<double>(noise.view(), all_usable(shape).view(), {part}),
                    std::invalid_argument);
  }
  CHECK_THROWS_AS(
      noise_covariance(autocovariance<double>(noise.view(), all_usable(shape).view(), 5)),
      std::invalid_argument);
}
