#include "whitediff/statistics.hpp"

#include "bindings.hpp"

namespace {

template <class T>
double clipped_mean(const Array<T>& plane, const MaskArray& mask, std::int32_t ignore_mask) {
  const auto view = view_of<T>(plane);
  const whitediff::PixelMask pixel_mask{mask_of(mask), ignore_mask};
  const py::gil_scoped_release release;
  return whitediff::clipped_mean<T>(view, pixel_mask, 0).mean;
}

template <class T>
void bind(py::module_& module) {
  module.def("clipped_mean", &clipped_mean<T>, py::arg("plane").noconvert(),
             py::arg("mask").noconvert(), py::arg("ignore_mask"));
}

}  // namespace

void bind_statistics(py::module_& module) {
  bind<float>(module);
  bind<double>(module);
}
