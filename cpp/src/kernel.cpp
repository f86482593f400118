#include "whitediff/kernel.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>

#include "require.hpp"

namespace whitediff {
namespace {

void require_finite(const std::vector<double>& values, const std::string& name) {
  const auto bad = std::count_if(values.begin(), values.end(),
                                 [](double value) { return !std::isfinite(value); });
  require(bad == 0, name, "be finite",
          std::to_string(bad) + " non-finite of " + std::to_string(values.size()) + " values");
}

void require_size(std::size_t got, std::size_t needed, const std::string& name) {
  require(got == needed, name, "hold " + std::to_string(needed) + " values", got);
}

void require_increasing(const std::vector<double>& nodes, const std::string& name) {
  require_finite(nodes, name);
  require(!nodes.empty(), name, "hold at least one node position", "none");
  const auto bad = std::adjacent_find(nodes.begin(), nodes.end(), std::greater_equal<>());
  if (bad != nodes.end()) {
    refuse(name, "increase strictly", std::to_string(bad[1]) + " after " + std::to_string(bad[0]));
  }
}

class FlippedKernel final : public Kernel {
 public:
  explicit FlippedKernel(KernelPtr kernel)
      : Kernel(kernel->shape(), {kernel->shape().height - 1 - kernel->center().y,
                                 kernel->shape().width - 1 - kernel->center().x}),
        kernel_(std::move(kernel)) {}

  void evaluate(std::span<const Point> positions, double* images) const override {
    kernel_->evaluate(positions, images);
    const auto size = static_cast<std::ptrdiff_t>(shape().size());
    for (std::size_t n = 0; n < positions.size(); ++n, images += size) {
      std::reverse(images, images + size);
    }
  }

 private:
  KernelPtr kernel_;
};

/// The node interval that holds a position, and the weight of its upper node.
struct Interval {
  std::size_t lower, upper;
  double weight;
};

Interval locate(const std::vector<double>& nodes, double position) {
  // So written that a position that is not a number ends here too.
  if (!(position > nodes.front())) return {0, 0, 0.0};
  if (position >= nodes.back()) return {nodes.size() - 1, nodes.size() - 1, 0.0};
  const auto upper = static_cast<std::size_t>(
      std::upper_bound(nodes.begin(), nodes.end(), position) - nodes.begin());
  return {upper - 1, upper, (position - nodes[upper - 1]) / (nodes[upper] - nodes[upper - 1])};
}

}  // namespace

KernelCenter default_center(Shape shape) { return {(shape.height - 1) / 2, (shape.width - 1) / 2}; }

Kernel::Kernel(Shape shape, KernelCenter center) : shape_(shape), center_(center) {
  require(shape.height >= 1 && shape.width >= 1, "kernel", "have a shape of at least (1, 1)",
          shape);
  require(center.y >= 0 && center.y < shape.height && center.x >= 0 && center.x < shape.width,
          "kernel", "have its centre inside the shape " + to_string(shape),
          to_string(Shape{center.y, center.x}));
}

Image<double> Kernel::at(Point position) const {
  Image<double> image(shape_);
  evaluate({&position, 1}, image.data());
  return image;
}

double Kernel::sum(Point position) const {
  const Image<double> image = at(position);
  return std::accumulate(image.data(), image.data() + shape_.size(), 0.0);
}

SpatialKernel::SpatialKernel(std::vector<double> basis, Shape shape, Functions functions,
                             KernelCenter center)
    : Kernel(shape, center), basis_(std::move(basis)), functions_(std::move(functions)) {
  require(!functions_.empty(), "basis", "hold at least one basis image", "none");
  for (const auto& function : functions_) {
    require(function != nullptr, "functions", "hold functions", "a null pointer");
  }
  require_size(basis_.size(), functions_.size() * shape.size(), "basis");
  require_finite(basis_, "basis");
}

void SpatialKernel::evaluate(std::span<const Point> positions, double* images) const {
  const std::size_t size = shape().size();
  for (const Point& position : positions) {
    std::fill(images, images + size, 0.0);
    for (std::size_t n = 0; n < functions_.size(); ++n) {
      const double coefficient = (*functions_[n])(position);
      const double* basis = basis_.data() + n * size;
      for (std::size_t i = 0; i < size; ++i) images[i] += coefficient * basis[i];
    }
    images += size;
  }
}

TabulatedKernel::TabulatedKernel(std::vector<double> x, std::vector<double> y,
                                 std::vector<double> images, Shape shape, KernelCenter center)
    : Kernel(shape, center), x_(std::move(x)), y_(std::move(y)), images_(std::move(images)) {
  require_increasing(x_, "x");
  require_increasing(y_, "y");
  require_size(images_.size(), x_.size() * y_.size() * shape.size(), "images");
  require_finite(images_, "images");
}

void TabulatedKernel::evaluate(std::span<const Point> positions, double* images) const {
  const std::size_t size = shape().size();
  for (const Point& position : positions) {
    const Interval in_x = locate(x_, position.x);
    const Interval in_y = locate(y_, position.y);
    const auto node = [&](std::size_t j, std::size_t i) {
      return images_.data() + (j * x_.size() + i) * size;
    };
    const double* lower_left = node(in_y.lower, in_x.lower);
    const double* lower_right = node(in_y.lower, in_x.upper);
    const double* upper_left = node(in_y.upper, in_x.lower);
    const double* upper_right = node(in_y.upper, in_x.upper);
    for (std::size_t i = 0; i < size; ++i) {
      const double lower = std::lerp(lower_left[i], lower_right[i], in_x.weight);
      const double upper = std::lerp(upper_left[i], upper_right[i], in_x.weight);
      images[i] = std::lerp(lower, upper, in_y.weight);
    }
    images += size;
  }
}

KernelPtr fixed_kernel(ImageView<const double> image, KernelCenter center) {
  std::vector<double> basis;
  basis.reserve(image.shape().size());
  for (int y = 0; y < image.height(); ++y) {
    basis.insert(basis.end(), image.row(y), image.row(y) + image.width());
  }
  return std::make_shared<SpatialKernel>(
      std::move(basis), image.shape(),
      SpatialKernel::Functions{std::make_shared<Polynomial2D>(std::vector<double>{1.0})}, center);
}

KernelPtr fixed_kernel(ImageView<const double> image) {
  return fixed_kernel(image, default_center(image.shape()));
}

KernelPtr flipped(KernelPtr kernel) { return std::make_shared<FlippedKernel>(std::move(kernel)); }

}  // namespace whitediff
