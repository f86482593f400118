#include "whitediff/whiten.hpp"

#include <memory>

#include "bindings.hpp"
#include "whitediff/decorrelate.hpp"

namespace {

using whitediff::Box;
using whitediff::Cell;
using whitediff::KernelPtr;
using Kernels = std::vector<std::shared_ptr<whitediff::Kernel>>;
using Boxes = py::array_t<std::int32_t, py::array::c_style | py::array::forcecast>;

std::vector<KernelPtr> pointers(const Kernels& kernels) { return {kernels.begin(), kernels.end()}; }

/// An array, or a function (begin, end, step) that reads rows; None is an empty plane.
template <class T>
whitediff::Plane<T> plane_of(const py::object& pixels, whitediff::Shape shape) {
  if (pixels.is_none()) return {};
  if (py::isinstance<py::array>(pixels)) return view_of<T>(pixels.cast<py::array_t<T, 0>>());
  struct Reader {
    py::object read;
    py::array_t<T, 0> rows;
  };
  // Planes are copied where the interpreter must not be touched: their copies share the reader.
  const auto reader = std::make_shared<Reader>(Reader{pixels, {}});
  return {shape, [reader](const whitediff::Rows& rows) {
            const py::gil_scoped_acquire gil;
            const py::object read = reader->read(rows.begin, rows.end, rows.step);
            reader->rows = read.cast<py::array_t<T, 0>>();
            return view_of<T>(reader->rows);
          }};
}

/// (variance, kernels, weight, mask, mean variance, name), as the package passes a noise source.
template <class T>
whitediff::NoiseSource<T> source_of(const py::tuple& source, whitediff::Shape shape) {
  whitediff::NoiseSource<T> result;
  if (py::isinstance<py::float_>(source[0])) {
    result.variance = source[0].cast<double>();
  } else {
    result.variance = plane_of<T>(source[0], shape);
  }
  result.kernels = pointers(source[1].cast<Kernels>());
  result.weight = source[2].cast<double>();
  result.mask = plane_of<std::int32_t>(source[3], shape);
  result.mean_variance = source[4].cast<std::optional<double>>();
  result.name = source[5].cast<std::string>();
  return result;
}

std::vector<Cell> cells_of(const Boxes& boxes, const Boxes& expanded) {
  std::vector<Cell> cells;
  for (py::ssize_t n = 0; n < boxes.shape(0); ++n) {
    const auto box = [n](const Boxes& from) {
      return Box{from.at(n, 0), from.at(n, 1), from.at(n, 2), from.at(n, 3)};
    };
    cells.push_back({box(boxes), box(expanded)});
  }
  return cells;
}

/// Options by name, as the package passes them.
whitediff::WhitenOptions options_of(const py::dict& from, whitediff::Shape shape) {
  whitediff::WhitenOptions options;
  if (from["score"].cast<bool>()) options.filter = whitediff::FilterOptions::score();
  options.spatially_varying = from["spatially_varying"].cast<bool>();
  options.variance = from["full_variance"].cast<bool>() ? whitediff::VariancePropagation::full
                                                        : whitediff::VariancePropagation::estimate;
  options.psf = pointers(from["psf"].cast<Kernels>());
  const auto xy0 = from["xy0"].cast<std::pair<double, double>>();
  options.xy0 = {xy0.first, xy0.second};
  options.mask = plane_of<std::int32_t>(from["mask"], shape);
  options.ignore_mask = from["ignore_mask"].cast<std::int32_t>();
  options.cells = cells_of(from["boxes"].cast<Boxes>(), from["expanded"].cast<Boxes>());
  options.reduction = from["reduction"].cast<whitediff::Reduction>();
  options.n_threads = from["n_threads"].cast<int>();
  if (const py::object progress = from["progress"]; !progress.is_none()) {
    options.progress = [progress](std::size_t done, std::size_t total) {
      const py::gil_scoped_acquire gil;
      progress(done, total);
    };
  }
  return options;
}

/// How the filters of a result are made again, when somebody asks for them.
struct FilterBank {
  whitediff::NoiseModel noise;
  whitediff::FilterOptions options;
  whitediff::FilterSupport support;
  int n_threads;
};

py::array_t<double> stack(std::vector<whitediff::Image<double>> images) {
  const whitediff::Shape shape = images.empty() ? whitediff::Shape{} : images.front().shape();
  py::array_t<double> stacked({static_cast<py::ssize_t>(images.size()),
                               static_cast<py::ssize_t>(shape.height),
                               static_cast<py::ssize_t>(shape.width)});
  double* target = stacked.mutable_data();
  for (const auto& image : images) target = std::copy_n(image.data(), shape.size(), target);
  return stacked;
}

py::array_t<double> filters(const FilterBank& bank) {
  std::vector<whitediff::Image<double>> images;
  {
    const py::gil_scoped_release release;
    for (auto& filter : filter_images(bank.noise, bank.options, bank.support, bank.n_threads)) {
      images.push_back(std::move(filter.image));
    }
  }
  return stack(std::move(images));
}

py::array_t<double> psfs(const FilterBank& bank) {
  std::vector<whitediff::Image<double>> images;
  {
    const py::gil_scoped_release release;
    images = whitened_psfs(bank.noise, bank.options, bank.support, bank.n_threads);
  }
  return stack(std::move(images));
}

py::array_t<std::int32_t> boxes_of(const std::vector<Cell>& cells, Box Cell::*member) {
  py::array_t<std::int32_t> boxes({static_cast<py::ssize_t>(cells.size()), py::ssize_t{4}});
  for (std::size_t n = 0; n < cells.size(); ++n) {
    const Box& box = cells[n].*member;
    const auto row = static_cast<py::ssize_t>(n);
    boxes.mutable_at(row, 0) = box.x0;
    boxes.mutable_at(row, 1) = box.y0;
    boxes.mutable_at(row, 2) = box.x1;
    boxes.mutable_at(row, 3) = box.y1;
  }
  return boxes;
}

py::dict to_python(whitediff::Whitening result) {
  const auto rows = static_cast<py::ssize_t>(result.noise.size());
  py::array_t<double> positions({rows, py::ssize_t{2}});
  for (py::ssize_t n = 0; n < rows; ++n) {
    positions.mutable_at(n, 0) = result.noise.positions()[n].x;
    positions.mutable_at(n, 1) = result.noise.positions()[n].y;
  }
  const auto sources = static_cast<py::ssize_t>(result.noise.sources().size());
  py::dict python;
  python["boxes"] = boxes_of(result.cells, &Cell::box);
  python["expanded"] = boxes_of(result.cells, &Cell::expanded);
  python["centers"] = positions;
  python["variances"] = py::array_t<double>({rows, sources}, result.noise.variances().data());
  python["border"] = result.border;
  python["truncation"] = result.support.error;
  python["n_threads"] = result.n_threads;
  python["clipped_modes"] = result.clipped_modes;
  py::dict seconds;
  seconds["plan"] = result.seconds.plan;
  seconds["statistics"] = result.seconds.statistics;
  seconds["filter"] = result.seconds.filter;
  python["seconds"] = seconds;
  python["bank"] = std::make_unique<FilterBank>(
      FilterBank{std::move(result.noise), result.filter, result.support, result.n_threads});
  return python;
}

template <class T>
py::dict to_python(whitediff::Whitened<T> result) {
  auto image = to_numpy(std::move(result.image));
  auto variance = to_numpy(std::move(result.variance));
  py::dict python = to_python(static_cast<whitediff::Whitening&&>(result));
  python["image"] = std::move(image);
  python["variance"] = std::move(variance);
  return python;
}

/// Passes finished rows to a function (y0, image, variance), which may keep them.
template <class T>
whitediff::WriteRows<T> writer_of(const py::function& write) {
  return [&write](int y0, whitediff::ImageView<const T> image,
                  whitediff::ImageView<const T> variance) {
    const py::gil_scoped_acquire gil;
    write(y0, to_numpy(whitediff::copy_of(image)), to_numpy(whitediff::copy_of(variance)));
  };
}

template <class T>
std::vector<whitediff::NoiseSource<T>> sources_of(const std::vector<py::tuple>& sources,
                                                  whitediff::Shape shape) {
  std::vector<whitediff::NoiseSource<T>> result;
  for (const py::tuple& source : sources) result.push_back(source_of<T>(source, shape));
  return result;
}

template <class T>
py::dict whiten(const py::array_t<T, 0>& image, const std::vector<py::tuple>& sources,
                const py::dict& options) {
  const auto view = view_of<T>(image);
  const auto noise_sources = sources_of<T>(sources, view.shape());
  const whitediff::WhitenOptions whiten_options = options_of(options, view.shape());
  auto result = [&] {
    const py::gil_scoped_release release;
    return whitediff::whiten(view, noise_sources, whiten_options);
  }();
  return to_python(std::move(result));
}

template <class T>
py::dict decorrelate(const py::array_t<T, 0>& difference, const py::tuple& science,
                     const py::tuple& template_image, std::shared_ptr<whitediff::Kernel> kernel,
                     std::shared_ptr<whitediff::Kernel> pre_kernel, bool science_convolved,
                     std::optional<double> scale, const py::dict& options) {
  const auto view = view_of<T>(difference);
  const auto science_source = source_of<T>(science, view.shape());
  const auto template_source = source_of<T>(template_image, view.shape());
  const whitediff::DecorrelateOptions decorrelate_options{
      options_of(options, view.shape()),
      science_convolved ? whitediff::Convolved::science_image
                        : whitediff::Convolved::template_image,
      scale, pre_kernel};
  auto result = [&] {
    const py::gil_scoped_release release;
    return whitediff::decorrelate(view, science_source, template_source, KernelPtr(kernel),
                                  decorrelate_options);
  }();
  return to_python(std::move(result));
}

template <class T>
py::dict whiten_rows(const py::object& image, whitediff::Shape shape,
                     const std::vector<py::tuple>& sources, const whitediff::WhitenOptions& options,
                     const py::function& write) {
  const auto plane = plane_of<T>(image, shape);
  const auto noise_sources = sources_of<T>(sources, shape);
  const auto writer = writer_of<T>(write);
  auto result = [&] {
    const py::gil_scoped_release release;
    return whitediff::whiten_bands(plane, noise_sources, writer, options);
  }();
  return to_python(std::move(result));
}

py::dict whiten_bands(const py::object& image, std::pair<int, int> shape, bool double_precision,
                      const std::vector<py::tuple>& sources, const py::dict& options,
                      const py::function& write) {
  const whitediff::Shape frame{shape.first, shape.second};
  const auto run = double_precision ? whiten_rows<double> : whiten_rows<float>;
  return run(image, frame, sources, options_of(options, frame), write);
}

template <class T>
py::dict decorrelate_rows(const py::object& difference, whitediff::Shape shape,
                          const py::tuple& science, const py::tuple& template_image,
                          const KernelPtr& kernel,
                          const whitediff::DecorrelateOptions& decorrelate_options,
                          const py::function& write) {
  const auto plane = plane_of<T>(difference, shape);
  const auto science_source = source_of<T>(science, shape);
  const auto template_source = source_of<T>(template_image, shape);
  const auto writer = writer_of<T>(write);
  auto result = [&] {
    const py::gil_scoped_release release;
    return whitediff::decorrelate_bands(plane, science_source, template_source, kernel, writer,
                                        decorrelate_options);
  }();
  return to_python(std::move(result));
}

py::dict decorrelate_bands(const py::object& difference, std::pair<int, int> shape,
                           bool double_precision, const py::tuple& science,
                           const py::tuple& template_image,
                           std::shared_ptr<whitediff::Kernel> kernel,
                           std::shared_ptr<whitediff::Kernel> pre_kernel, bool science_convolved,
                           std::optional<double> scale, const py::dict& options,
                           const py::function& write) {
  const whitediff::Shape frame{shape.first, shape.second};
  const whitediff::DecorrelateOptions decorrelate_options{
      options_of(options, frame),
      science_convolved ? whitediff::Convolved::science_image
                        : whitediff::Convolved::template_image,
      scale, pre_kernel};
  const auto run = double_precision ? decorrelate_rows<double> : decorrelate_rows<float>;
  return run(difference, frame, science, template_image, kernel, decorrelate_options, write);
}

template <class T>
void bind(py::module_& module) {
  module.def("whiten", &whiten<T>, py::arg("image").noconvert(), py::arg("sources"),
             py::arg("options"));
  module.def("decorrelate", &decorrelate<T>, py::arg("difference").noconvert(), py::arg("science"),
             py::arg("template"), py::arg("kernel"), py::arg("pre_kernel").none(true),
             py::arg("science_convolved"), py::arg("scale"), py::arg("options"));
}

}  // namespace

void bind_whiten(py::module_& module) {
  using whitediff::Reduction;
  py::enum_<Reduction>(module, "Reduction")
      .value("crossfade", Reduction::crossfade)
      .value("average", Reduction::average)
      .value("copy", Reduction::copy);
  py::class_<FilterBank>(module, "FilterBank").def("filters", &filters).def("psfs", &psfs);
  bind<float>(module);
  bind<double>(module);
  module.def("whiten_bands", &whiten_bands, py::arg("image"), py::arg("shape"),
             py::arg("double_precision"), py::arg("sources"), py::arg("options"), py::arg("write"));
  module.def("decorrelate_bands", &decorrelate_bands, py::arg("difference"), py::arg("shape"),
             py::arg("double_precision"), py::arg("science"), py::arg("template"),
             py::arg("kernel"), py::arg("pre_kernel").none(true), py::arg("science_convolved"),
             py::arg("scale"), py::arg("options"), py::arg("write"));
}
