#pragma once

// pybind11 converts, releases the GIL and calls: one file a concept, no numerics.

#include <pybind11/complex.h>
#include <pybind11/functional.h>
#include <pybind11/native_enum.h>
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "geometry.hpp"
#include "whitediff/image.hpp"

namespace py = pybind11;

void bind_cells(py::module_& module);
void bind_covariance(py::module_& module);
void bind_decorrelate(py::module_& module);
void bind_filter(py::module_& module);
void bind_image(py::module_& module);
void bind_kernel(py::module_& module);
void bind_plane(py::module_& module);
void bind_spatial_function(py::module_& module);
void bind_statistics(py::module_& module);
void bind_whiten(py::module_& module);

/// An array that is seen in place.
template <class T>
using Array = py::array_t<T, 0>;

/// The last two axes of an array.
inline whitediff::Shape shape_of(const py::array& array) {
  if (array.ndim() < 2) {
    throw py::value_error("array must be 2-D, got " + std::to_string(array.ndim()) + "-D");
  }
  const auto side = [&](py::ssize_t axis) {
    const py::ssize_t length = array.shape(axis);
    if (length > std::numeric_limits<int>::max()) {
      throw py::value_error("array must have sides of at most " +
                            std::to_string(std::numeric_limits<int>::max()) + " pixels, got " +
                            std::to_string(length));
    }
    return static_cast<int>(length);
  };
  return {side(array.ndim() - 2), side(array.ndim() - 1)};
}

/// The pixels of a 2-D array whose rows are contiguous, seen in place, as whatever numbers of their
/// size.
template <class T>
whitediff::ImageView<const T> pixels_of(const py::array& array) {
  if (array.ndim() != 2) {
    throw py::value_error("array must be 2-D, got " + std::to_string(array.ndim()) + "-D");
  }
  if (array.shape(1) > 1 && array.strides(1) != static_cast<py::ssize_t>(sizeof(T))) {
    throw py::value_error("array must have contiguous rows, got others");
  }
  return {static_cast<const T*>(array.data()), shape_of(array),
          array.strides(0) / static_cast<py::ssize_t>(sizeof(T))};
}

template <class T>
whitediff::ImageView<const T> view_of(const Array<T>& array) {
  return pixels_of<T>(array);
}

/// The same of an array that may be written to.
template <class T>
whitediff::ImageView<T> writable_view_of(Array<T>& array) {
  const auto view = view_of<T>(array);
  return {array.mutable_data(), view.shape(), view.stride()};
}

inline whitediff::ImageView<const std::uint8_t> flags_of(const Array<bool>& marks) {
  static_assert(sizeof(bool) == sizeof(std::uint8_t));
  const auto flags = view_of<bool>(marks);
  return {reinterpret_cast<const std::uint8_t*>(flags.data()), flags.shape(), flags.stride()};
}

using MaskArray = std::optional<Array<std::int32_t>>;

inline whitediff::ImageView<const std::int32_t> mask_of(const MaskArray& mask) {
  return mask ? view_of<std::int32_t>(*mask) : whitediff::ImageView<const std::int32_t>();
}

/// An array that keeps an image, without a copy.
template <class T>
py::array_t<T> to_numpy(whitediff::Image<T> image) {
  using Image = whitediff::Image<T>;
  auto kept = std::make_unique<Image>(std::move(image));
  const auto [height, width] = kept->shape();
  T* data = kept->data();
  const py::capsule owner(kept.get(), [](void* of) { delete static_cast<Image*>(of); });
  kept.release();
  return py::array_t<T>({height, width}, data, owner);
}
