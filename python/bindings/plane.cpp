#include "whitediff/plane.hpp"

#include "bindings.hpp"
#include "held.hpp"

namespace {

using whitediff::Plane;
using whitediff::Shape;

template <class T>
Plane<T> in_memory(const Array<T>& pixels) {
  return {view_of<T>(pixels), held(pixels)};
}

/// @param read  gives the rows begin, begin + step, ... before end.
template <class T>
Plane<T> read_by(Shape shape, std::function<Array<T>(int begin, int end, int step)> read) {
  return {shape, [read = std::move(read), last = held(Array<T>())](const whitediff::Rows& rows) {
            const py::gil_scoped_acquire gil;
            *last = read(rows.begin, rows.end, rows.step);
            return view_of<T>(*last);
          }};
}

/// A copy of the pixels of a box inside the plane.
template <class T>
py::array_t<T> cut(const Plane<T>& plane, int x0, int y0, int x1, int y1) {
  auto copy = [&] {
    const py::gil_scoped_release release;
    return whitediff::copy_of(plane.rows({y0, y1}).cut({x0, 0, x1, y1 - y0}));
  }();
  return to_numpy(std::move(copy));
}

template <class T>
void bind(py::module_& module, const char* name) {
  py::class_<Plane<T>>(module, name)
      .def(py::init<>())
      .def(py::init(&in_memory<T>), py::arg("pixels").noconvert())
      .def(py::init(&read_by<T>), py::arg("shape"), py::arg("read"))
      .def_property_readonly("shape", &Plane<T>::shape)
      .def("cut", &cut<T>, py::arg("x0"), py::arg("y0"), py::arg("x1"), py::arg("y1"));
}

}  // namespace

void bind_plane(py::module_& module) {
  bind<float>(module, "PlaneF");
  bind<double>(module, "PlaneD");
  bind<std::int32_t>(module, "PlaneI");
}
