#include "usable_sum.hpp"

#include "finite.hpp"
#include "support.hpp"

using namespace whitediff;

namespace {

using test::infinity;
using test::not_a_number;

}  // namespace

TEST_CASE_TEMPLATE("a row is finite, or one value of it is not", T, float, double) {
  for (int size = 1; size < 40; ++size) {
    std::vector<T> row(size, std::numeric_limits<T>::max());
    CHECK(all_finite(row.data(), size));
    for (const double bad : {not_a_number, infinity, -infinity}) {
      for (int x = 0; x < size; ++x) {
        row[x] = static_cast<T>(bad);
        CHECK_FALSE(all_finite(row.data(), size));
        row[x] = T(0);
      }
    }
  }
  CHECK(all_finite(static_cast<const T*>(nullptr), 0));
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
  const UsableSum got = usable_sum<T>(image.view(), bits.view(), 2, box);
  CHECK(got.count == 12 * 7 - 3);
  CHECK(got.masked_count == 1);
  CHECK(got.masked_sum == double(image(4, 5)));
  // The same sum in another order.
  CHECK(got.sum == doctest::Approx(sum).epsilon(1e-6));
  CHECK(got.mean() == got.sum / 81.0);
  CHECK(usable_sum<T>(image.view(), {}, 0, box).count == 12 * 7 - 2);
}

TEST_CASE("masked pixels stand in where there is no other, and zero where there is none") {
  auto image = test::constant<double>({2, 3}, 5.0);
  Image<std::int32_t> bits({2, 3});
  std::fill_n(bits.data(), 6, 1);
  CHECK(usable_sum<double>(image.view(), bits.view(), 1, {0, 0, 3, 2}).mean() == 5.0);
  std::fill_n(image.data(), 6, not_a_number);
  UsableSum total = usable_sum<double>(image.view(), {}, 0, {0, 0, 3, 2});
  CHECK(total.mean() == 0.0);
  total += {8.0, 3.0, 2, 1};
  CHECK(total.mean() == 4.0);
}
