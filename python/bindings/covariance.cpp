#include "bindings.hpp"
#include "whitediff/measured_covariance.hpp"
#include "whitediff/noise_covariance.hpp"

namespace {

using whitediff::ImageView;
using whitediff::NoiseCovariance;

/// @return  lags, and the numbers of pairs behind them.
template <class T>
std::pair<py::array_t<double>, py::array_t<double>> measure_covariance(const Array<T>& noise,
                                                                       const Array<bool>& usable,
                                                                       int n_threads) {
  const auto pixels = view_of<T>(noise);
  const auto flags = view_of<bool>(usable);
  static_assert(sizeof(bool) == sizeof(std::uint8_t));
  const ImageView<const std::uint8_t> bytes(reinterpret_cast<const std::uint8_t*>(flags.data()),
                                            flags.shape(), flags.stride());
  auto measured = [&] {
    const py::gil_scoped_release release;
    return whitediff::measure_covariance<T>(pixels, bytes, n_threads);
  }();
  return {to_numpy(std::move(measured.lags)), to_numpy(std::move(measured.pairs))};
}

template <class T>
void bind(py::module_& module) {
  module.def("measure_covariance", &measure_covariance<T>, py::arg("noise").noconvert(),
             py::arg("usable").noconvert(), py::arg("n_threads"));
}

}  // namespace

void bind_covariance(py::module_& module) {
  py::class_<NoiseCovariance>(module, "NoiseCovariance")
      .def(py::init(
               [](const Array<double>& lags) { return NoiseCovariance(view_of<double>(lags)); }),
           py::arg("lags").noconvert())
      .def_property_readonly("floor", &NoiseCovariance::floor);
  bind<float>(module);
  bind<double>(module);
}
