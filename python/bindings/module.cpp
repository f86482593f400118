#include "bindings.hpp"
#include "whitediff/error.hpp"
#include "whitediff/version.hpp"

PYBIND11_MODULE(_core, module) {
  module.doc() = "The compiled core of whitediff; use it through the package.";
  module.attr("__version__") = whitediff::version;
  py::register_exception<whitediff::Error>(module, "Error", PyExc_RuntimeError);

  bind_spatial_function(module);
  bind_image(module);
  bind_kernel(module);
  bind_statistics(module);
  bind_whiten(module);
}
