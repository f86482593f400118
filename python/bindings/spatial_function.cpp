#include "whitediff/spatial_function.hpp"

#include "bindings.hpp"

using whitediff::Chebyshev2D;
using whitediff::Polynomial2D;
using whitediff::SpatialFunction;

void bind_spatial_function(py::module_& module) {
  py::class_<SpatialFunction, py::smart_holder>(module, "SpatialFunction")
      .def(
          "__call__",
          [](const SpatialFunction& function, const py::array_t<double>& x,
             const py::array_t<double>& y) {
            return py::vectorize([&function](double at_x, double at_y) {
              return function({at_x, at_y});
            })(x, y);
          },
          py::arg("x"), py::arg("y"));

  py::class_<Polynomial2D, SpatialFunction, py::smart_holder>(module, "Polynomial2D")
      .def(py::init<std::vector<double>>(), py::arg("coefficients"))
      .def_property_readonly(
          "coefficients",
          [](const Polynomial2D& self) { return py::array(py::cast(self.coefficients())); })
      .def(py::pickle([](const Polynomial2D& self) { return py::make_tuple(self.coefficients()); },
                      [](const py::tuple& state) {
                        return std::make_unique<Polynomial2D>(state[0].cast<std::vector<double>>());
                      }));

  using Bounds = std::array<double, 4>;
  const auto bounds_of = [](const Chebyshev2D& self) {
    const auto& range = self.range();
    return Bounds{range.x_min, range.x_max, range.y_min, range.y_max};
  };
  const auto make = [](std::vector<double> coefficients, const Bounds& bbox) {
    return std::make_unique<Chebyshev2D>(std::move(coefficients),
                                         Chebyshev2D::Range{bbox[0], bbox[1], bbox[2], bbox[3]});
  };
  py::class_<Chebyshev2D, SpatialFunction, py::smart_holder>(module, "Chebyshev2D")
      .def(py::init(make), py::arg("coefficients"), py::arg("bbox"))
      .def_property_readonly(
          "coefficients",
          [](const Chebyshev2D& self) { return py::array(py::cast(self.coefficients())); })
      .def_property_readonly(
          "bbox",
          [bounds_of](const Chebyshev2D& self) { return py::tuple(py::cast(bounds_of(self))); })
      .def(py::pickle(
          [bounds_of](const Chebyshev2D& self) {
            return py::make_tuple(self.coefficients(), bounds_of(self));
          },
          [make](const py::tuple& state) {
            return make(state[0].cast<std::vector<double>>(), state[1].cast<Bounds>());
          }));
}
