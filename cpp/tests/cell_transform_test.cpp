#include "cell_transform.hpp"

#include <limits>
#include <span>

#include "support.hpp"

using namespace whitediff;

namespace {

/// Two images of noise, of which the second has fewer rows.
template <class T>
struct Tiles {
  Image<T> upper = test::noise<T>({13, 20}, 1), lower = test::noise<T>({9, 20}, 2);

  const Image<T>& operator[](int tile) const { return tile == 0 ? upper : lower; }

  void load(CellTransform<T>& transform, const Ramp<T>& level = {}) const {
    transform.load(
        13, [&](int, int) { return level; },
        [&](int tile, int y, T* room) -> std::span<const T> {
          const Image<T>& image = (*this)[tile];
          if (y >= image.shape().height) return {};
          const auto width = static_cast<std::size_t>(image.shape().width);
          // Where it lies, or in the room that is offered.
          if (y % 2 == 0) return {image.row(y), width};
          std::copy_n(image.row(y), width, room);
          return {room, width};
        });
  }

  /// max |got - factor * expected|; what lies beyond the rows of a tile must be zero.
  double error(CellTransform<T>& transform, double factor) const {
    double most = 0.0;
    transform.read(0, 16, transform.none, [&](int tile, int y, const T* row) {
      const Image<T>& image = (*this)[tile];
      for (int x = 0; x < transform.shape().width; ++x) {
        const bool inside = y < image.shape().height && x < image.shape().width;
        most = std::max(most, std::abs(row[x] - factor * (inside ? double(image(y, x)) : 0.0)));
      }
    });
    return most;
  }
};

/// Rounding of two transforms of deviates of order one, as a factor of what comes out.
template <class T>
constexpr double rounding = 30.0 * std::numeric_limits<T>::epsilon();

}  // namespace

TEST_CASE_TEMPLATE("both tiles come back, apart from each other", T, float, double) {
  const Tiles<T> tiles;
  CellTransform<T> transform({16, 32});
  const double size = 16.0 * 32.0;
  // Twice: what the first left in the buffers does not show.
  for (int round = 0; round < 2; ++round) {
    tiles.load(transform);
    transform.filter_columns([](int, auto*) {});
    CHECK(tiles.error(transform, size) < rounding<T> * size);
  }
}

TEST_CASE_TEMPLATE(
    "a level is taken off and added again; beyond the rows of a tile it is all there is", T, float,
    double) {
  const Tiles<T> tiles;
  CellTransform<T> transform({16, 32});
  tiles.load(transform, {T(100), T(0.5)});
  transform.filter_columns([](int, auto*) {});
  double most = 0.0;
  const auto back = [](int, int) { return Ramp<T>{T(512 * 100), T(256)}; };
  transform.read(0, 16, back, [&](int tile, int y, const T* row) {
    const Image<T>& image = tiles[tile];
    for (int x = 0; x < 32; ++x) {
      const bool inside = y < image.shape().height && x < image.shape().width;
      most = std::max(most,
                      std::abs(row[x] / 512.0 - (inside ? double(image(y, x)) : 100.0 + 0.5 * x)));
    }
  });
  CHECK(most < 100.0 * rounding<T>);
}

TEST_CASE_TEMPLATE("columns come as lines, each with all its modes", T, float, double) {
  const Tiles<T> tiles;
  const Shape shape{16, 32};
  CellTransform<T> transform(shape);
  CHECK(transform.shape() == shape);
  CHECK(transform.lines_size() == 32 * transform.pitch());
  tiles.load(transform);
  double error = 0.0;
  int columns = 0;
  const std::complex<double> i(0.0, 1.0);
  transform.transform_columns([&](int first, const auto* lines) {
    for (int j = 0; j < transform.batch; ++j, ++columns) {
      for (int ky = 0; ky < 16; ++ky) {
        const auto mode_of = [&](const Image<T>& image) {
          return test::transfer(test::converted<double>(image), {0, 0}, shape, ky, first + j);
        };
        const std::complex<double> got(lines[j * transform.pitch() + ky]);
        error = std::max(error, std::abs(got - (mode_of(tiles.upper) + i * mode_of(tiles.lower))));
      }
    }
  });
  CHECK(columns == 32);
  // Sums of 440 deviates: a factor of twenty.
  CHECK(error < 20.0 * rounding<T>);
}

TEST_CASE_TEMPLATE("a small image around pixel [0, 0] is transformed as any other", T, float,
                   double) {
  for (const Shape shape : {Shape{16, 32}, Shape{48, 16}}) {
    for (const int reach : {0, 3, 8, 15}) {
      CAPTURE(shape);
      CAPTURE(reach);
      Image<T> image = test::noise<T>(shape, 5);
      for (int y = reach + 1; y < shape.height - reach; ++y) {
        std::fill_n(image.row(y), shape.width, T(0));
      }
      const auto width = static_cast<std::size_t>(shape.width);
      CellTransform<T> transform(shape);
      transform.load(shape.height, [&](int tile, int y, T*) -> std::span<const T> {
        if (tile > 0) return {};
        return {image.row(y), width};
      });
      fft::Buffer<std::complex<T>> expected;
      transform.transform_columns([&](int, const auto* lines) {
        expected.insert(expected.end(), lines, lines + transform.batch * transform.pitch());
      });
      fft::Buffer<std::complex<T>> got(transform.lines_size());
      transform.transform_small(
          reach, [&](int y, T* room) { std::copy_n(image.row(y), width, room); }, got.data());
      double error = 0.0;
      for (std::size_t n = 0; n < got.size(); ++n) {
        if (n % transform.pitch() >= static_cast<std::size_t>(shape.height)) continue;
        error = std::max(error, double(std::abs(got[n] - expected[n])));
      }
      // Sums of up to 768 deviates, the same ones in another order.
      CHECK(error < 20.0 * rounding<T>);
    }
  }
}

TEST_CASE_TEMPLATE("transposed, interleaved and separated numbers are the same ones", T, float,
                   double) {
  using Complex = std::complex<T>;
  constexpr int rows = 12, columns = 8, in_pitch = 12, out_pitch = 16, size = 37;
  fft::Buffer<Complex> in(rows * in_pitch), out(columns * out_pitch, Complex(-1));
  for (std::size_t n = 0; n < in.size(); ++n) in[n] = {T(n), T(2 * n + 1)};
  transpose(in.data(), in_pitch, rows, columns, out.data(), out_pitch);
  for (int x = 0; x < columns; ++x) {
    for (int y = 0; y < out_pitch; ++y) {
      CHECK(out[x * out_pitch + y] == (y < rows ? in[y * in_pitch + x] : Complex(-1)));
    }
  }

  const auto parts = test::noise<T>({2, size}, 3);
  std::vector<Complex> mixed(size);
  const Ramps<T> taken{Ramp<T>{T(2)}, Ramp<T>{T(2)}}, added{Ramp<T>{T(-5)}, Ramp<T>{T(-5)}};
  CHECK(interleave(parts.row(0), parts.row(1), size, taken, {T(-9), T(9)}, mixed.data()));
  CHECK_FALSE(interleave(parts.row(0), parts.row(1), size, taken, {T(-9), T(-2)}, mixed.data()));
  std::vector<T> real(size), imaginary(size);
  separate(mixed.data(), size, added, real.data(), imaginary.data());
  for (int x = 0; x < size; ++x) {
    CHECK(mixed[x] == Complex(parts(0, x) - T(2), parts(1, x) - T(2)));
    CHECK(real[x] == mixed[x].real() - T(5));
    CHECK(imaginary[x] == mixed[x].imag() - T(5));
  }
}
