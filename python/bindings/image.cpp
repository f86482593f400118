#include "whitediff/image.hpp"

#include "bindings.hpp"

namespace {

template <class T>
py::array_t<T> copy_of(const Array<T>& pixels) {
  const auto view = view_of<T>(pixels);
  auto copy = [&] {
    const py::gil_scoped_release release;
    return whitediff::copy_of(view);
  }();
  return to_numpy(std::move(copy));
}

template <class T>
void bind(py::module_& module) {
  module.def("copy_of", &copy_of<T>, py::arg("pixels").noconvert());
}

}  // namespace

void bind_image(py::module_& module) {
  bind<float>(module);
  bind<double>(module);
  bind<std::int32_t>(module);
}
