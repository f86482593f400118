#include <tuple>
#include <utility>

#include "bindings.hpp"
#include "whitediff/blank_sky.hpp"
#include "whitediff/measured_covariance.hpp"
#include "whitediff/noise_covariance.hpp"

namespace {

using whitediff::ImageView;
using whitediff::MeasuredCovariance;
using whitediff::NoiseCovariance;

ImageView<const std::uint8_t> flags_of(const Array<bool>& usable) {
  static_assert(sizeof(bool) == sizeof(std::uint8_t));
  const auto flags = view_of<bool>(usable);
  return {reinterpret_cast<const std::uint8_t*>(flags.data()), flags.shape(), flags.stride()};
}

std::pair<py::array_t<double>, py::array_t<double>> arrays(MeasuredCovariance measured) {
  return {to_numpy(std::move(measured.lags)), to_numpy(std::move(measured.pairs))};
}

/// @return  lags, and the numbers of pairs behind them.
template <class T>
std::pair<py::array_t<double>, py::array_t<double>> autocovariance(const Array<T>& noise,
                                                                   const Array<bool>& usable,
                                                                   int largest_lag, int n_threads) {
  const auto pixels = view_of<T>(noise);
  const auto flags = flags_of(usable);
  return arrays([&] {
    const py::gil_scoped_release release;
    return whitediff::autocovariance<T>(pixels, flags, largest_lag, n_threads);
  }());
}

std::pair<py::array_t<double>, py::array_t<double>> noise_covariance(const Array<double>& lags,
                                                                     const Array<double>& pairs) {
  return arrays(whitediff::noise_covariance({whitediff::copy_of(view_of<double>(lags), 1),
                                             whitediff::copy_of(view_of<double>(pairs), 1)}));
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

template <class T>
py::array_t<T> in_units_of_noise(const Array<T>& image, const Array<T>& variance,
                                 const Array<bool>& usable, int n_threads) {
  const auto pixels = view_of<T>(image), plane = view_of<T>(variance);
  const auto flags = flags_of(usable);
  auto noise = [&] {
    const py::gil_scoped_release release;
    return whitediff::in_units_of_noise<T>(pixels, plane, flags, n_threads);
  }();
  return to_numpy(std::move(noise));
}

template <class T>
void bind(py::module_& module) {
  module.def("autocovariance", &autocovariance<T>, py::arg("noise").noconvert(),
             py::arg("usable").noconvert(), py::arg("largest_lag"), py::arg("n_threads"));
  module.def("blank_sky", &blank_sky<T>, py::arg("noise").noconvert(),
             py::arg("usable").noconvert(), py::arg("surroundings"), py::arg("n_threads"));
  module.def("in_units_of_noise", &in_units_of_noise<T>, py::arg("image").noconvert(),
             py::arg("variance").noconvert(), py::arg("usable").noconvert(), py::arg("n_threads"));
}

}  // namespace

void bind_covariance(py::module_& module) {
  py::class_<NoiseCovariance>(module, "NoiseCovariance")
      .def(py::init(
               [](const Array<double>& lags) { return NoiseCovariance(view_of<double>(lags)); }),
           py::arg("lags").noconvert())
      .def_property_readonly("floor", &NoiseCovariance::floor);
  module.def("noise_covariance", &noise_covariance, py::arg("lags").noconvert(),
             py::arg("pairs").noconvert());
  bind<float>(module);
  bind<double>(module);
}
