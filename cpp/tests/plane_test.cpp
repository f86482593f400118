#include "whitediff/plane.hpp"

#include "support.hpp"

using namespace whitediff;

namespace {

template <class T>
bool same_pixels(ImageView<const T> a, ImageView<const T> b) {
  if (a.shape() != b.shape()) return false;
  for (int y = 0; y < a.height(); ++y) {
    if (!std::equal(a.row(y), a.row(y) + a.width(), b.row(y))) return false;
  }
  return true;
}

}  // namespace

TEST_CASE("rows are counted from the first one, a step apart") {
  CHECK(Rows{3, 3}.count() == 0);
  CHECK(Rows{3, 8}.count() == 5);
  CHECK(Rows{3, 8, 2}.count() == 3);
  CHECK(Rows{3, 9, 2}.count() == 3);
  CHECK(Rows{3, 10, 2}.count() == 4);
  CHECK(Rows{3, 4, 50}.count() == 1);
  CHECK(Rows{3, 4, 50} == Rows{3, 4, 50});
  CHECK_FALSE(Rows{3, 4, 50} == Rows{3, 4});
  CHECK_FALSE(Rows{3, 4, 1, {2, 5}} == Rows{3, 4});
}

TEST_CASE_TEMPLATE("a plane in memory is looked at where it lies", T, float, double, std::int32_t) {
  const auto whole = test::noise<T>({13, 21}, 1, 100.0);
  // A part of wider rows.
  const ImageView<const T> view = whole.view().cut({3, 1, 20, 12});
  const Plane<T> plane = view;
  CHECK(plane.shape() == Shape{11, 17});
  CHECK(plane.in_memory());
  CHECK_FALSE(plane.empty());
  for (const Rows rows : {Rows{0, 11}, {4, 9}, {10, 11}, {0, 11, 3}, {2, 9, 4}, {5, 5}}) {
    const ImageView<const T> got = plane.rows(rows);
    REQUIRE(got.shape() == Shape{rows.count(), 17});
    for (int n = 0; n < rows.count(); ++n) {
      CHECK(got.row(n) == view.row(rows.begin + n * rows.step));
    }
  }
}

TEST_CASE("a view for writing makes a plane as well") {
  auto image = test::noise<float>({4, 5}, 2);
  const Plane<float> plane = image.view();
  CHECK(plane.rows({1, 2}).row(0) == image.row(1));
}

TEST_CASE("a plane and its copies keep the owner of the pixels") {
  auto owner = std::make_shared<Image<float>>(test::noise<float>({4, 5}, 2));
  const std::weak_ptr<Image<float>> watched = owner;
  {
    Plane<float> plane(owner->view(), owner);
    const Plane<float> copy = plane;
    owner.reset();
    plane = {};
    CHECK(copy.rows({1, 2}).row(0) == watched.lock()->row(1));
  }
  CHECK(watched.expired());
}

TEST_CASE("a plane that is not there is empty") {
  CHECK(Plane<float>().empty());
  CHECK(Plane<float>().in_memory());
  CHECK(Plane<float>(ImageView<const float>()).empty());
  CHECK(Plane<float>({0, 7}, [](const Rows&) { return ImageView<const float>(); }).empty());
}

TEST_CASE("a reader is asked for the rows that are wanted, and for nothing before") {
  const auto image = test::noise<double>({30, 7}, 3);
  std::vector<Rows> calls;
  const Plane<double> plane = test::reading(image, &calls);
  CHECK(plane.shape() == Shape{30, 7});
  CHECK_FALSE(plane.in_memory());
  CHECK_FALSE(plane.empty());
  CHECK(calls.empty());
  const Plane<double> in_memory = image.view();
  const std::vector<Rows> wanted{{0, 30}, {3, 4}, {1, 29, 5}, {29, 30, 100}};
  for (const Rows& rows : wanted) CHECK(same_pixels(plane.rows(rows), in_memory.rows(rows)));
  CHECK(calls == wanted);
}

TEST_CASE("rows of another shape are refused") {
  const Image<float> image({10, 10});
  Shape given{3, 6};
  const Plane<float> plane(
      {10, 7}, [&](const Rows&) { return ImageView<const float>(image.data(), given); });
  CHECK_THROWS_WITH_AS(plane.rows({2, 5}), "plane must give rows of shape (3, 7), got (3, 6)",
                       std::invalid_argument);
  given = {2, 7};
  CHECK_THROWS_WITH_AS(plane.rows({2, 5}), "plane must give rows of shape (3, 7), got (2, 7)",
                       std::invalid_argument);
  given = {3, 7};
  CHECK(plane.rows({2, 5}).data() == image.data());
}

TEST_CASE("the rows that were read last are not read again, not even by a copy") {
  const auto image = test::noise<float>({30, 7}, 4);
  std::vector<Rows> calls;
  const Plane<float> plane = test::reading(image, &calls);
  const Plane<float> copy = plane;
  const ImageView<const float> rows = plane.rows({3, 9});
  CHECK(copy.rows({3, 9}).data() == rows.data());
  CHECK(same_pixels(rows, Plane<float>(image.view()).rows({3, 9})));
  CHECK(calls == std::vector<Rows>{{3, 9}});
  copy.rows({3, 9, 2});
  plane.rows({3, 9});
  CHECK(calls == std::vector<Rows>{{3, 9}, {3, 9, 2}, {3, 9}});
}

TEST_CASE("rows that could not be read are read again") {
  struct Unreadable {};
  const auto image = test::noise<float>({30, 7}, 4);
  int calls = 0;
  const Plane<float> plane({30, 7}, [&](const Rows& rows) {
    if (++calls == 2) throw Unreadable();
    // Too many the first time.
    return image.view().cut({0, rows.begin, 7, rows.end + (calls == 1)});
  });
  CHECK_THROWS_AS(plane.rows({3, 9}), std::invalid_argument);
  CHECK_THROWS_AS(plane.rows({3, 9}), Unreadable);
  CHECK(plane.rows({3, 9}).data() == image.row(3));
  CHECK(calls == 3);
}

TEST_CASE("a reader that is not there is refused") {
  CHECK_THROWS_WITH_AS(Plane<float>({3, 4}, Plane<float>::Read()),
                       "plane must have a function that reads rows, got none",
                       std::invalid_argument);
}

TEST_CASE("what a reader throws passes through") {
  struct Unreadable {};
  const Plane<float> plane({10, 7},
                           [](const Rows&) -> ImageView<const float> { throw Unreadable(); });
  CHECK_THROWS_AS(plane.rows({0, 1}), Unreadable);
}
