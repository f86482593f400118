#include "whitediff/filter.hpp"

#include "bindings.hpp"

void bind_filter(py::module_& module) {
  using whitediff::Mode;
  py::native_enum<Mode>(module, "Mode", "enum.Enum")
      .value("difference", Mode::difference)
      .value("score", Mode::score)
      .finalize();
}
