#include "usable_pixels.hpp"

#include "support.hpp"

using namespace whitediff;

namespace {

using test::infinity;
using test::not_a_number;

template <class T>
std::vector<T> usable(const std::vector<T>& values, const std::int32_t* bits, std::int32_t ignore) {
  std::vector<T> kept;
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (std::isfinite(values[i]) && !(bits && (bits[i] & ignore))) kept.push_back(values[i]);
  }
  return kept;
}

}  // namespace

TEST_CASE_TEMPLATE("usable values of rows of every length are packed", T, float, double) {
  std::mt19937 generator(31);
  const auto one_in = [&](int n) { return std::uniform_int_distribution(1, n)(generator) == 1; };
  const std::int32_t highest_bit = std::numeric_limits<std::int32_t>::min();
  for (int size = 0; size <= 70; ++size) {
    // From rows without any gap to rows of gaps alone.
    for (const int rate : {1000000, 40, 3, 1}) {
      std::vector<T> values(size);
      std::vector<std::int32_t> bits(size);
      for (int i = 0; i < size; ++i) {
        values[i] = one_in(9) ? std::numeric_limits<T>::max() : static_cast<T>(i - 20);
        if (one_in(rate)) {
          values[i] = static_cast<T>(one_in(3) ? not_a_number : one_in(2) ? infinity : -infinity);
        }
        bits[i] = one_in(rate + 1) ? 0b110 : one_in(rate + 1) ? highest_bit : one_in(2) ? 1 : 0;
      }
      for (const std::int32_t ignore : {0, 0b10, highest_bit, -1}) {
        for (const bool masked : {false, true}) {
          const std::int32_t* mask = masked ? bits.data() : nullptr;
          // As long as the row: nothing may be written beyond it.
          std::vector<T> packed(size);
          const int kept = pack_usable(values.data(), mask, ignore, size, packed.data());
          packed.resize(kept);
          CHECK(packed == usable(values, mask, ignore));
        }
      }
    }
  }
}

TEST_CASE_TEMPLATE("bands hold every row once, in memory or read", T, float, double) {
  for (const Shape shape : {Shape{1, 1}, {63, 5}, {64, 5}, {65, 5}, {300, 3}}) {
    const auto image = test::noise<T>(shape, 5);
    Image<std::int32_t> mask(shape);
    for (int y = 0; y < shape.height; ++y) mask(y, y % shape.width) = 4;
    const PixelMask masked{mask.view(), 4}, masked_rows{test::reading(mask), 4};
    for (const bool read : {false, true}) {
      const Plane<T> plane = read ? test::reading(image) : Plane<T>(image.view());
      const UsableBands<T> bands(plane, read ? masked_rows : masked);
      for (const int threads : {1, 2, 5}) {
        std::vector<std::vector<T>> kept(bands.count());
        bands.for_each(threads, [&](std::size_t band, const UsablePixels<T>& pixels) {
          pixels.visit([&](const T* values, int size) {
            kept[band].insert(kept[band].end(), values, values + size);
          });
        });
        std::vector<T> together, expected;
        for (const auto& values : kept) {
          together.insert(together.end(), values.begin(), values.end());
        }
        for (int y = 0; y < shape.height; ++y) {
          for (int x = 0; x < shape.width; ++x) {
            if (x != y % shape.width) expected.push_back(image(y, x));
          }
        }
        CHECK(together == expected);
      }
    }
  }
}

TEST_CASE("a mask that nothing is asked of is not read") {
  const auto image = test::noise<float>({70, 9}, 6);
  const Image<std::int32_t> mask(image.shape());
  std::vector<Rows> calls;
  const Plane<float> plane = image.view();
  const UsableBands<float> bands(plane, {test::reading(mask, &calls), 0});
  bands.for_each(2, [](std::size_t, const UsablePixels<float>&) {});
  CHECK(calls.empty());
}

TEST_CASE_TEMPLATE("finite pixels of a box are summed, masked ones apart", T, float, double) {
  auto image = test::noise<T>({9, 14}, 4);
  Image<std::int32_t> bits(image.shape());
  image(2, 3) = static_cast<T>(not_a_number);
  image(3, 3) = static_cast<T>(-infinity);
  image(0, 0) = T(1e6);
  bits(4, 5) = 6;
  bits(4, 6) = 1;
  const Box box{1, 1, 13, 8};
  double sum = 0.0;
  for (int y = 1; y < 8; ++y) {
    for (int x = 1; x < 13; ++x) {
      if (std::isfinite(image(y, x)) && !(y == 4 && x == 5)) sum += image(y, x);
    }
  }
  const UsablePixels<T> pixels(image.view(), bits.view(), 2);
  const UsableSum got = pixels.cut(box).sum();
  CHECK(got.count == 12 * 7 - 3);
  CHECK(got.masked_count == 1);
  CHECK(got.masked_sum == double(image(4, 5)));
  // The same sum in another order.
  CHECK(got.sum == doctest::Approx(sum).epsilon(1e-6));
  CHECK(got.mean() == got.sum / 81.0);
  CHECK(UsablePixels<T>(image.view(), {}, 0).cut(box).sum().count == 12 * 7 - 2);
}

TEST_CASE("masked pixels stand in where there is no other, and zero where there is none") {
  auto image = test::constant<double>({2, 3}, 5.0);
  Image<std::int32_t> bits({2, 3});
  std::fill_n(bits.data(), 6, 1);
  CHECK(UsablePixels<double>(image.view(), bits.view(), 1).sum().mean() == 5.0);
  std::fill_n(image.data(), 6, not_a_number);
  const UsableSum none = UsablePixels<double>(image.view(), {}, 0).sum();
  CHECK(none.mean() == 0.0);
  CHECK((none + UsableSum{8.0, 3.0, 2, 1}).mean() == 4.0);
}
