#include "whitediff/whiten.hpp"

#include "bindings.hpp"
#include "whitediff/decorrelate.hpp"

namespace {

using whitediff::Box;
using whitediff::Cell;
using whitediff::KernelPtr;
using Kernels = std::vector<std::shared_ptr<whitediff::Kernel>>;
using Boxes = py::array_t<std::int32_t, py::array::c_style | py::array::forcecast>;

std::vector<KernelPtr> pointers(const Kernels& kernels) { return {kernels.begin(), kernels.end()}; }

/// (variance, kernels, weight, mask, mean variance, name), as the package passes a noise source.
template <class T>
whitediff::NoiseSource<T> source_of(const py::tuple& source) {
  whitediff::NoiseSource<T> result;
  if (py::isinstance<py::array>(source[0])) {
    result.variance = view_of<T>(source[0].cast<py::array_t<T, 0>>());
  } else {
    result.variance = source[0].cast<double>();
  }
  result.kernels = pointers(source[1].cast<Kernels>());
  result.weight = source[2].cast<double>();
  result.mask = mask_of(source[3].cast<MaskArray>());
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
whitediff::WhitenOptions options_of(const py::dict& from) {
  whitediff::WhitenOptions options;
  if (from["score"].cast<bool>()) options.filter = whitediff::FilterOptions::score();
  options.spatially_varying = from["spatially_varying"].cast<bool>();
  options.variance = from["full_variance"].cast<bool>() ? whitediff::VariancePropagation::full
                                                        : whitediff::VariancePropagation::estimate;
  options.psf = pointers(from["psf"].cast<Kernels>());
  const auto xy0 = from["xy0"].cast<std::pair<double, double>>();
  options.xy0 = {xy0.first, xy0.second};
  options.mask = mask_of(from["mask"].cast<MaskArray>());
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

template <class T>
py::dict to_python(whitediff::Whitened<T> result) {
  const auto rows = static_cast<py::ssize_t>(result.noise.size());
  py::array_t<double> positions({rows, py::ssize_t{2}});
  for (py::ssize_t n = 0; n < rows; ++n) {
    positions.mutable_at(n, 0) = result.noise.positions()[n].x;
    positions.mutable_at(n, 1) = result.noise.positions()[n].y;
  }
  const auto sources = static_cast<py::ssize_t>(result.noise.sources().size());
  py::dict python;
  python["image"] = to_numpy(std::move(result.image));
  python["variance"] = to_numpy(std::move(result.variance));
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
py::dict whiten(const py::array_t<T, 0>& image, const std::vector<py::tuple>& sources,
                const py::dict& options) {
  std::vector<whitediff::NoiseSource<T>> noise_sources;
  for (const py::tuple& source : sources) noise_sources.push_back(source_of<T>(source));
  const auto view = view_of<T>(image);
  const whitediff::WhitenOptions whiten_options = options_of(options);
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
  const auto science_source = source_of<T>(science);
  const auto template_source = source_of<T>(template_image);
  const whitediff::DecorrelateOptions decorrelate_options{
      options_of(options),
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
}
