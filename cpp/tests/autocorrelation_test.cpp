#include "autocorrelation.hpp"

#include <cstdlib>
#include <limits>

#include "support.hpp"

using namespace whitediff;

namespace {

/// sum K[v, u] K[v + dy, u + dx], pixel by pixel, in long double.
double direct(const Image<double>& kernel, int dy, int dx) {
  const auto [height, width] = kernel.shape();
  long double total = 0.0;
  for (int v = 0; v + dy < height; ++v) {
    for (int u = std::max(0, -dx); u < std::min(width, width - dx); ++u) {
      total += static_cast<long double>(kernel(v, u)) * kernel(v + dy, u + dx);
    }
  }
  return static_cast<double>(total);
}

/// The largest error over all shifts, in units of the largest value, which is the one at no shift.
double error(const Autocorrelation& autocorrelation, const Image<double>& kernel) {
  const auto [height, width] = kernel.shape();
  double most = 0.0;
  for (int dy = 0; dy < height; ++dy) {
    for (int dx = 1 - width; dx < width; ++dx) {
      most = std::max(most, std::abs(autocorrelation.row(dy)[dx] - direct(kernel, dy, dx)));
    }
  }
  return most / direct(kernel, 0, 0);
}

// A sum in order is off by the root of the number of terms, some 30 at most here, an FFT by the
// root of the number of its passes, times half the spacing of doubles: 1e-15 to 3e-15 at worst.
constexpr double rounding = 16.0 * std::numeric_limits<double>::epsilon();

}  // namespace

TEST_CASE("all shifts equal the direct sum on both sides of the threshold") {
  // One pixel, one row, one column, odd, even and oblong kernels; 22 x 22 is the largest square
  // summed directly.
  static_assert(Autocorrelation::direct_pixels == 500);
  const Shape shapes[] = {{1, 1},   {1, 9},   {9, 1},   {5, 7},   {8, 3},   {21, 23},
                          {22, 22}, {22, 23}, {23, 22}, {23, 23}, {32, 17}, {17, 32},
                          {33, 40}, {1, 500}, {1, 501}, {501, 1}, {3, 167}};
  for (const Shape shape : shapes) {
    CAPTURE(to_string(shape));
    const auto kernel = test::noise<double>(shape, 3);
    Autocorrelation autocorrelation;
    autocorrelation.set(kernel.view());
    CHECK(error(autocorrelation, kernel) <= rounding);
  }
}

TEST_CASE("one kernel leaves nothing behind for the next") {
  // Up and down in size, from one way to the other and within each.
  Autocorrelation autocorrelation;
  for (const Shape shape : {Shape{30, 31}, {7, 5}, {24, 22}, {41, 21}, {3, 9}, {13, 11}}) {
    CAPTURE(to_string(shape));
    const auto kernel = test::noise<double>(shape, 5);
    autocorrelation.set(kernel.view());
    CHECK(error(autocorrelation, kernel) <= rounding);
  }
}

TEST_CASE("a part of a wider image is taken by itself") {
  const auto image = test::noise<double>({40, 60}, 7);
  for (const Box box : {Box{3, 2, 12, 9}, {20, 5, 51, 38}}) {
    Image<double> kernel(box.shape());
    for (int y = 0; y < box.height(); ++y) {
      for (int x = 0; x < box.width(); ++x) kernel(y, x) = image(box.y0 + y, box.x0 + x);
    }
    Autocorrelation autocorrelation;
    autocorrelation.set(image.view().cut(box));
    CHECK(error(autocorrelation, kernel) <= rounding);
  }
}
