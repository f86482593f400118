#pragma once

#include <algorithm>
#include <complex>
#include <limits>
#include <memory>
#include <span>

#include "fft.hpp"
#include "line_products.hpp"
#include "transpose.hpp"

namespace whitediff {

/// The Fourier transform of the two tiles of a cell, one the real and one the imaginary part of a
/// complex image: a filter that is real in image space leaves them apart.
///
/// Loaded row by row, filtered column by column, read row by row, so that rows without data cost
/// nothing and columns are filtered in the nearest cache. Columns come as lines: `batch` of them,
/// pitch() apart, line j holding all ky of column kx = first + j.
template <class T>
class CellTransform {
 public:
  using Complex = std::complex<T>;
  static constexpr int batch = fft::LineTransform<T>::batch;

  /// @param shape  multiples of `batch`.
  explicit CellTransform(Shape shape)
      : shape_(shape),
        rows_(fft::LineTransform<T>::get(shape.width)),
        columns_(fft::LineTransform<T>::get(shape.height)),
        spectrum_((shape.height + batch) * rows_->pitch()),
        scratch_(batch * rows_->pitch()),
        lines_(batch * columns_->pitch()),
        filtered_lines_(batch * columns_->pitch()),
        tile_rows_{fft::Buffer<T>(shape.width), fft::Buffer<T>(shape.width)} {}

  Shape shape() const { return shape_; }
  std::size_t pitch() const { return columns_->pitch(); }
  /// Complex numbers of all columns as lines.
  std::size_t lines_size() const { return shape_.width * pitch(); }

  /// Transforms rows 0 .. height - 1, less the level(tile, y) of each; source(tile, y, room) gives
  /// row y of a tile, which it may write into `room`, or nothing. The rest of the transform is
  /// zero. Columns are left to do. Says whether all numbers of the tiles, less the level, are in a
  /// range.
  template <class LevelOf, class Source>
  bool load(int height, const LevelOf& level, const Range<T>& range, const Source& source) {
    const bool inside = load_between(0, height, level, range, source);
    const auto filled = static_cast<std::ptrdiff_t>((height + batch - 1) / batch * batch);
    std::fill(spectrum_.begin() + filled * static_cast<std::ptrdiff_t>(rows_->pitch()),
              spectrum_.end(), Complex(0));
    return inside;
  }

  /// The same of numbers that are known.
  template <class LevelOf, class Source>
  void load(int height, const LevelOf& level, const Source& source) {
    load(height, level, unbounded, source);
  }
  /// Of numbers as they are.
  template <class Source>
  void load(int height, const Source& source) {
    load(height, none, source);
  }
  static Ramp<T> none(int, int) { return {}; }

  /// Transforms columns forth, with visit(first, lines) after it.
  template <class Visit>
  void transform_columns(const Visit& visit) {
    for (int x = 0; x < shape_.width; x += batch) {
      transform(x, filtered_lines_.data());
      visit(x, filtered_lines_.data());
    }
  }
  /// The transform of one small image around pixel [0, 0], whose rows above 0 are the last ones, to
  /// lines_size() numbers: source(y, room) writes those up to `reach` away, the others are blank.
  template <class Source>
  void transform_small(int reach, const Source& source, Complex* lines) {
    const int height = shape_.height, width = shape_.width;
    const int above = std::min(height, (reach + batch) / batch * batch);
    const int below = std::max(above, (height - reach) / batch * batch);
    const auto load_rows = [&](int begin, int end) {
      load_between(begin, end, none, unbounded,
                   [&](int tile, int y, T* room) -> std::span<const T> {
                     if (tile > 0) return {};
                     source(y, room);
                     return {room, static_cast<std::size_t>(width)};
                   });
    };
    load_rows(0, above);
    load_rows(below, height);
    std::fill(lines_.begin(), lines_.end(), Complex(0));
    for (int x = 0; x <= width / 2; x += batch) {
      const Complex* columns = spectrum_.data() + x;
      const auto turn = [&](int begin, int end) {
        transpose(columns + begin * rows_->pitch(), rows_->pitch(), end - begin, batch,
                  lines_.data() + begin, pitch());
      };
      turn(0, above);
      turn(below, height);
      columns_->forward(lines_.data(), lines + x * pitch());
    }
    // F(-k) is the conjugate of F(k).
    for (int x = 1; 2 * x < width; ++x) {
      mirror(lines + x * pitch(), height, lines + (width - x) * pitch());
    }
  }

  /// Transforms columns forth and back, with visit(first, lines) between.
  template <class Visit>
  void filter_columns(const Visit& visit) {
    transform_columns([&](int x, Complex* lines) {
      visit(x, lines);
      restore(x);
    });
  }

  /// Transforms rows back, adds the level(tile, y) of each, and calls visit(tile, y, row) for
  /// begin <= y < end and both tiles.
  template <class LevelOf, class Visit>
  void read(int begin, int end, const LevelOf& level, const Visit& visit) {
    for (int y = begin; y < end; y += batch) {
      rows_->inverse(spectrum_.data() + y * rows_->pitch(), scratch_.data());
      for (int j = 0; j < std::min(batch, end - y); ++j) {
        separate(scratch_.data() + j * rows_->pitch(), shape_.width,
                 {level(0, y + j), level(1, y + j)}, tile_rows_[0].data(), tile_rows_[1].data());
        for (int tile = 0; tile < 2; ++tile) visit(tile, y + j, tile_rows_[tile].data());
      }
    }
  }

 private:
  static constexpr Range<T> unbounded{-std::numeric_limits<T>::infinity(),
                                      std::numeric_limits<T>::infinity()};

  /// Transforms the rows from `begin`, a multiple of `batch`, to `end`, and blank ones to the end
  /// of a batch.
  template <class LevelOf, class Source>
  bool load_between(int begin, int end, const LevelOf& level, const Range<T>& range,
                    const Source& source) {
    const std::size_t pitch = rows_->pitch();
    bool inside = true;
    for (int y = begin; y < end; y += batch) {
      bool blank = true;
      for (int j = 0; j < batch; ++j) {
        std::span<const T> tiles[2];
        for (int tile = 0; tile < 2 && y + j < end; ++tile) {
          tiles[tile] = source(tile, y + j, tile_rows_[tile].data());
          blank = blank && tiles[tile].empty();
        }
        const Ramps<T> levels{level(0, y + j), level(1, y + j)};
        inside &= load_row(tiles[0], tiles[1], levels, range, scratch_.data() + j * pitch);
      }
      if (blank) {
        std::fill_n(spectrum_.data() + y * pitch, batch * pitch, Complex(0));
      } else {
        rows_->forward(scratch_.data(), spectrum_.data() + y * pitch);
      }
    }
    return inside;
  }

  bool load_row(std::span<const T> real, std::span<const T> imaginary, const Ramps<T>& levels,
                const Range<T>& range, Complex* row) {
    const std::size_t both = std::min(real.size(), imaginary.size());
    bool inside =
        interleave(real.data(), imaginary.data(), static_cast<int>(both), levels, range, row);
    const auto residual = [&](T number, const Ramp<T>& level, std::size_t x) {
      const T found = number - (level.first + level.step * static_cast<T>(x));
      inside &= found > range.least && found <= range.greatest;
      return found;
    };
    std::size_t x = both;
    for (; x < real.size(); ++x) row[x] = residual(real[x], levels[0], x);
    for (; x < imaginary.size(); ++x) row[x] = Complex(0, residual(imaginary[x], levels[1], x));
    std::fill(row + x, row + shape_.width, Complex(0));
    return inside;
  }

  void transform(int x, Complex* lines) {
    transpose(spectrum_.data() + x, rows_->pitch(), shape_.height, batch, lines_.data(), pitch());
    columns_->forward(lines_.data(), lines);
  }

  void restore(int x) {
    columns_->inverse(filtered_lines_.data(), lines_.data());
    transpose(lines_.data(), pitch(), batch, shape_.height, spectrum_.data() + x, rows_->pitch());
  }

  Shape shape_;
  std::shared_ptr<const fft::LineTransform<T>> rows_, columns_;
  fft::Room<Complex> spectrum_;
  fft::Buffer<Complex> scratch_, lines_, filtered_lines_;
  fft::Buffer<T> tile_rows_[2];
};

}  // namespace whitediff
