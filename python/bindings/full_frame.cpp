#include "whitediff/full_frame.hpp"

#include "bindings.hpp"

namespace {

using whitediff::KernelImage;
using Complex = std::complex<double>;
using Plane = py::array_t<double, py::array::c_style | py::array::forcecast>;
using Modes = py::array_t<Complex, py::array::c_style | py::array::forcecast>;
using Centered = std::tuple<Plane, std::pair<int, int>>;

whitediff::ImageView<const double> view_of_plane(const Plane& plane) {
  return view_of<double>(py::reinterpret_borrow<py::array_t<double, 0>>(plane));
}

whitediff::SpectrumView view_of_modes(const Modes& modes) {
  return view_of<Complex>(py::reinterpret_borrow<py::array_t<Complex, 0>>(modes));
}

std::vector<KernelImage> kernels_of(const std::vector<Centered>& kernels) {
  std::vector<KernelImage> images;
  for (const auto& [pixels, center] : kernels) {
    images.push_back({view_of_plane(pixels), {center.first, center.second}});
  }
  return images;
}

py::tuple filter(const std::vector<std::tuple<double, std::vector<Centered>>>& sources,
                 const std::vector<Centered>& psf, bool score, std::pair<int, int> shape) {
  whitediff::LocalNoise noise;
  for (const auto& [variance, kernels] : sources) {
    noise.sources.push_back({variance, 1.0, kernels_of(kernels)});
  }
  noise.psf = kernels_of(psf);
  auto result = [&] {
    const py::gil_scoped_release release;
    return whitediff::full_frame_filter(
        noise, score ? whitediff::Mode::score : whitediff::Mode::difference,
        {shape.first, shape.second});
  }();
  py::list responses;
  for (auto& response : result.responses) responses.append(to_numpy(std::move(response)));
  return py::make_tuple(to_numpy(std::move(result.filter)), responses);
}

using Operation = whitediff::Image<double> (*)(whitediff::ImageView<const double>,
                                               whitediff::SpectrumView, double);

template <Operation operation>
py::array_t<double> apply(const Plane& plane, const Modes& modes, double filling) {
  const auto plane_view = view_of_plane(plane);
  const auto modes_view = view_of_modes(modes);
  auto result = [&] {
    const py::gil_scoped_release release;
    return operation(plane_view, modes_view, filling);
  }();
  return to_numpy(std::move(result));
}

}  // namespace

void bind_full_frame(py::module_& module) {
  module.def("full_frame_filter", &filter, py::arg("sources"), py::arg("psf"), py::arg("score"),
             py::arg("shape"));
  module.def("full_frame_convolve", &apply<&whitediff::full_frame_convolve>, py::arg("image"),
             py::arg("filter"), py::arg("filling"));
  module.def("full_frame_propagate", &apply<&whitediff::full_frame_propagate>, py::arg("variance"),
             py::arg("response"), py::arg("filling"));
}
