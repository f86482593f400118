// Pixels and variances that nothing is known of, as files have them: they may cost themselves,
// never their neighbours.

#include "support.hpp"

using namespace whitediff;

namespace {

using test::infinity;
using test::not_a_number;

constexpr double sky_variance = 400.0;  // 200 of either input

/// A difference image with its two inputs; the template is smoothed by a kernel of 1.5 pixels.
template <class T>
struct Pair {
  Shape shape{200, 210};
  KernelPtr kernel = test::gaussian_kernel({13, 13}, 1.5);
  Image<T> image{shape}, v_s = test::constant<T>(shape, T(200)), v_t = v_s_copy();
  Image<std::int32_t> mask{shape};
  Plane<std::int32_t> source_mask;
  WhitenOptions options;

  explicit Pair(unsigned seed = 5) {
    const auto science = test::noise<double>(shape, seed, std::sqrt(200.0));
    const Shape padded{shape.height + 12, shape.width + 12};
    const auto raw = test::noise<double>(padded, seed + 100, std::sqrt(200.0));
    const Image<double> pixels = test::gaussian({13, 13}, 1.5);
    for (int y = 0; y < shape.height; ++y) {
      for (int x = 0; x < shape.width; ++x) {
        double matched = 0.0;
        for (int v = 0; v < 13; ++v) {
          for (int u = 0; u < 13; ++u) matched += pixels(v, u) * raw(y + 12 - v, x + 12 - u);
        }
        image(y, x) = static_cast<T>(science(y, x) - matched);
      }
    }
  }
  Image<T> v_s_copy() const { return test::constant<T>(shape, T(200)); }

  Whitened<T> white() const {
    WhitenOptions with = options;
    with.mask = mask.view();
    return whiten<T>(image.view(),
                     {{v_s.view(), {}, 1.0, source_mask}, {v_t.view(), {kernel}, 1.0, {}}}, with);
  }
};

/// The number of pixels that moved by more than so many sigmas, those within `near` pixels of a
/// place left out.
template <class T>
int moved(const Whitened<T>& a, const Whitened<T>& b, double sigmas, Point place, int near) {
  int count = 0;
  for (int y = 0; y < a.image.shape().height; ++y) {
    for (int x = 0; x < a.image.shape().width; ++x) {
      if (std::abs(y - place.y) <= near && std::abs(x - place.x) <= near) continue;
      const double change = std::abs(double(a.image(y, x)) - double(b.image(y, x)));
      count += !(change <= sigmas * std::sqrt(sky_variance));
    }
  }
  return count;
}

template <class T>
double least(const Image<T>& image) {
  return *std::min_element(image.data(), image.data() + image.shape().size());
}

}  // namespace

TEST_CASE_TEMPLATE("a pixel that no telescope gives costs itself", T, float, double) {
  for (const double value : {1e30, -1e30, 1e15, not_a_number, infinity}) {
    Pair<T> pair;
    pair.image(100, 90) = T(3);
    const auto clean = pair.white();
    pair.image(100, 90) = static_cast<T>(value);
    const auto result = pair.white();
    CHECK((result.image(100, 90) == static_cast<T>(value) || std::isnan(value)));
    CHECK(result.unknown.too_large + result.unknown.not_finite == 1);
    // The gap stands at the level of the sky, 3 from what was there: less than 0.01 sigma beside
    // it.
    CHECK(moved(result, clean, 0.05, {90, 100}, 0) == 0);
  }
}

TEST_CASE("a bright pixel leaves the digits of its neighbours to them") {
  for (const double value : {1e8, 1e10}) {
    Pair<float> pair;
    Pair<double> exact;
    pair.image(100, 90) = static_cast<float>(value);
    std::copy_n(pair.image.data(), pair.shape.size(), exact.image.data());
    const auto result = pair.white();
    const auto expected = exact.white();
    int wrong = 0;
    for (std::size_t i = 0; i < pair.shape.size(); ++i) {
      const double error = std::abs(double(result.image.data()[i]) - expected.image.data()[i]);
      // Results are rounded to float32.
      const double rounding = 1e-7 * std::abs(expected.image.data()[i]);
      wrong += error > 0.001 * std::sqrt(sky_variance) + rounding;
    }
    CHECK(wrong == 0);
    CHECK(result.unknown.too_large == 0);
  }
}

TEST_CASE_TEMPLATE("pixels that the mask calls no value are gaps", T, float, double) {
  for (const double sentinel : {-9999.0, 1e30, 0.0}) {
    Pair<T> pair;
    const auto clean = pair.white();
    for (int n = 0; n < 356; ++n) {
      const int y = n * 37 % 200, x = n * 91 % 210;
      pair.mask(y, x) = 4;
      pair.image(y, x) = static_cast<T>(sentinel);
    }
    pair.options.no_value_mask = 4;
    const auto result = pair.white();
    CHECK(result.unknown.marked == 356);
    int kept = 0, beyond = 0;
    for (std::size_t i = 0; i < pair.shape.size(); ++i) {
      if (pair.mask.data()[i]) {
        kept += result.image.data()[i] == static_cast<T>(sentinel);
      } else {
        beyond += std::abs(result.image.data()[i]) > 5.0 * std::sqrt(sky_variance);
      }
    }
    CHECK(kept == 356);
    CHECK(beyond == 0);
  }
}

TEST_CASE_TEMPLATE("full variances are positive and finite where their inputs are", T, float,
                   double) {
  for (const double value : {1e9, 4e9, 1e10, 1e15}) {
    Pair<T> pair;
    pair.v_t(100, 90) = static_cast<T>(value);
    pair.options.variance = VariancePropagation::full;
    const auto result = pair.white();
    CHECK(least(result.variance) > 0.0);
    // Far away it is what it was; rows at the edge see less of the template.
    for (const int y : {30, 60, 160}) {
      for (const int x : {30, 60, 160}) {
        CHECK(result.variance(y, x) == doctest::Approx(sky_variance).epsilon(0.01));
      }
    }
  }
}

TEST_CASE_TEMPLATE("a fifth of a plane without weight leaves the rest right", T, float, double) {
  for (const auto propagation : {VariancePropagation::estimate, VariancePropagation::full}) {
    Pair<T> pair;
    pair.options.variance = propagation;
    for (int y = 0; y < 200; ++y) {
      for (int x = 0; x < 42; ++x) pair.v_s(y, x) = T(1e30);
    }
    const auto result = pair.white();
    CHECK(result.unknown.variances == std::vector<std::size_t>{200 * 42, 0});
    CHECK(least(result.variance) > 0.0);
    CHECK(result.variance(100, 20) == T(1e30));
    CHECK(result.variance(100, 150) == doctest::Approx(sky_variance).epsilon(0.01));
    const Box inside{60, 10, 200, 190};
    CHECK(test::mean_square(result.image, inside) / sky_variance ==
          doctest::Approx(1.0).epsilon(4.5 * std::sqrt(2.0 / inside.shape().size())));
  }
}

TEST_CASE_TEMPLATE("zeros for bad pixels of a variance plane say nothing", T, float, double) {
  for (const int percent : {30, 60, 78}) {
    Pair<T> pair;
    const auto clean = pair.white();
    for (int y = 0; y < 200; ++y) {
      for (int x = 0; x < 210; ++x) {
        if ((y * 7919 + x * 104729) % 100 < percent) pair.v_s(y, x) = T(0);
      }
    }
    const auto result = pair.white();
    // The same filters, and the mean in place of zeros, which is what was there.
    CHECK(moved(result, clean, 1e-5, {0, 0}, -1) == 0);
    CHECK(least(result.variance) == doctest::Approx(least(clean.variance)).epsilon(1e-5));
    CHECK(result.unknown.variances[0] > 0);
  }
}

TEST_CASE_TEMPLATE("a variance below zero is not known", T, float, double) {
  Pair<T> pair;
  const auto clean = pair.white();
  pair.v_s(77, 88) = T(-0.001);
  const auto result = pair.white();
  CHECK(result.variance(77, 88) == doctest::Approx(clean.variance(77, 88)).epsilon(1e-6));
  CHECK(result.unknown.variances == std::vector<std::size_t>{1, 0});
}

TEST_CASE_TEMPLATE("a pedestal changes nothing but the level", T, float, double) {
  for (const double template_variance : {200.0, 20000.0}) {
    Pair<T> pair;
    std::fill_n(pair.v_t.data(), pair.shape.size(), static_cast<T>(template_variance));
    const auto flat = pair.white();
    for (const double sigmas : {5.0, 20.0, 100.0, 1000.0}) {
      Pair<T> raised;
      std::fill_n(raised.v_t.data(), raised.shape.size(), static_cast<T>(template_variance));
      const double pedestal = sigmas * std::sqrt(sky_variance);
      for (std::size_t i = 0; i < raised.shape.size(); ++i) raised.image.data()[i] += T(pedestal);
      auto result = raised.white();
      for (std::size_t i = 0; i < raised.shape.size(); ++i) result.image.data()[i] -= T(pedestal);
      // The digits that the pedestal takes from the input.
      const double digits = pedestal * (std::is_same_v<T, float> ? 1e-6 : 1e-12);
      CHECK(test::difference(result.image, flat.image) < 1e-3 * std::sqrt(sky_variance) + digits);
    }
  }
}

TEST_CASE_TEMPLATE("a star far away does not reach a gap", T, float, double) {
  for (const double peak : {1e5, 1e6}) {
    Pair<T> pair;
    for (int y = 0; y < 200; ++y) {
      for (int x = 10; x < 13; ++x) pair.image(y, x) = static_cast<T>(not_a_number);
    }
    const auto without = pair.white();
    for (int y = 80; y < 120; ++y) {
      for (int x = 180; x < 210; ++x) {
        const double r2 = std::pow(y - 100, 2) + std::pow(x - 200, 2);
        pair.image(y, x) += static_cast<T>(peak * std::exp(-r2 / 8.0));
      }
    }
    const auto result = pair.white();
    double most = 0.0;
    for (int y = 0; y < 200; ++y) {
      for (const int x : {9, 13}) {
        most = std::max(most, std::abs(double(result.image(y, x)) - without.image(y, x)));
      }
    }
    // Seven pixels in a hundred are the star's: the median of the rest moves by less than 0.1
    // sigma.
    CHECK(most < 0.05 * std::sqrt(sky_variance));
  }
}

TEST_CASE_TEMPLATE("pixels beside gaps and at the edge of the frame are marked", T, float, double) {
  Pair<T> pair;
  std::fill_n(pair.v_t.data(), pair.shape.size(), T(2000));
  pair.image(100, 90) = static_cast<T>(not_a_number);
  for (int y = 20; y < 60; ++y) pair.image(y, 150) = T(1e30);
  pair.mask(180, 30) = 4;
  pair.options.no_value_mask = 4;
  for (const auto& cells : {std::vector<Cell>{}, make_cells(pair.shape, 3, 4, 20, 8)}) {
    pair.options.cells = cells;
    for (Cell& cell : pair.options.cells) cell.expanded = {};
    const auto result = pair.white();
    const int reach = result.support.reach();
    REQUIRE(reach > 1);
    int wrong = 0, marked = 0;
    for (int y = 0; y < pair.shape.height; ++y) {
      for (int x = 0; x < pair.shape.width; ++x) {
        double share = 0.0;
        std::size_t n = 0;
        for (int dy = -reach; dy <= reach; ++dy) {
          for (int dx = -reach; dx <= reach; ++dx, ++n) {
            const int row = y - dy, column = x - dx;
            const bool seen = row >= 0 && row < pair.shape.height && column >= 0 &&
                              column < pair.shape.width && pair.mask(row, column) == 0 &&
                              std::abs(pair.image(row, column)) < T(1e20);
            if (!seen) share += result.support.shares[n];
          }
        }
        wrong += result.filter_edge(y, x) != (share > edge_share);
        marked += result.filter_edge(y, x);
      }
    }
    CHECK(wrong == 0);
    CHECK(marked > 400);
    CHECK(marked < 6000);
  }
}

TEST_CASE("means of masked pixels serve where a source has no others, and that is said") {
  Pair<double> pair;
  const auto clean = pair.white();
  CHECK_FALSE(clean.masked_means);
  for (const bool varying : {true, false}) {
    pair.options.spatially_varying = varying;
    std::fill_n(pair.mask.data(), pair.shape.size(), 1);
    pair.options.ignore_mask = 1;
    pair.source_mask = pair.mask.view();
    const auto result = pair.white();
    CHECK(result.masked_means);
    CHECK(result.variance(90, 90) == doctest::Approx(clean.variance(90, 90)).epsilon(1e-3));
  }
}
