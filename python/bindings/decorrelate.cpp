#include "whitediff/decorrelate.hpp"

#include "bindings.hpp"

namespace {

using whitediff::Convolved;
using whitediff::KernelPtr;
using whitediff::NoiseSource;
using whitediff::Subtraction;

template <class T>
Subtraction<T> subtraction_sources(whitediff::Shape frame, const NoiseSource<T>& science,
                                   const NoiseSource<T>& template_image, const KernelPtr& kernel,
                                   const whitediff::WhitenOptions& options, Convolved convolved,
                                   std::optional<double> scale, bool preconvolved,
                                   const KernelPtr& pre_kernel) {
  const py::gil_scoped_release release;
  return whitediff::subtraction_sources(frame, science, template_image, kernel,
                                        {options, convolved, scale, preconvolved, pre_kernel});
}

template <class T>
void bind(py::module_& module, const char* name) {
  py::class_<Subtraction<T>>(module, name)
      .def_readonly("sources", &Subtraction<T>::sources)
      .def_readonly("psf", &Subtraction<T>::psf);
  module.def("subtraction_sources", &subtraction_sources<T>, py::arg("shape"), py::arg("science"),
             py::arg("template"), py::arg("kernel"), py::arg("options"), py::arg("convolved"),
             py::arg("scale"), py::arg("preconvolved"), py::arg("pre_kernel"));
}

}  // namespace

void bind_decorrelate(py::module_& module) {
  py::native_enum<Convolved>(module, "Convolved", "enum.Enum")
      .value("template", Convolved::template_image)
      .value("science", Convolved::science_image)
      .finalize();
  module.def("flux_scale", &whitediff::flux_scale, py::arg("kernel"), py::arg("convolved"),
             py::arg("shape"), py::arg("xy0"));
  bind<float>(module, "SubtractionF");
  bind<double>(module, "SubtractionD");
}
