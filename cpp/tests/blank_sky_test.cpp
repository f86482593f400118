#include "whitediff/blank_sky.hpp"

#include "support.hpp"

using namespace whitediff;

namespace {

template <class T>
BlankSky found(const Image<T>& noise, const Image<std::uint8_t>& usable, bool surroundings = false,
               int threads = 1) {
  return blank_sky<T>(noise.view(), usable.view(), surroundings, threads);
}

double count(const Image<std::uint8_t>& marks) { return test::sum(marks); }

/// Noise without wings, of which nothing is taken for a source.
Image<double> uniform(Shape shape, unsigned seed) {
  std::mt19937_64 generator(seed);
  std::uniform_real_distribution<double> distribution(-1.0, 1.0);
  Image<double> image(shape);
  std::generate_n(image.data(), shape.size(), [&] { return distribution(generator); });
  return image;
}

}  // namespace

TEST_CASE("sources are left out with four pixels around them, those that are masked too") {
  const Shape shape{131, 177};
  Image<double> noise = uniform(shape, 1);
  Image<std::uint8_t> usable = test::constant<std::uint8_t>(shape, 1);
  noise(70, 100) = 30.0;
  noise(0, 3) = -30.0;
  noise(40, 30) = 30.0;
  usable(40, 30) = 0;
  noise(100, 20) = test::not_a_number;
  const BlankSky sky = found(noise, usable);
  for (int y = 0; y < shape.height; ++y) {
    for (int x = 0; x < shape.width; ++x) {
      // Smoothed, a pixel of 30 stands out of noise of 0.1 (in units of its own) as far as its
      // smoothed image, of four pixels, reaches: which grows by four.
      const auto near = [&](int yy, int xx, int reach) {
        return std::abs(y - yy) <= reach && std::abs(x - xx) <= reach;
      };
      const bool surely = near(70, 100, 4) || near(0, 3, 4) || near(40, 30, 4);
      const bool perhaps = near(70, 100, 8) || near(0, 3, 8) || near(40, 30, 8);
      if (surely || (y == 100 && x == 20)) {
        CHECK(sky.usable(y, x) == 0);
      } else if (!perhaps) {
        CHECK(sky.usable(y, x) == 1);
      }
    }
  }
  // Quartiles of a uniform distribution on -1 .. 1; of 23 000 pixels they scatter by 0.01.
  CHECK(sky.sigma == doctest::Approx(0.741).epsilon(0.05));
  CHECK(std::abs(sky.center) < 0.05);
}

TEST_CASE("the sky is where the direct search finds it") {
  const Shape shape{90, 71};
  Image<float> noise = test::noise<float>(shape, 3);
  for (int n = 0; n < 12; ++n) noise((n * 37) % 90, (n * 53) % 71) += 12.0F;
  Image<std::uint8_t> usable = test::constant<std::uint8_t>(shape, 1);
  for (int n = 0; n < 60; ++n) usable((n * 29) % 90, (n * 31) % 71) = 0;
  const BlankSky sky = found(noise, usable, true);

  // All rows are looked at in a small image: quartiles and limits are those of all that is kept.
  const auto smoothed = [&](double level) {
    Image<double> image(shape);
    const int taps[] = {1, 4, 10, 16, 19, 16, 10, 4, 1};
    for (int y = 0; y < shape.height; ++y) {
      for (int x = 0; x < shape.width; ++x) {
        for (int v = std::max(0, y - 4); v < std::min(shape.height, y + 5); ++v) {
          for (int u = std::max(0, x - 4); u < std::min(shape.width, x + 5); ++u) {
            image(y, x) += taps[v - y + 4] * taps[u - x + 4] / 6561.0 * (noise(v, u) - level);
          }
        }
      }
    }
    return image;
  };
  const auto spread = [&](const auto& image, const Image<std::uint8_t>& kept) {
    std::vector<double> values;
    for (std::size_t n = 0; n < shape.size(); ++n) {
      if (kept.data()[n]) values.push_back(image.data()[n]);
    }
    std::sort(values.begin(), values.end());
    const auto at = [&](double q) { return values[std::size_t(q * double(values.size() - 1))]; };
    return std::pair(at(0.5), 0.741 * (at(0.75) - at(0.25)));
  };
  Image<std::uint8_t> kept = copy_of<std::uint8_t>(usable.view());
  for (int round = 0; round < 2; ++round) {
    const auto [center, sigma] = spread(noise, kept);
    const Image<double> smooth = smoothed(center);
    const auto [smooth_center, smooth_sigma] = spread(smooth, kept);
    for (int y = 0; y < shape.height; ++y) {
      for (int x = 0; x < shape.width; ++x) {
        bool alone = true;
        for (int v = std::max(0, y - 4); v < std::min(shape.height, y + 5); ++v) {
          for (int u = std::max(0, x - 4); u < std::min(shape.width, x + 5); ++u) {
            alone = alone && usable(v, u) && std::abs(noise(v, u) - center) <= 4.5 * sigma &&
                    std::abs(smooth(v, u) - smooth_center) <= 4.5 * smooth_sigma;
          }
        }
        kept(y, x) = alone;
      }
    }
  }
  // No pixel lies so near to a limit that single precision decides.
  CHECK(test::same_bits(sky.usable, kept));
  CHECK(count(sky.usable) > 1000);
}

TEST_CASE("noise that has a period is measured in all of its phases") {
  for (const Shape shape : {Shape{1448, 1448}, Shape{4001, 513}, Shape{301, 3001}}) {
    for (const double period : {2.0, 8.0, 22.6, 28.0, 64.0, 65.0, 512.0}) {
      Image<float> noise = test::noise<float>(shape, 5);
      std::vector<float> values;
      for (int y = 0; y < shape.height; ++y) {
        for (int x = 0; x < shape.width; ++x) {
          // Less than what a pixel of noise must be to be taken for a source.
          noise(y, x) *=
              static_cast<float>(1.0 + 0.2 * std::cos(2.0 * std::numbers::pi * y / period));
          values.push_back(noise(y, x));
        }
      }
      const BlankSky sky = found(noise, test::constant<std::uint8_t>(shape, 1));
      const auto quartile = [&](double share) {
        const auto place = values.begin() + static_cast<std::ptrdiff_t>(share * values.size());
        std::nth_element(values.begin(), place, values.end());
        return *place;
      };
      const double sigma = 0.741 * (quartile(0.75) - quartile(0.25));
      CAPTURE(period);
      CAPTURE(shape.width);
      // Of 32 000 pixels 0.8 per cent; of 64 pieces, of noise that changes by 0.14 rms, 1.8.
      CHECK(sky.sigma == doctest::Approx(sigma).epsilon(0.05));
    }
  }
}

TEST_CASE("the sky is found where little of a large image is usable") {
  const Shape shape{2048, 1999};
  const Image<double> noise = test::noise<double>(shape, 6);
  Image<std::uint8_t> usable(shape);
  for (int y = 700; y < 750; ++y) std::fill_n(usable.row(y) + 1310, 40, 1);
  const BlankSky sky = found(noise, usable);
  CHECK(count(sky.usable) > 1900);
  // Of 2000 pixels sigma scatters by 3 per cent.
  CHECK(sky.sigma == doctest::Approx(1.0).epsilon(0.15));
}

TEST_CASE("threads do not matter") {
  const Shape shape{700, 655};
  const auto noise = test::noise<float>(shape, 4);
  const auto usable = test::constant<std::uint8_t>(shape, 1);
  const BlankSky one = found(noise, usable, false, 1), three = found(noise, usable, false, 3);
  CHECK(test::same_bits(one.usable, three.usable));
  CHECK(one.sigma == three.sigma);
}

TEST_CASE("an image without sky is refused") {
  const Shape shape{30, 30};
  const auto noise = test::noise<double>(shape, 1);
  CHECK_THROWS_AS(found(noise, Image<std::uint8_t>(shape)), std::invalid_argument);
  CHECK_THROWS_AS(found(noise, test::constant<std::uint8_t>({29, 30}, 1)), std::invalid_argument);
  CHECK_THROWS_AS(found(test::constant<double>(shape, test::not_a_number),
                        test::constant<std::uint8_t>(shape, 1)),
                  std::invalid_argument);
}

TEST_CASE("an image is divided by the root of mean variances of blocks") {
  const Shape shape{70, 45};
  const auto image = test::noise<double>(shape, 5);
  Image<double> variance(shape);
  for (int y = 0; y < shape.height; ++y) {
    for (int x = 0; x < shape.width; ++x) variance(y, x) = 1.0 + y + 0.1 * x;
  }
  Image<std::uint8_t> usable = test::constant<std::uint8_t>(shape, 1);
  variance(3, 4) = test::not_a_number;
  variance(5, 6) = -1.0;
  variance(7, 8) = 1e30;
  usable(9, 10) = 0;
  for (int y = 64; y < 70; ++y) std::fill_n(usable.row(y), 45, std::uint8_t(0));
  const auto noise = in_units_of_noise<double>(image.view(), variance.view(), usable.view(), 2);
  for (const auto& [y, x] : {std::pair(0, 0), {9, 10}, {31, 31}, {32, 31}, {40, 40}}) {
    double sum = 0.0, count = 0.0;
    for (int v = y / 32 * 32; v < std::min(70, y / 32 * 32 + 32); ++v) {
      for (int u = x / 32 * 32; u < std::min(45, x / 32 * 32 + 32); ++u) {
        if (!(variance(v, u) > 0.0) || variance(v, u) > 1e12 || !usable(v, u)) continue;
        sum += variance(v, u);
        ++count;
      }
    }
    // Rounding of a sum of 1000 numbers.
    CHECK(noise(y, x) == doctest::Approx(image(y, x) / std::sqrt(sum / count)).epsilon(1e-13));
  }
  for (const auto& [y, x] : {std::pair(66, 7), {3, 4}, {5, 6}, {7, 8}}) {
    CHECK(std::isnan(noise(y, x)));
  }
  auto in_place = copy_of(image.view(), 1);
  in_units_of_noise<double>(in_place.view(), variance.view(), usable.view(), in_place.view(), 1);
  CHECK(test::same_bits(in_place, noise));
  auto small = test::constant<double>({70, 44}, 1.0);
  CHECK_THROWS_AS(
      in_units_of_noise<double>(image.view(), variance.view(), usable.view(), small.view()),
      std::invalid_argument);
}
