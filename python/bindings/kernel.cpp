#include "whitediff/kernel.hpp"

#include <algorithm>
#include <stdexcept>
#include <string>
#include <utility>

#include "bindings.hpp"

namespace {

using whitediff::default_center;
using whitediff::Kernel;
using whitediff::KernelCenter;
using whitediff::Point;
using whitediff::Shape;
using Values = py::array_t<double, py::array::c_style | py::array::forcecast>;

std::string shape_text(const py::array& array) {
  return py::str(array.attr("shape")).cast<std::string>();
}

std::vector<double> values_of(const Values& array) {
  return {array.data(), array.data() + array.size()};
}

std::vector<Point> points_of(const Values& x, const Values& y) {
  if (x.ndim() > 1 || y.ndim() > 1 || x.size() != y.size()) {
    throw py::value_error("x and y must have one length, got shapes " + shape_text(x) + " and " +
                          shape_text(y));
  }
  std::vector<Point> points;
  for (py::ssize_t i = 0; i < x.size(); ++i) points.push_back({x.data()[i], y.data()[i]});
  return points;
}

/// A kernel whose images a Python class makes.
class PythonKernel final : public Kernel, public py::trampoline_self_life_support {
 public:
  PythonKernel(Shape shape, std::optional<KernelCenter> center)
      : Kernel(shape, center.value_or(default_center(shape))) {}

  void evaluate(std::span<const Point> positions, double* images) const override {
    const py::gil_scoped_acquire gil;
    const py::function method = py::get_override(static_cast<const Kernel*>(this), "evaluate");
    if (!method)
      throw py::type_error("kernel must be of a class that implements evaluate(x, y), got none");
    const auto count = static_cast<py::ssize_t>(positions.size());
    py::array_t<double> x(count), y(count);
    for (py::ssize_t i = 0; i < count; ++i) {
      x.mutable_at(i) = positions[i].x;
      y.mutable_at(i) = positions[i].y;
    }
    const auto result = method(x, y).cast<Values>();
    const bool fits = result.ndim() == 3 && result.shape(0) == count && shape_of(result) == shape();
    if (!fits) {
      throw py::value_error("evaluate must give shape (" + std::to_string(count) + ", " +
                            std::to_string(shape().height) + ", " + std::to_string(shape().width) +
                            "), got " + shape_text(result));
    }
    std::copy_n(result.data(), result.size(), images);
  }
};

py::array_t<double> evaluate(const Kernel& kernel, const Values& x, const Values& y) {
  const std::vector<Point> points = points_of(x, y);
  py::array_t<double> images({static_cast<py::ssize_t>(points.size()),
                              static_cast<py::ssize_t>(kernel.shape().height),
                              static_cast<py::ssize_t>(kernel.shape().width)});
  double* target = images.mutable_data();
  {
    const py::gil_scoped_release release;
    kernel.evaluate(points, target);
  }
  return images;
}

/// A line that tells a kernel: its class, what it is made of, its size and centre.
py::str line_of(const py::handle& self, const std::string& parts) {
  const auto& kernel = self.cast<const Kernel&>();
  const auto [height, width] = kernel.shape();
  return py::str("{}({}{} x {}, center=({}, {}))")
      .format(py::type::of(self).attr("__name__"), parts, height, width, kernel.center().y,
              kernel.center().x);
}

/// An array of the values with this shape.
py::array_t<double> array_of(const std::vector<double>& values, std::vector<py::ssize_t> shape) {
  return py::array_t<double>(std::move(shape), values.data());
}

std::unique_ptr<whitediff::SpatialKernel> make_spatial_kernel(
    const Values& basis, whitediff::SpatialKernel::Functions functions,
    std::optional<KernelCenter> center) {
  if (basis.ndim() != 3) {
    throw py::value_error("basis must have shape (n, h, w), got " + shape_text(basis));
  }
  const Shape shape = shape_of(basis);
  if (basis.shape(0) != static_cast<py::ssize_t>(functions.size())) {
    throw py::value_error("functions must be one for each of " + std::to_string(basis.shape(0)) +
                          " basis images, got " + std::to_string(functions.size()));
  }
  return std::make_unique<whitediff::SpatialKernel>(values_of(basis), shape, std::move(functions),
                                                    center.value_or(default_center(shape)));
}

std::unique_ptr<whitediff::TabulatedKernel> make_tabulated_kernel(
    const Values& x, const Values& y, const Values& images, std::optional<KernelCenter> center) {
  if (images.ndim() != 4 || images.shape(0) != y.size() || images.shape(1) != x.size()) {
    throw py::value_error("images must have shape (" + std::to_string(y.size()) + ", " +
                          std::to_string(x.size()) + ", h, w), got " + shape_text(images));
  }
  const Shape shape = shape_of(images);
  return std::make_unique<whitediff::TabulatedKernel>(
      values_of(x), values_of(y), values_of(images), shape, center.value_or(default_center(shape)));
}

}  // namespace

void bind_kernel(py::module_& module) {
  using whitediff::SpatialKernel;
  using whitediff::TabulatedKernel;

  py::class_<Kernel, PythonKernel, py::smart_holder>(module, "Kernel")
      .def(py::init<Shape, std::optional<KernelCenter>>(), py::kw_only(), py::arg("shape"),
           py::arg("center") = py::none())
      .def_property_readonly("shape", &Kernel::shape)
      .def_property_readonly("center", &Kernel::center)
      .def("evaluate", &evaluate, py::arg("x"), py::arg("y"))
      .def("__repr__", [](const py::object& self) { return line_of(self, ""); });

  const auto basis_of = [](const SpatialKernel& self) {
    return array_of(self.basis(), {static_cast<py::ssize_t>(self.functions().size()),
                                   self.shape().height, self.shape().width});
  };
  py::class_<SpatialKernel, Kernel, py::smart_holder>(module, "SpatialKernel")
      .def(py::init(&make_spatial_kernel), py::arg("basis"), py::arg("functions"), py::kw_only(),
           py::arg("center") = py::none())
      .def_property_readonly("basis", basis_of)
      .def_property_readonly("functions", &SpatialKernel::functions)
      .def("__repr__",
           [](const py::object& self) {
             const std::size_t count = self.cast<const SpatialKernel&>().functions().size();
             return line_of(self, std::to_string(count) + " basis images of ");
           })
      .def(py::pickle(
          [=](const SpatialKernel& self) {
            return py::make_tuple(basis_of(self), self.functions(), self.center());
          },
          [](const py::tuple& state) {
            return make_spatial_kernel(state[0].cast<Values>(),
                                       state[1].cast<SpatialKernel::Functions>(),
                                       state[2].cast<KernelCenter>());
          }));

  const auto nodes = [](const std::vector<double>& values) {
    return array_of(values, {static_cast<py::ssize_t>(values.size())});
  };
  const auto images_of = [](const TabulatedKernel& self) {
    return array_of(self.images(), {static_cast<py::ssize_t>(self.y().size()),
                                    static_cast<py::ssize_t>(self.x().size()), self.shape().height,
                                    self.shape().width});
  };
  py::class_<TabulatedKernel, Kernel, py::smart_holder>(module, "TabulatedKernel")
      .def(py::init(&make_tabulated_kernel), py::arg("x"), py::arg("y"), py::arg("images"),
           py::kw_only(), py::arg("center") = py::none())
      .def_property_readonly("x", [=](const TabulatedKernel& self) { return nodes(self.x()); })
      .def_property_readonly("y", [=](const TabulatedKernel& self) { return nodes(self.y()); })
      .def_property_readonly("images", images_of)
      .def("__repr__",
           [](const py::object& self) {
             const auto& kernel = self.cast<const TabulatedKernel&>();
             return line_of(self, std::to_string(kernel.y().size()) + " x " +
                                      std::to_string(kernel.x().size()) + " images of ");
           })
      .def(py::pickle(
          [=](const TabulatedKernel& self) {
            return py::make_tuple(nodes(self.x()), nodes(self.y()), images_of(self), self.center());
          },
          [](const py::tuple& state) {
            return make_tabulated_kernel(state[0].cast<Values>(), state[1].cast<Values>(),
                                         state[2].cast<Values>(), state[3].cast<KernelCenter>());
          }));
}
