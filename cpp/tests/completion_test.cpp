#include "completion.hpp"

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
  Image<std::uint8_t> edge{{rows, width}};

  T& value(int row, int x) { return plane(row - first_in, x); }
  T& result(int row, int x) { return variance(row - first_out, x); }

  Whitening plan{
      .cells = cells,
      .noise =
          NoiseModel({{1.0, {}}, {1.0, {}}}, {}, {{4.5, 9.5}, {11.0, 9.5}}, {12.0, 2.0, 14.0, 2.0}),
  };
  Unknown unknown;
  ValueRule<T> rule{T(1e25), 8};
  Image<T> pixels = test::constant<T>({8, width}, T(1));

  void run(VariancePropagation propagation) {
    Completion<T> completion(plan, {20, width}, blend, propagation, rule);
    completion.set_gains(0, {0.5, 3.0});
    completion.set_gains(1, {1.5, 5.0});
    for (int y = 0; y < 20; ++y) {
      completion.report_gaps(y);
      completion.report_unknown(y);
    }
    const ImageView<const T> values = plane.view();
    InputRows<T> input{first_in, pixels.view(), mask.view(), {}};
    input.sources = {{values, T(1e12)}, {2.0}};
    completion.run(input, {first_out, image.view(), variance.view(), edge.view()}, 2);
    unknown = completion.unknown();
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
  CHECK(rows.edge(0, 14) == 0);
  CHECK(rows.edge(0, 15) == 1);
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

TEST_CASE_TEMPLATE("the mean stands in for a variance that is not known", T, float, double) {
  Case<T> rows;
  rows.value(9, 16) = T(-3);  // in no cell
  rows.value(5, 1) = T(-3);   // in a row that is not asked for
  rows.value(9, 4) = T(-3);
  rows.value(9, 8) = T(0);
  rows.value(8, 12) = T(-0.001);
  rows.run(VariancePropagation::estimate);
  CHECK(rows.result(9, 4) == T(0.5 * 12 + 3 * 2));
  // Half of either cell.
  CHECK(rows.result(9, 8) == doctest::Approx(0.5 * (0.5 * 12 + 1.5 * 14) + 4 * 2));
  CHECK(rows.result(8, 12) == T(1.5 * 14 + 5 * 2));
  CHECK(rows.result(8, 11) == T(1.5 * 10 + 5 * 2));
  CHECK(rows.unknown.variances == std::vector<std::size_t>{3, 0});
  rows.run(VariancePropagation::full);
  CHECK(rows.unknown.variances == std::vector<std::size_t>{3, 0});
}

TEST_CASE_TEMPLATE("what is too large for a variance is put back and counted", T, float, double) {
  for (const auto propagation : {VariancePropagation::estimate, VariancePropagation::full}) {
    Case<T> rows;
    rows.value(8, 3) = T(1e30);
    rows.run(propagation);
    CHECK(rows.result(8, 3) == T(1e30));
    CHECK(rows.result(8, 4) < T(101));
    CHECK(rows.unknown.variances == std::vector<std::size_t>{1, 0});
  }
}

TEST_CASE_TEMPLATE("a source without noise has variances of zero", T, float, double) {
  Case<T> rows;
  std::fill_n(rows.plane.data(), rows.plane.shape().size(), T(0));
  rows.plan.noise =
      NoiseModel({{1.0, {}}, {1.0, {}}}, {}, {{4.5, 9.5}, {11.0, 9.5}}, {0.0, 2.0, 0.0, 2.0});
  Completion<T> completion(rows.plan, {20, Case<T>::width}, rows.blend,
                           VariancePropagation::estimate, rows.rule);
  completion.set_gains(0, {0.5, 3.0});
  completion.set_gains(1, {1.5, 5.0});
  InputRows<T> input{Case<T>::first_in, rows.pixels.view(), {}, {}};
  input.sources = {{ImageView<const T>(rows.plane.view()), T(1e25), true}, {2.0}};
  completion.run(
      input, {Case<T>::first_out, rows.image.view(), rows.variance.view(), rows.edge.view()}, 2);
  CHECK(rows.result(8, 3) == T(6));
  CHECK(completion.unknown().variances == std::vector<std::size_t>{0, 0});
}

TEST_CASE_TEMPLATE("pixels without a value are counted once, in cells", T, float, double) {
  Case<T> rows;
  rows.pixels(9 - 5, 8) = T(not_a_number);
  rows.pixels(9 - 5, 1) = T(1e30);
  rows.pixels(9 - 5, 16) = T(not_a_number);  // in no cell
  rows.pixels(0, 3) = T(not_a_number);       // in a row that is not asked for
  rows.mask(8 - 5, 2) = 8;
  rows.mask(8 - 5, 3) = 1;
  rows.run(VariancePropagation::estimate);
  CHECK(rows.unknown.marked == 1);
  CHECK(rows.unknown.not_finite == 1);
  CHECK(rows.unknown.too_large == 1);
}
