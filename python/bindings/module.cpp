#include "bindings.hpp"
#include "whitediff/cores.hpp"
#include "whitediff/error.hpp"
#include "whitediff/version.hpp"

// Without the interpreter's lock nothing of the module's own can be harmed: it keeps no Python
// object between calls, and the plans that the core keeps have a lock of their own.
PYBIND11_MODULE(_core, module, py::mod_gil_not_used()) {
  module.doc() = "The compiled core of whitediff; use it through the package.";
  module.attr("__version__") = whitediff::version;
  module.def("usable_cores", &whitediff::usable_cores);
  py::register_exception<whitediff::Error>(module, "Error", PyExc_RuntimeError);

  // Types before the functions that take them: signatures in docstrings then name them.
  bind_spatial_function(module);
  bind_kernel(module);
  bind_plane(module);
  bind_cells(module);
  bind_filter(module);
  bind_covariance(module);
  bind_whiten(module);
  bind_decorrelate(module);
  bind_image(module);
  bind_statistics(module);
}
