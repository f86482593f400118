#include "whitediff/whiten.hpp"

#include <algorithm>
#include <tuple>

#include "bindings.hpp"
#include "whitediff/photometry.hpp"
#include "whitediff/stack.hpp"

namespace {

using whitediff::Box;
using whitediff::Cell;
using whitediff::Image;
using whitediff::ImageView;
using whitediff::KernelPtr;
using whitediff::NoiseSource;
using whitediff::Plane;
using whitediff::Timings;
using whitediff::Unknown;
using whitediff::VariancePropagation;
using whitediff::Whitening;
using whitediff::WhitenOptions;

/// [n, 4], each x0, y0, x1, y1.
py::array_t<std::int32_t> corners(const std::vector<Box>& boxes) {
  py::array_t<std::int32_t> corners({static_cast<py::ssize_t>(boxes.size()), py::ssize_t{4}});
  std::int32_t* target = corners.mutable_data();
  for (const Box& box : boxes) {
    for (const int corner : {box.x0, box.y0, box.x1, box.y1}) *target++ = corner;
  }
  return corners;
}

py::array_t<std::int32_t> boxes(const std::vector<Cell>& cells, Box Cell::*member) {
  std::vector<Box> boxes;
  for (const Cell& cell : cells) boxes.push_back(cell.*member);
  return corners(boxes);
}

/// [n, 2], each x, y.
py::array_t<double> positions(const std::vector<whitediff::Point>& points) {
  py::array_t<double> positions({static_cast<py::ssize_t>(points.size()), py::ssize_t{2}});
  double* target = positions.mutable_data();
  for (const auto& [x, y] : points) {
    *target++ = x;
    *target++ = y;
  }
  return positions;
}

py::array_t<double> variances(const Whitening& whitening) {
  const auto& noise = whitening.noise;
  return py::array_t<double>({noise.size(), noise.sources().size()}, noise.variances().data());
}

/// Images made without the interpreter's lock, in one array.
template <class Make>
py::array_t<double> stack(const Make& make) {
  const std::vector<Image<double>> images = [&] {
    const py::gil_scoped_release release;
    return make();
  }();
  const whitediff::Shape shape = images.empty() ? whitediff::Shape{} : images.front().shape();
  py::array_t<double> stacked({static_cast<py::ssize_t>(images.size()),
                               static_cast<py::ssize_t>(shape.height),
                               static_cast<py::ssize_t>(shape.width)});
  double* target = stacked.mutable_data();
  for (const auto& image : images) target = std::copy_n(image.data(), shape.size(), target);
  return stacked;
}

py::array_t<double> filters(const Whitening& of) {
  return stack([&] {
    std::vector<Image<double>> images;
    for (auto& filter : filter_images(of.noise, of.filter, of.support, of.n_threads)) {
      images.push_back(std::move(filter.image));
    }
    return images;
  });
}

py::array_t<double> psfs(const Whitening& of) {
  return stack([&] { return whitened_psfs(of.noise, of.filter, of.support, of.n_threads); });
}

/// @param x, y, cells  of one length.
py::array_t<double> psfs_at(const Whitening& of, const std::vector<double>& x,
                            const std::vector<double>& y,
                            const std::optional<std::vector<std::size_t>>& cells) {
  std::vector<whitediff::Point> positions;
  for (std::size_t n = 0; n < x.size(); ++n) positions.push_back({x[n], y.at(n)});
  return stack([&] {
    return cells ? whitediff::psfs_at(of, positions, *cells, of.n_threads)
                 : whitediff::psfs_at(of, positions, of.n_threads);
  });
}

/// Rows as an array that keeps their owner.
template <class T>
py::array_t<T> owned(ImageView<const T> rows, const std::shared_ptr<const void>& owner) {
  using Owner = std::shared_ptr<const void>;
  auto kept = std::make_unique<Owner>(owner);
  const py::capsule keeper(kept.get(), [](void* of) { delete static_cast<Owner*>(of); });
  kept.release();
  const auto size = static_cast<py::ssize_t>(sizeof(T));
  return py::array_t<T>({rows.height(), rows.width()}, {rows.stride() * size, size}, rows.data(),
                        keeper);
}

/// Options with which a Ctrl-C ends the computation as it ends Python's own code: a callable of
/// Python's sees to it by being called, where there is none the interpreter is asked.
WhitenOptions interruptible(WhitenOptions options) {
  if (!options.progress) {
    options.progress = [](std::size_t, std::size_t) {
      const py::gil_scoped_acquire gil;
      if (PyErr_CheckSignals() != 0) throw py::error_already_set();
    };
  }
  return options;
}

/// Arrays of their own, so that who keeps the account of a result need not keep its pixels.
struct Whitened {
  std::shared_ptr<Whitening> whitening;
  py::array image, variance, filter_edge;
};

/// Marks as Python has them.
py::array to_marks(Image<std::uint8_t> marks) { return to_numpy(std::move(marks)).view("bool"); }

template <class T>
Whitened whiten(const Plane<T>& plane, const std::vector<NoiseSource<T>>& sources,
                const WhitenOptions& options, const py::none&) {
  const WhitenOptions asking = interruptible(options);
  auto result = [&] {
    const py::gil_scoped_release release;
    return whitediff::whiten(plane.rows({0, plane.shape().height}), sources, asking);
  }();
  auto image = to_numpy(std::move(result.image));
  auto variance = to_numpy(std::move(result.variance));
  auto filter_edge = to_marks(std::move(result.filter_edge));
  return {std::make_shared<Whitening>(std::move(result)), std::move(image), std::move(variance),
          std::move(filter_edge)};
}

/// @param image, variance  what the result is written to.
template <class T>
Whitened whiten_into(const Plane<T>& plane, const std::vector<NoiseSource<T>>& sources,
                     const WhitenOptions& options, Array<T> image, Array<T> variance) {
  const WhitenOptions asking = interruptible(options);
  Image<std::uint8_t> filter_edge(plane.shape());
  const auto whitened = writable_view_of<T>(image),
             plane_of_variance = writable_view_of<T>(variance);
  Whitening result = [&] {
    const py::gil_scoped_release release;
    return whitediff::whiten_into<T>(plane.rows({0, plane.shape().height}), sources, whitened,
                                     plane_of_variance, filter_edge.view(), asking);
  }();
  return {std::make_shared<Whitening>(std::move(result)), std::move(image), std::move(variance),
          to_marks(std::move(filter_edge))};
}

/// @param write  may keep the arrays.
template <class T>
Whitening whiten_bands(
    const Plane<T>& plane, const std::vector<NoiseSource<T>>& sources, const WhitenOptions& options,
    const std::function<void(int y0, py::array_t<T> image, py::array_t<T> variance,
                             py::array filter_edge)>& write) {
  const WhitenOptions asking = interruptible(options);
  const py::gil_scoped_release release;
  return whitediff::whiten_bands<T>(
      plane, sources,
      [&write](int y0, ImageView<const T> image, ImageView<const T> variance,
               ImageView<const std::uint8_t> filter_edge,
               const std::shared_ptr<const void>& owner) {
        const py::gil_scoped_acquire gil;
        write(y0, owned(image, owner), owned(variance, owner),
              owned(filter_edge, owner).view("bool"));
      },
      asking);
}

/// @return  how the stamps were whitened; images, variances and marks, one below the other.
template <class T>
std::tuple<std::vector<std::shared_ptr<Whitening>>, py::array, py::array, py::array> whiten_stack(
    const Plane<T>& stamps, int count, const std::vector<std::vector<NoiseSource<T>>>& sources,
    const WhitenOptions& options) {
  const WhitenOptions asking = interruptible(options);
  auto stack = [&] {
    const py::gil_scoped_release release;
    return whitediff::whiten_stack(stamps.rows({0, stamps.shape().height}), count, sources, asking);
  }();
  std::vector<std::shared_ptr<Whitening>> whitenings;
  for (Whitening& whitening : stack.whitenings) {
    whitenings.push_back(std::make_shared<Whitening>(std::move(whitening)));
  }
  return {std::move(whitenings), to_numpy(std::move(stack.image)),
          to_numpy(std::move(stack.variance)), to_marks(std::move(stack.filter_edge))};
}

using SampleArrays = std::tuple<py::array, py::array, py::array, py::array, py::array>;

/// @return  whitened image, its variance, usable pixels; boxes of its parts, [n, 4], each x0, y0,
/// x1,
///          y1, and where they are centred, [n, 2], each x, y.
template <class T>
SampleArrays arrays_of(whitediff::Sample<T> sample) {
  std::vector<Box> parts;
  std::vector<whitediff::Point> middles;
  for (const auto& [box, center] : sample.parts) {
    parts.push_back(box);
    middles.push_back(center);
  }
  return {to_numpy(std::move(sample.whitened)), to_numpy(std::move(sample.variance)),
          to_marks(std::move(sample.usable)), corners(parts), positions(middles)};
}

/// @return  the image as it was, and the arrays of the sample.
template <class T>
std::pair<py::array, SampleArrays> whiten_sample(const Plane<T>& plane,
                                                 const std::vector<NoiseSource<T>>& sources,
                                                 const WhitenOptions& options, double pixels) {
  auto sample = [&] {
    const py::gil_scoped_release release;
    return whitediff::whiten_sample(plane, sources, options, pixels);
  }();
  py::array image = to_numpy(std::move(sample.image));
  return {std::move(image), arrays_of(std::move(sample))};
}

template <class T>
SampleArrays sample_of(const Array<T>& whitened, const Array<T>& variance,
                       const Array<bool>& filter_edge, const WhitenOptions& options) {
  const auto image = view_of<T>(whitened), plane = view_of<T>(variance);
  const auto edge = flags_of(filter_edge);
  return arrays_of([&] {
    const py::gil_scoped_release release;
    return whitediff::sample_of<T>(image, plane, edge, options);
  }());
}

template <class T>
void bind(py::module_& module, const char* source_name) {
  py::class_<NoiseSource<T>>(module, source_name)
      .def(py::init<std::variant<double, Plane<T>>, std::vector<KernelPtr>, double,
                    Plane<std::int32_t>, std::optional<double>, std::string,
                    std::vector<whitediff::SpatialCovariance>>(),
           py::arg("variance"), py::arg("kernels"), py::arg("weight"), py::arg("mask"),
           py::arg("mean_variance"), py::arg("name"), py::arg("covariances"));
  const auto def = [&](auto function) {
    module.def("whiten", function, py::arg("plane"), py::arg("sources"), py::arg("options"),
               py::arg("write") = py::none());
  };
  def(&whiten<T>);
  def(&whiten_bands<T>);
  module.def("whiten_into", &whiten_into<T>, py::arg("plane"), py::arg("sources"),
             py::arg("options"), py::arg("image").noconvert(), py::arg("variance").noconvert());
  module.def("whiten_stack", &whiten_stack<T>, py::arg("stamps"), py::arg("count"),
             py::arg("sources"), py::arg("options"));
  module.def("whiten_sample", &whiten_sample<T>, py::arg("plane"), py::arg("sources"),
             py::arg("options"), py::arg("pixels"));
  module.def("sample_of", &sample_of<T>, py::arg("whitened").noconvert(),
             py::arg("variance").noconvert(), py::arg("filter_edge").noconvert(),
             py::arg("options"));
}

}  // namespace

void bind_whiten(py::module_& module) {
  py::native_enum<VariancePropagation>(module, "VariancePropagation", "enum.Enum")
      .value("estimate", VariancePropagation::estimate)
      .value("full", VariancePropagation::full)
      .finalize();
  using whitediff::FilterOptions;
  using whitediff::Mode;
  py::class_<WhitenOptions>(module, "WhitenOptions")
      .def(py::init<>())
      .def("__copy__", [](const WhitenOptions& self) { return WhitenOptions(self); })
      .def_property(
          "mode", [](const WhitenOptions& self) { return self.filter.mode; },
          [](WhitenOptions& self, Mode mode) {
            self.filter = mode == Mode::score ? FilterOptions::score() : FilterOptions();
          })
      .def_readwrite("spatially_varying", &WhitenOptions::spatially_varying)
      .def_readwrite("variance", &WhitenOptions::variance)
      .def_readwrite("psf", &WhitenOptions::psf)
      .def_readwrite("remaining", &WhitenOptions::remaining)
      .def_readwrite("xy0", &WhitenOptions::xy0)
      .def_readwrite("mask", &WhitenOptions::mask)
      .def_readwrite("ignore_mask", &WhitenOptions::ignore_mask)
      .def_readwrite("no_value_mask", &WhitenOptions::no_value_mask)
      .def_readwrite("cells", &WhitenOptions::cells)
      .def_readwrite("reduction", &WhitenOptions::reduction)
      .def_readwrite("n_threads", &WhitenOptions::n_threads)
      .def_readwrite("progress", &WhitenOptions::progress);
  py::class_<Timings>(module, "Timings")
      .def_readonly("plan", &Timings::plan)
      .def_readonly("statistics", &Timings::statistics)
      .def_readonly("filter", &Timings::filter);
  py::class_<Unknown>(module, "Unknown")
      .def_readonly("marked", &Unknown::marked)
      .def_readonly("not_finite", &Unknown::not_finite)
      .def_readonly("too_large", &Unknown::too_large)
      .def_readonly("variances", &Unknown::variances);
  py::class_<Whitening, std::shared_ptr<Whitening>>(module, "Whitening")
      .def_property_readonly("boxes",
                             [](const Whitening& of) { return boxes(of.cells, &Cell::box); })
      .def_property_readonly("expanded",
                             [](const Whitening& of) { return boxes(of.cells, &Cell::expanded); })
      .def_property_readonly("centers",
                             [](const Whitening& of) { return positions(of.noise.positions()); })
      .def_property_readonly("variances", &variances)
      .def_readonly("border", &Whitening::border)
      .def_property_readonly("truncation", [](const Whitening& of) { return of.support.error; })
      .def_readonly("n_threads", &Whitening::n_threads)
      .def_readonly("clipped_modes", &Whitening::clipped_modes)
      .def_readonly("masked_means", &Whitening::masked_means)
      .def_readonly("unknown", &Whitening::unknown)
      .def_readonly("seconds", &Whitening::seconds)
      .def_property_readonly("has_psf", [](const Whitening& of) { return !of.noise.psf().empty(); })
      .def_property_readonly("mode", [](const Whitening& of) { return of.filter.mode; })
      .def("filters", &filters)
      .def("psfs", &psfs)
      .def("psfs_at", &psfs_at, py::arg("x"), py::arg("y"), py::arg("cells") = py::none());
  using whitediff::PeakResponse;
  py::class_<PeakResponse>(module, "PeakResponse")
      .def(py::init([](const Whitening& of) {
             const py::gil_scoped_release release;
             return PeakResponse(of, of.n_threads);
           }),
           py::arg("whitening"))
      .def(
          "rows",
          [](const PeakResponse& self, int y0, int y1) {
            auto rows = [&] {
              const py::gil_scoped_release release;
              return self.rows(y0, y1);
            }();
            return to_numpy(std::move(rows));
          },
          py::arg("y0"), py::arg("y1"));
  py::class_<Whitened>(module, "Whitened")
      .def_readonly("whitening", &Whitened::whitening)
      .def_readonly("image", &Whitened::image)
      .def_readonly("variance", &Whitened::variance)
      .def_readonly("filter_edge", &Whitened::filter_edge);
  bind<float>(module, "NoiseSourceF");
  bind<double>(module, "NoiseSourceD");
}
