#pragma once

#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <stdexcept>
#include <utility>

#include "whitediff/image.hpp"

namespace whitediff {

/// Columns from `begin` up to, not including, `end`.
struct Columns {
  int begin = 0;
  int end = std::numeric_limits<int>::max();  ///< Or the last one, if the plane has fewer.

  bool operator==(const Columns&) const = default;
};

/// Every `step`-th row from `begin` up to, not including, `end`.
struct Rows {
  int begin = 0;
  int end = 0;
  int step = 1;
  Columns columns = {};  ///< Nobody looks at pixels of others, which may be anything.

  int count() const { return (end - begin + step - 1) / step; }
  bool operator==(const Rows&) const = default;
};

/// A plane of pixels [y, x] of a frame, in memory or read row by row from wherever it lies.
template <class T>
class Plane {
 public:
  /// Gives all pixels of the rows that are asked for; they stay until its next call. Called in the
  /// thread that called the library; what it throws ends the computation.
  using Read = std::function<ImageView<const T>(const Rows&)>;

  Plane() = default;
  /// In memory.
  /// @param owner  kept as long as the plane and its copies are; by default the caller keeps the
  ///               pixels.
  Plane(ImageView<const T> pixels, std::shared_ptr<const void> owner = nullptr)
      : shape_(pixels.shape()), pixels_(pixels), owner_(std::move(owner)) {}
  Plane(ImageView<T> pixels) : Plane(ImageView<const T>(pixels)) {}
  /// Read when it is needed, some rows several times. Copies share the reader, so that one plane
  /// may stand in several places of a computation, but in one computation at a time.
  /// @throws std::invalid_argument if there is no reader.
  Plane(Shape shape, Read read)
      : shape_(shape), reader_(std::make_shared<Reader>(Reader{std::move(read), {}, {}})) {
    if (!reader_->read) {
      throw std::invalid_argument("plane must have a function that reads rows, got none");
    }
  }

  Shape shape() const { return shape_; }
  bool empty() const { return shape_.size() == 0; }
  bool in_memory() const { return !reader_; }

  /// Rows inside the plane. Views of a plane in memory do not become invalid; rows that were read
  /// last may be had in any thread.
  /// @throws std::invalid_argument if the reader gives another number of pixels.
  ImageView<const T> rows(const Rows& rows) const {
    const Shape shape{rows.count(), shape_.width};
    if (in_memory()) return {pixels_.row(rows.begin), shape, pixels_.stride() * rows.step};
    if (reader_->rows == rows) return reader_->pixels;
    reader_->rows.reset();
    reader_->pixels = reader_->read(rows);
    if (reader_->pixels.shape() != shape) {
      throw std::invalid_argument("plane must give rows of shape " + to_string(shape) + ", got " +
                                  to_string(reader_->pixels.shape()));
    }
    reader_->rows = rows;
    return reader_->pixels;
  }

 private:
  /// Remembers what it read last.
  struct Reader {
    Read read;
    std::optional<Rows> rows;
    ImageView<const T> pixels;
  };

  Shape shape_;
  ImageView<const T> pixels_;
  std::shared_ptr<const void> owner_;
  std::shared_ptr<Reader> reader_;
};

}  // namespace whitediff
