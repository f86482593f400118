#include "usable_pixels.hpp"

#include "support.hpp"

using namespace whitediff;

namespace {

using test::infinity;
using test::not_a_number;

template <class T>
std::vector<T> usable(const std::vector<T>& values, const std::int32_t* bits, std::int32_t ignore,
                      T least) {
  std::vector<T> kept;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const bool value = values[i] > least && values[i] <= T(1e25);
    if (value && !(bits && (bits[i] & ignore))) kept.push_back(values[i]);
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
        values[i] = one_in(9) ? T(1e25) : one_in(9) ? T(1.01e25) : static_cast<T>(i - 20);
        if (one_in(rate)) {
          values[i] = static_cast<T>(one_in(3) ? not_a_number : one_in(2) ? infinity : -infinity);
        }
        bits[i] = one_in(rate + 1) ? 0b110 : one_in(rate + 1) ? highest_bit : one_in(2) ? 1 : 0;
      }
      for (const std::int32_t ignore : {0, 0b10, highest_bit, -1}) {
        for (const bool masked : {false, true}) {
          const std::int32_t* mask = masked ? bits.data() : nullptr;
          for (const T least : {T(-1e25), T(0)}) {
            // As long as the row: nothing may be written beyond it.
            std::vector<T> packed(size);
            const int kept = pack_usable(values.data(), mask, ignore, least, size, packed.data());
            packed.resize(kept);
            CHECK(packed == usable(values, mask, ignore, least));
          }
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
