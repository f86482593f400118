#include "whitediff/plane.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstring>

#include "bindings.hpp"
#include "held.hpp"
#include "whitediff/stored_rows.hpp"

namespace {

using whitediff::Box;
using whitediff::Image;
using whitediff::ImageView;
using whitediff::Plane;
using whitediff::Shape;

template <class T>
Plane<T> in_memory(const Array<T>& pixels) {
  return {view_of<T>(pixels), held(pixels)};
}

/// Gives the rows begin, begin + step, ... before end, aligned, and contiguous each.
using Read = std::function<py::array(int begin, int end, int step)>;

/// Whether numbers are in the other byte order than the machine's.
bool is_swapped(const py::dtype& type) {
  return type.byteorder() == (std::endian::native == std::endian::little ? '>' : '<');
}

/// Memory that is used for one band after the other: new pages take as long as what is done in
/// them.
template <class T>
ImageView<T> room_in(Image<T>& memory, Shape shape) {
  if (memory.shape().size() < shape.size()) memory = Image<T>(shape);
  return {memory.data(), shape};
}

/// The columns that are looked at of rows that are there.
Box part_of(const whitediff::Rows& rows, Shape shape) {
  const auto [begin, end] = rows.columns;
  return Box{begin, 0, end, shape.height}.clipped({0, 0, shape.width, shape.height});
}

/// @param read  may give them in either byte order.
template <class T>
Plane<T> read_by(Shape shape, Read read) {
  return {shape, [read = std::move(read), last = held(py::array()),
                  memory = std::make_shared<Image<T>>()](const whitediff::Rows& rows) {
            const auto stored = [&] {
              const py::gil_scoped_acquire gil;
              *last = read(rows.begin, rows.end, rows.step);
              if (last->dtype().kind() != py::dtype::of<T>().kind() ||
                  last->itemsize() != static_cast<py::ssize_t>(sizeof(T))) {
                throw py::type_error("rows must have the type of their plane, got another one");
              }
              return std::pair(pixels_of<T>(*last), is_swapped(last->dtype()));
            }();
            if (!stored.second) return stored.first;
            const ImageView<T> native = room_in(*memory, stored.first.shape());
            const Box wanted = part_of(rows, native.shape());
            whitediff::swap_bytes(stored.first.cut(wanted), native.cut(wanted));
            return ImageView<const T>(native);
          }};
}

/// Bits as a mask has them in which others may lie, in its byte order.
template <class Bits>
Bits bits_for(const py::dtype& type, std::uint64_t bits) {
  // What is marked without bits is marked for all of them.
  if (type.kind() == 'b') return bits & 1;
  const Bits low = static_cast<Bits>(bits);
  std::array<std::byte, sizeof(Bits)> bytes;
  std::memcpy(bytes.data(), &low, sizeof(Bits));
  if (is_swapped(type)) std::reverse(bytes.begin(), bytes.end());
  Bits turned;
  std::memcpy(&turned, bytes.data(), sizeof(Bits));
  return turned;
}

/// Which pixels of a mask have one of some bits.
struct Marks {
  std::uint64_t ignored, no_value;

  template <class Bits>
  void find(const py::array& mask, const Box& wanted, ImageView<std::int32_t> to) const {
    const py::dtype type = mask.dtype();
    const Bits first = type.kind() == 'b' ? Bits(1) : bits_for<Bits>(type, ignored);
    const Bits second = bits_for<Bits>(type, no_value);
    const auto stored = pixels_of<Bits>(mask);
    const py::gil_scoped_release release;
    whitediff::find_bits(stored.cut(wanted), first, second, to.cut(wanted));
  }

  /// @param mask  whole numbers or truth values, [y, x]: these rows.
  ImageView<const std::int32_t> of(const py::array& mask, const whitediff::Rows& rows,
                                   Image<std::int32_t>& memory) const {
    const ImageView<std::int32_t> to = room_in(memory, shape_of(mask));
    const Box wanted = part_of(rows, to.shape());
    switch (mask.itemsize()) {
      case 1:
        find<std::uint8_t>(mask, wanted, to);
        break;
      case 2:
        find<std::uint16_t>(mask, wanted, to);
        break;
      case 4:
        find<std::uint32_t>(mask, wanted, to);
        break;
      default:
        find<std::uint64_t>(mask, wanted, to);
    }
    return to;
  }
};

py::array_t<std::int32_t> marks_of(const py::array& mask, std::uint64_t ignored,
                                   std::uint64_t no_value) {
  Image<std::int32_t> marks;
  Marks{ignored, no_value}.of(mask, {}, marks);
  return to_numpy(std::move(marks));
}

/// A mask whose pixels have bits of their own.
Plane<std::int32_t> marks_read_by(Shape shape, Read read, std::uint64_t ignored,
                                  std::uint64_t no_value) {
  return {shape, [read = std::move(read), marks = Marks{ignored, no_value},
                  memory = std::make_shared<Image<std::int32_t>>()](const whitediff::Rows& rows) {
            const py::gil_scoped_acquire gil;
            return marks.of(read(rows.begin, rows.end, rows.step), rows, *memory);
          }};
}

/// A copy of the pixels of a box inside the plane.
template <class T>
py::array_t<T> cut(const Plane<T>& plane, int x0, int y0, int x1, int y1) {
  auto copy = [&] {
    const py::gil_scoped_release release;
    return whitediff::copy_of(plane.rows({y0, y1, 1, {x0, x1}}).cut({x0, 0, x1, y1 - y0}));
  }();
  return to_numpy(std::move(copy));
}

template <class T>
py::class_<Plane<T>> bind(py::module_& module, const char* name) {
  return py::class_<Plane<T>>(module, name)
      .def(py::init<>())
      .def(py::init(&in_memory<T>), py::arg("pixels").noconvert())
      .def_property_readonly("shape", &Plane<T>::shape)
      .def("cut", &cut<T>, py::arg("x0"), py::arg("y0"), py::arg("x1"), py::arg("y1"));
}

}  // namespace

void bind_plane(py::module_& module) {
  bind<float>(module, "PlaneF").def(py::init(&read_by<float>), py::arg("shape"), py::arg("read"));
  bind<double>(module, "PlaneD").def(py::init(&read_by<double>), py::arg("shape"), py::arg("read"));
  bind<std::int32_t>(module, "PlaneI")
      .def(py::init(&marks_read_by), py::arg("shape"), py::arg("read"), py::arg("ignored"),
           py::arg("no_value"));
  module.def("marks_of", &marks_of, py::arg("mask"), py::arg("ignored"), py::arg("no_value"));
}
