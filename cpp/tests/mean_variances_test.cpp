#include "mean_variances.hpp"

#include "support.hpp"

using namespace whitediff;

namespace {

using test::not_a_number;

/// Two planes, of which one has a mask, a plane with a known mean, and a number.
template <class T>
struct Planes {
  Shape shape{211, 93};
  Image<T> first = test::noise<T>(shape, 1), second = test::noise<T>(shape, 2);
  Image<std::int32_t> mask{shape};
  std::vector<Rows> calls;

  Planes() {
    for (int y = 0; y < shape.height; ++y) {
      for (int x = 0; x < shape.width; ++x) {
        first(y, x) = std::abs(first(y, x)) + T(0.02 * y);
        second(y, x) = T(3) + second(y, x) / T(8);
        if ((x * 7 + y * 3) % 31 == 0) first(y, x) = static_cast<T>(not_a_number);
        if ((x * 5 + y * 11) % 23 == 0) mask(y, x) = 1 + (x & 4);
        // A corner without a usable pixel.
        if (y < 50 && x < 40) second(y, x) = std::numeric_limits<T>::infinity();
        if (y > 150 && x > 60) mask(y, x) = 4;
      }
    }
  }

  std::vector<NoiseSource<T>> sources(bool read) {
    std::vector<NoiseSource<T>> sources(4);
    sources[0].variance = read ? test::reading(first, &calls) : Plane<T>(first.view());
    sources[0].mask = read ? test::reading(mask) : Plane<std::int32_t>(mask.view());
    sources[1].variance = read ? test::reading(second) : Plane<T>(second.view());
    sources[2].variance =
        Plane<T>(shape, [](const Rows&) -> ImageView<const T> { throw "a known mean is read"; });
    sources[2].mean_variance = 2.5;
    sources[3].variance = 0.75;
    return sources;
  }

  std::vector<Box> boxes() const {
    std::vector<Box> boxes;
    for (const Cell& cell : make_cells(shape, 4, 2, 3, 0)) boxes.push_back(cell.box);
    for (const Box& box : {Box{5, 0, 6, 1},
                           {0, 0, 93, 211},
                           {20, 7, 93, 200},
                           {1, 3, 80, 199},
                           {80, 180, 93, 211}}) {
      boxes.push_back(box);
    }
    return boxes;
  }
};

}  // namespace

TEST_CASE_TEMPLATE("planes that are read have the mean variances of planes in memory", T, float,
                   double) {
  Planes<T> planes;
  for (const std::int32_t ignore : {0, 4}) {
    // From every pixel of the rows to one of each.
    for (const std::size_t pixels : {std::size_t{1} << 20, std::size_t{900}, std::size_t{1}}) {
      const auto expected =
          mean_variances(planes.boxes(), planes.sources(false), ignore, pixels, 1);
      CHECK(expected.size() == 4 * planes.boxes().size());
      for (const int threads : {1, 3}) {
        CHECK(mean_variances(planes.boxes(), planes.sources(true), ignore, pixels, threads) ==
              expected);
      }
    }
    const auto expected = frame_variances(planes.sources(false), ignore, 1);
    CHECK(expected.size() == 4);
    CHECK(frame_variances(planes.sources(true), ignore, 3) == expected);
  }
}

TEST_CASE("boxes side by side share the rows that are read") {
  Planes<float> planes;
  std::vector<Box> boxes;
  for (const Cell& cell : make_cells(planes.shape, 3, 5, 0, 0)) boxes.push_back(cell.box);
  mean_variances(boxes, planes.sources(true), 0, 200, 2);
  // Of 70 or 71 rows, every one but what is more than a multiple of 4.
  CHECK(planes.calls == std::vector<Rows>{{1, 69, 1}, {71, 139, 1}, {141, 209, 1}});
}

TEST_CASE("the mean variance of a box is the clipped mean of its rows") {
  Planes<double> planes;
  const auto sources = planes.sources(true);
  const Box box{20, 61, 75, 101};
  const auto got = mean_variances<double>({box}, sources, 4, 40 * 55, 2);
  CHECK(got[0] ==
        clipped_mean<double>(planes.first.view().cut(box), {planes.mask.view().cut(box), 4}).mean);
  CHECK(got[1] == clipped_mean<double>(planes.second.view().cut(box)).mean);
  CHECK(got[2] == 2.5);
  CHECK(got[3] == 0.75);
}

TEST_CASE("rows that alternate have the mean variance of all") {
  for (const int height : {240, 345, 512, 700, 2048}) {
    const Shape shape{height, 301};
    for (const int period : {1, 2, 3, 4, 5, 8}) {
      Image<float> variance(shape);
      for (int y = 0; y < height; ++y) {
        const double value = 2.0 + std::cos(2.0 * std::numbers::pi * y / period);
        std::fill_n(variance.row(y), shape.width, static_cast<float>(value));
      }
      NoiseSource<float> source;
      source.variance = Plane<float>(variance.view());
      const auto got = mean_variances<float>({{0, 0, 301, height}}, {source}, 0, 4096, 1);
      const double mean = period == 1 ? 3.0 : 2.0;
      CAPTURE(height);
      CAPTURE(period);
      // One of 24 rows more or less has another phase.
      CHECK(got[0] == doctest::Approx(mean).epsilon(period % 2 == 0 && period < 8 ? 1e-6 : 0.05));
    }
  }
}

TEST_CASE("boxes without a usable pixel take the mean of the others") {
  Planes<double> planes;
  const std::vector<Box> boxes{{0, 0, 40, 50}, {0, 50, 93, 90}, {0, 90, 93, 130}};
  const auto got = mean_variances(boxes, planes.sources(true), 0, 1 << 20, 1);
  CHECK(got[1] == (got[5] + got[9]) / 2.0);
  const auto none = mean_variances<double>({boxes[0]}, planes.sources(true), 0, 1 << 20, 1);
  CHECK(std::isnan(none[1]));
}
