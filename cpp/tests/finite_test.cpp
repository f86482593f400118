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
