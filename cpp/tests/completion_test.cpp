#include "completion.hpp"

#include <string>

#include "support.hpp"

using namespace whitediff;

namespace {

using test::infinity;
using test::not_a_number;

/// Two cells that share columns 8 and 9; columns from 15 on have none. The planes begin at row 5 of
/// the frame, the result at row 7.
template <class T>
struct Case {
  static constexpr int width = 17, first_in = 5, first_out = 7, rows = 4;

  std::vector<Cell> cells{{{0, 0, 10, 20}, {0, 0, 10, 20}}, {{8, 0, 15, 20}, {8, 0, 15, 20}}};
  Blend blend{cells, Reduction::average};
  Image<T> plane = test::constant<T>({8, width}, T(10));
  Image<T> image = test::constant<T>({rows, width}, T(-1));
  Image<T> variance = test::constant<T>({rows, width}, T(100));
  Image<std::int32_t> mask{{8, width}};

  T& value(int row, int x) { return plane(row - first_in, x); }
  T& result(int row, int x) { return variance(row - first_out, x); }

  void run(VariancePropagation propagation) {
    Completion<T> completion(cells, blend, propagation, 4);
    completion.set_gains(0, {0.5, 3.0});
    completion.set_gains(1, {1.5, 5.0});
    const ImageView<const T> values = plane.view();
    InputRows<T> input{first_in, values, {}, {}};
    input.sources = {{values, ImageView<const std::int32_t>(mask.view()), "science variance"},
                     {2.0, {}, "template variance"}};
    completion.run(input, {first_out, image.view(), variance.view()}, 2);
  }

  std::string error() {
    try {
      run(VariancePropagation::estimate);
    } catch (const std::invalid_argument& exception) {
      return exception.what();
    }
    return "";
  }
};

}  // namespace

TEST_CASE_TEMPLATE("variances are estimated with blended gains", T, float, double) {
  Case<T> rows;
  rows.value(9, 3) = T(20);
  rows.run(VariancePropagation::estimate);
  CHECK(rows.result(8, 3) == T(0.5 * 10 + 3 * 2));
  CHECK(rows.result(9, 3) == T(0.5 * 20 + 3 * 2));
  CHECK(rows.result(8, 8) == T(1.0 * 10 + 4 * 2));
  CHECK(rows.result(10, 14) == T(1.5 * 10 + 5 * 2));
  CHECK(rows.image(0, 14) == T(-1));
  CHECK(std::isnan(rows.result(7, 15)));
  CHECK(std::isnan(rows.image(3, 16)));
}

TEST_CASE_TEMPLATE("what is not finite stays so", T, float, double) {
  for (const auto propagation : {VariancePropagation::estimate, VariancePropagation::full}) {
    Case<T> rows;
    rows.value(7, 2) = T(not_a_number);
    rows.value(8, 9) = T(infinity);
    rows.value(9, 14) = T(-infinity);
    rows.run(propagation);
    CHECK(std::isnan(rows.result(7, 2)));
    CHECK(rows.result(8, 9) == T(infinity));
    CHECK(rows.result(9, 14) == T(-infinity));
    CHECK(std::isfinite(rows.result(7, 1)));
  }
}

TEST_CASE_TEMPLATE("variances that were propagated in full are left alone", T, float, double) {
  Case<T> rows;
  rows.run(VariancePropagation::full);
  for (int x = 0; x < 15; ++x) CHECK(rows.result(8, x) == T(100));
  CHECK(std::isnan(rows.result(8, 15)));
}

TEST_CASE_TEMPLATE("negative variances are refused, unless masked or in no cell", T, float,
                   double) {
  Case<T> rows;
  rows.value(9, 16) = T(-3);  // in no cell
  rows.value(5, 1) = T(-3);   // in a row that is not asked for
  CHECK(rows.error() == "");
  rows.value(9, 4) = T(-3);
  CHECK(rows.error().rfind("science variance must be >= 0, got -3", 0) == 0);
  CHECK(rows.error().find("at (x, y) = (4, 9)") != std::string::npos);
  CHECK_THROWS_AS(rows.run(VariancePropagation::full), std::invalid_argument);
  rows.mask(9 - Case<T>::first_in, 4) = 4 + 1;
  CHECK(rows.error() == "");
  rows.mask(9 - Case<T>::first_in, 4) = 1;  // not a plane that is ignored
  CHECK(rows.error() != "");
}
