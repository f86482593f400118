#include <optional>
#include <tuple>
#include <utility>
#include <vector>

#include "bindings.hpp"
#include "whitediff/blank_sky.hpp"
#include "whitediff/measured_covariance.hpp"
#include "whitediff/noise_covariance.hpp"
#include "whitediff/spatial_covariance.hpp"

namespace {

using whitediff::Box;
using whitediff::Image;
using whitediff::ImageView;
using whitediff::MeasuredCovariance;
using whitediff::NoiseCovariance;
using whitediff::SpatialCovariance;

/// @param parts  [n, 4], each x0, y0, x1, y1.
/// @return  that of all parts together, and those of each.
template <class T>
std::pair<MeasuredCovariance, std::vector<MeasuredCovariance>> autocovariances(
    const Array<T>& noise, const Array<bool>& usable, const Array<std::int32_t>& parts,
    int largest_lag, int n_threads, bool wide) {
  const auto pixels = view_of<T>(noise);
  const auto flags = flags_of(usable);
  const auto corners = view_of<std::int32_t>(parts);
  std::vector<Box> boxes;
  for (int n = 0; n < corners.height(); ++n) {
    boxes.push_back({corners(n, 0), corners(n, 1), corners(n, 2), corners(n, 3)});
  }
  const py::gil_scoped_release release;
  auto found =
      whitediff::autocovariances<T>(pixels, flags, boxes, largest_lag, n_threads,
                                    wide ? whitediff::wide_window : whitediff::narrow_window);
  return {std::move(found.whole), std::move(found.parts)};
}

template <class T>
MeasuredCovariance autocovariance(const Array<T>& noise, const Array<bool>& usable, int largest_lag,
                                  int n_threads) {
  const auto pixels = view_of<T>(noise);
  const auto flags = flags_of(usable);
  const py::gil_scoped_release release;
  return whitediff::autocovariance<T>(pixels, flags, largest_lag, n_threads);
}

py::array_t<double> copied(const Image<double>& image) {
  return to_numpy(whitediff::copy_of(image.view(), 1));
}

/// @return  usable pixels, their centre and their sigma.
template <class T>
std::tuple<py::array, double, double> blank_sky(const Array<T>& noise, const Array<bool>& usable,
                                                bool surroundings, int n_threads) {
  const auto pixels = view_of<T>(noise);
  const auto flags = flags_of(usable);
  auto sky = [&] {
    const py::gil_scoped_release release;
    return whitediff::blank_sky<T>(pixels, flags, surroundings, n_threads);
  }();
  return {to_numpy(std::move(sky.usable)).view("bool"), sky.center, sky.sigma};
}

/// @param out  what the result is written to, the image itself perhaps; a new array if there is
/// none.
template <class T>
py::array_t<T> in_units_of_noise(const Array<T>& image, const Array<T>& variance,
                                 const Array<bool>& usable, int n_threads,
                                 std::optional<Array<T>> out) {
  const auto pixels = view_of<T>(image), plane = view_of<T>(variance);
  const auto flags = flags_of(usable);
  if (!out) {
    auto noise = [&] {
      const py::gil_scoped_release release;
      return whitediff::in_units_of_noise<T>(pixels, plane, flags, n_threads);
    }();
    return to_numpy(std::move(noise));
  }
  const auto noise = writable_view_of<T>(*out);
  {
    const py::gil_scoped_release release;
    whitediff::in_units_of_noise<T>(pixels, plane, flags, noise, n_threads);
  }
  return *std::move(out);
}

template <class T>
void bind(py::module_& module) {
  module.def("autocovariances", &autocovariances<T>, py::arg("noise").noconvert(),
             py::arg("usable").noconvert(), py::arg("parts").noconvert(), py::arg("largest_lag"),
             py::arg("n_threads"), py::arg("wide"));
  module.def("autocovariance", &autocovariance<T>, py::arg("noise").noconvert(),
             py::arg("usable").noconvert(), py::arg("largest_lag"), py::arg("n_threads"));
  module.def("blank_sky", &blank_sky<T>, py::arg("noise").noconvert(),
             py::arg("usable").noconvert(), py::arg("surroundings"), py::arg("n_threads"));
  module.def("in_units_of_noise", &in_units_of_noise<T>, py::arg("image").noconvert(),
             py::arg("variance").noconvert(), py::arg("usable").noconvert(), py::arg("n_threads"),
             py::arg("out").noconvert() = py::none());
}

std::pair<int, int> edges_of(whitediff::NoiseWindow window) {
  return {window.whole_to, window.zero_from};
}

}  // namespace

void bind_covariance(py::module_& module) {
  py::class_<NoiseCovariance>(module, "NoiseCovariance")
      .def(py::init(
               [](const Array<double>& lags) { return NoiseCovariance(view_of<double>(lags)); }),
           py::arg("lags").noconvert())
      .def_property_readonly("floor", &NoiseCovariance::floor);
  py::class_<SpatialCovariance>(module, "SpatialCovariance")
      .def(py::init<NoiseCovariance>(), py::arg("everywhere"))
      .def(py::init<whitediff::KernelPtr>(), py::arg("lags"));
  py::class_<MeasuredCovariance>(module, "MeasuredCovariance")
      .def_property_readonly("lags", [](const MeasuredCovariance& of) { return copied(of.lags); })
      .def_property_readonly("pairs", [](const MeasuredCovariance& of) { return copied(of.pairs); })
      .def_readonly("far_pairs", &MeasuredCovariance::far_pairs)
      .def_property_readonly("window",
                             [](const MeasuredCovariance& of) { return edges_of(of.window); })
      .def("noise", &whitediff::noise_covariance);
  module.attr("narrow_window") = edges_of(whitediff::narrow_window);
  module.attr("wide_window") = edges_of(whitediff::wide_window);
  bind<float>(module);
  bind<double>(module);
}
