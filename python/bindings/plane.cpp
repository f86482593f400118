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

/// A copy of the rows from `begin` up to, not including, `end`.
template <class T>
py::array_t<T> rows(const Plane<T>& plane, int begin, int end) {
  auto copy = [&] {
    const py::gil_scoped_release release;
    return whitediff::copy_of(plane.rows({begin, end}));
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
      .def("rows", &rows<T>, py::arg("begin"), py::arg("end"));
}

}  // namespace

void bind_plane(py::module_& module) {
  bind<float>(module, "PlaneF");
  bind<double>(module, "PlaneD");
  bind<std::int32_t>(module, "PlaneI");
}
