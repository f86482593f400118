#include <algorithm>
#include <atomic>
#include <numeric>
#include <thread>
#include <vector>

#include "support.hpp"

using namespace whitediff;

TEST_CASE("boxes are half open") {
  const Box box{2, 3, 7, 5};
  CHECK(box.width() == 5);
  CHECK(box.height() == 2);
  CHECK(box.shape() == Shape{2, 5});
  CHECK(box.shape().size() == 10);
  CHECK(box.center() == Point{4.0, 3.5});
  CHECK(box.grown(2) == Box{0, 1, 9, 7});
  CHECK(box.clipped({3, 0, 4, 9}) == Box{3, 3, 4, 5});
  CHECK(box.contains(box));
  CHECK_FALSE(box.contains(box.grown(1)));
  CHECK(box.overlaps({6, 4, 10, 10}));
  CHECK_FALSE(box.overlaps({7, 3, 9, 5}));
  CHECK_FALSE(box.empty());
  CHECK(Box{3, 3, 3, 9}.empty());
  CHECK(to_string(box) == "[2:7, 3:5]");
  CHECK(to_string(Shape{4, 6}) == "(4, 6)");
}

TEST_CASE("an image starts as zeros and moves without a copy") {
  Image<float> image({3, 5});
  CHECK(image.shape() == Shape{3, 5});
  CHECK(std::all_of(image.data(), image.data() + 15, [](float value) { return value == 0.0f; }));
  image(2, 4) = 7.0f;
  CHECK(image.row(2)[4] == 7.0f);
  const float* memory = image.data();
  const Image<float> moved = std::move(image);
  CHECK(moved.data() == memory);
  CHECK(moved(2, 4) == 7.0f);
}

TEST_CASE("a large image, in huge pages where there are any, is zero too") {
  const Image<double> image({1500, 1400});
  CHECK(test::largest(image) == 0.0);
}

TEST_CASE_TEMPLATE("zeros are zeros, whatever the threads", T, float, double, std::int32_t) {
  // Nothing, less than a page, small pages, and huge ones with a part of one.
  for (const Shape shape : {Shape{0, 5}, {3, 5}, {301, 217}, {1501, 1403}}) {
    for (const int threads : {0, 1, 3}) {
      const Image<T> image = zero_image<T>(shape, threads);
      CHECK(image.shape() == shape);
      CHECK(std::all_of(image.data(), image.data() + shape.size(), [](T v) { return v == T(0); }));
    }
  }
}

TEST_CASE("memory that is not there is an error") {
  CHECK_THROWS_AS(detail::get_memory(std::size_t{1} << 62, detail::Content::zeros), std::bad_alloc);
}

TEST_CASE("a view sees and writes the pixels of an image") {
  Image<float> image({4, 6});
  const ImageView<float> view = image.view();
  CHECK(view.box() == Box{0, 0, 6, 4});
  view(1, 2) = 3.0f;
  CHECK(image(1, 2) == 3.0f);
  const ImageView<const float> part = ImageView<const float>(view).cut({2, 1, 5, 4});
  CHECK(part.shape() == Shape{3, 3});
  CHECK(part.stride() == 6);
  CHECK(part(0, 0) == 3.0f);
  CHECK(part.row(1) == image.data() + 2 * 6 + 2);
  CHECK_FALSE(part.empty());
  CHECK(ImageView<float>().empty());
  CHECK(ImageView<float>(image.data(), {0, 6}).empty());
}

TEST_CASE("a view may run backwards") {
  Image<int> image({3, 2});
  std::iota(image.data(), image.data() + 6, 0);
  const ImageView<const int> upside_down(image.row(2), image.shape(), -2);
  CHECK(upside_down(0, 0) == 4);
  CHECK(upside_down(2, 1) == 1);
}

TEST_CASE_TEMPLATE("a copy has the pixels of a view, whatever the threads", T, float, double,
                   std::int32_t) {
  // Part of a band of 64 rows, just one, one and a row, several.
  for (const Shape shape : {Shape{1, 1}, {3, 8}, {64, 5}, {65, 5}, {301, 7}}) {
    const auto whole = test::noise<T>({shape.height + 3, shape.width + 5}, 1, 100.0);
    const ImageView<const T> part = whole.view().cut({2, 1, 2 + shape.width, 1 + shape.height});
    const ImageView<const T> upside_down(part.row(shape.height - 1), shape, -part.stride());
    for (const int threads : {0, 1, 3}) {
      const Image<T> copy = copy_of(part, threads), turned = copy_of(upside_down, threads);
      REQUIRE(copy.shape() == shape);
      bool same = true;
      for (int y = 0; y < shape.height; ++y) {
        same = same && std::equal(copy.row(y), copy.row(y) + shape.width, part.row(y)) &&
               std::equal(copy.row(y), copy.row(y) + shape.width, turned.row(shape.height - 1 - y));
      }
      CHECK(same);
    }
  }
  CHECK(copy_of(ImageView<const T>()).shape() == Shape{0, 0});
}

TEST_CASE("memory of outputs comes again for outputs alone") {
  // Large enough for pages of their own.
  const Shape shape{1031, 1100}, other{1032, 1100};
  const auto sum_of = [](const Image<float>& image) {
    return std::accumulate(image.data(), image.data() + image.shape().size(), 0.0);
  };
  for (int round = 0; round < 3; ++round) {
    Image<float> first = output_image<float>(shape, 2), second = output_image<float>(shape, 2);
    CHECK(first.data() != second.data());
    std::fill_n(first.data(), shape.size(), 1.0F);
    std::fill_n(second.data(), shape.size(), 2.0F);
    CHECK(sum_of(first) == double(shape.size()));
    CHECK(sum_of(second) == 2.0 * double(shape.size()));
    first = {};
    second = {};
    CHECK(sum_of(Image<float>(shape)) == 0.0);
    CHECK(sum_of(zero_image<float>(shape, 2)) == 0.0);
    if (round == 1) std::fill_n(output_image<float>(other, 1).data(), other.size(), 3.0F);
  }
}

TEST_CASE("threads get and free outputs at the same time") {
  const Shape shape{1031, 1100};
  std::vector<std::thread> threads;
  std::atomic<int> wrong = 0;
  for (int n = 1; n <= 4; ++n) {
    threads.emplace_back([&, n] {
      for (int round = 0; round < 8; ++round) {
        Image<float> image = output_image<float>(shape, 1);
        std::fill_n(image.data(), shape.size(), float(n));
        const auto last = image.data() + shape.size();
        wrong += std::find_if(image.data(), last, [n](float x) { return x != float(n); }) != last;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(wrong == 0);
}
