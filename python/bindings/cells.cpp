#include "whitediff/cells.hpp"

#include "bindings.hpp"

void bind_cells(py::module_& module) {
  using whitediff::Box;
  using whitediff::Cell;
  using whitediff::Reduction;

  py::class_<Box>(module, "Box")
      .def(py::init<int, int, int, int>(), py::arg("x0"), py::arg("y0"), py::arg("x1"),
           py::arg("y1"));
  py::class_<Cell>(module, "Cell")
      .def(py::init<Box, Box>(), py::arg("box"), py::arg("expanded") = Box());
  py::native_enum<Reduction>(module, "Reduction", "enum.Enum")
      .value("crossfade", Reduction::crossfade)
      .value("average", Reduction::average)
      .value("copy", Reduction::copy)
      .finalize();
}
