#pragma once

#include <cstddef>
#include <memory>
#include <type_traits>

#include "whitediff/export.hpp"
#include "whitediff/geometry.hpp"

namespace whitediff {

/// A rectangle of pixels that somebody else owns: rows are contiguous, `stride` elements apart.
/// `ImageView<const T>` promises not to write.
template <class T>
class ImageView {
 public:
  ImageView() = default;
  ImageView(T* data, Shape shape, std::ptrdiff_t stride)
      : data_(data), shape_(shape), stride_(stride) {}
  ImageView(T* data, Shape shape) : ImageView(data, shape, shape.width) {}
  /// A view for reading of one for writing.
  template <class U>
  requires(std::is_same_v<const U, T>) ImageView(const ImageView<U>& other)
      : ImageView(other.data(), other.shape(), other.stride()) {}

  T* data() const { return data_; }
  Shape shape() const { return shape_; }
  int height() const { return shape_.height; }
  int width() const { return shape_.width; }
  std::ptrdiff_t stride() const { return stride_; }
  bool empty() const { return data_ == nullptr || shape_.size() == 0; }
  Box box() const { return {0, 0, shape_.width, shape_.height}; }
  T* row(int y) const { return data_ + y * stride_; }
  T& operator()(int y, int x) const { return row(y)[x]; }
  /// The part inside `box`, which must lie inside the view.
  ImageView cut(const Box& box) const { return {row(box.y0) + box.x0, box.shape(), stride_}; }

 private:
  T* data_ = nullptr;
  Shape shape_;
  std::ptrdiff_t stride_ = 0;
};

namespace detail {

/// What memory holds at first.
enum class Content { zeros, anything };

/// Memory in huge pages where the system has them.
/// @throws std::bad_alloc if there is none left.
WHITEDIFF_EXPORT void* get_memory(std::size_t bytes, Content content);
/// @param bytes, content  what get_memory was asked for.
WHITEDIFF_EXPORT void free_memory(void* memory, std::size_t bytes, Content content);

}  // namespace detail

/// A rectangle of pixels with its own contiguous memory, zero to begin with. Move only.
template <class T>
class Image {
  static_assert(std::is_trivially_copyable_v<T>, "pixels are plain numbers");

 public:
  Image() = default;
  explicit Image(Shape shape) : Image(shape, detail::Content::zeros) {}

  T* data() { return data_.get(); }
  const T* data() const { return data_.get(); }
  Shape shape() const { return shape_; }
  T* row(int y) { return data_.get() + static_cast<std::ptrdiff_t>(y) * shape_.width; }
  const T* row(int y) const { return data_.get() + static_cast<std::ptrdiff_t>(y) * shape_.width; }
  T& operator()(int y, int x) { return row(y)[x]; }
  const T& operator()(int y, int x) const { return row(y)[x]; }
  ImageView<T> view() { return {data_.get(), shape_}; }
  ImageView<const T> view() const { return {data_.get(), shape_}; }

 private:
  template <class U>
  friend Image<U> output_image(Shape shape, int n_threads);
  template <class U>
  friend Image<U> copy_of(ImageView<const U> pixels, int n_threads);

  struct Free {
    std::size_t bytes = 0;
    detail::Content content = detail::Content::zeros;
    void operator()(T* memory) const { detail::free_memory(memory, bytes, content); }
  };

  Image(Shape shape, detail::Content content)
      : data_(static_cast<T*>(detail::get_memory(shape.size() * sizeof(T), content)),
              Free{shape.size() * sizeof(T), content}),
        shape_(shape) {}

  std::unique_ptr<T[], Free> data_;
  Shape shape_;
};

/// Pixels that are zero, in memory that is there already: an Image gets its pages one by one as
/// they are written, and two threads that come to the same one at once would both clear it.
/// @param n_threads  0: usable_cores().
template <class T>
WHITEDIFF_EXPORT Image<T> zero_image(Shape shape, int n_threads = 0);

/// Pixels that are all to be written, in memory that is there already: that of the last such images
/// of this size which are gone, with what they held. Until then the system may take it back.
/// @param n_threads  0: usable_cores().
template <class T>
WHITEDIFF_EXPORT Image<T> output_image(Shape shape, int n_threads = 0);

/// A copy of pixels, made on several threads, as one alone does not keep the memory busy, in memory
/// like that of output_image.
/// @param n_threads  0: usable_cores().
template <class T>
WHITEDIFF_EXPORT Image<T> copy_of(ImageView<const T> pixels, int n_threads = 0);

}  // namespace whitediff
