#pragma once

#include <memory>
#include <span>
#include <vector>

#include "whitediff/export.hpp"
#include "whitediff/geometry.hpp"
#include "whitediff/image.hpp"
#include "whitediff/spatial_function.hpp"

namespace whitediff {

/// The pixel of a kernel image that stands for no shift.
struct KernelCenter {
  int y = 0;
  int x = 0;

  bool operator==(const KernelCenter&) const = default;
};

/// A convolution kernel that may vary with position.
///
/// A kernel image K[v, u] with centre (cy, cx) acts by true convolution:
/// (K*T)[y, x] = sum over v, u of K[v, u] T[y - (v - cy), x - (u - cx)].
/// Derive from it for kernels of your own; `evaluate` must give the same answer for the same
/// position. One computation calls it from the thread that started it, never from several at once.
class WHITEDIFF_EXPORT Kernel {
 public:
  virtual ~Kernel() = default;

  /// Writes the kernel image at every position, one after the other, row by row.
  /// @param positions  in pixel coordinates.
  /// @param images     room for positions.size() * shape().size() values.
  virtual void evaluate(std::span<const Point> positions, double* images) const = 0;

  Shape shape() const { return shape_; }
  KernelCenter center() const { return center_; }
  /// The kernel image at one position.
  Image<double> at(Point position) const;
  /// The sum of the kernel image at one position: the factor by which it scales fluxes.
  double sum(Point position) const;

 protected:
  /// @throws std::invalid_argument if the shape is empty or the centre lies outside it.
  Kernel(Shape shape, KernelCenter center);

 private:
  Shape shape_;
  KernelCenter center_;
};

using KernelPtr = std::shared_ptr<const Kernel>;

/// The default centre, ((h - 1) / 2, (w - 1) / 2) in whole numbers.
WHITEDIFF_EXPORT KernelCenter default_center(Shape shape);

/// Basis images times functions of position (Alard & Lupton 1998; Alard 2000).
class WHITEDIFF_EXPORT SpatialKernel final : public Kernel {
 public:
  using Functions = std::vector<std::shared_ptr<const SpatialFunction>>;

  /// @param basis      n images of one shape, one after the other, row by row.
  /// @param functions  one for every basis image.
  /// @throws std::invalid_argument if sizes differ, nothing is given, or a pixel is not finite.
  SpatialKernel(std::vector<double> basis, Shape shape, Functions functions, KernelCenter center);

  void evaluate(std::span<const Point> positions, double* images) const override;
  const std::vector<double>& basis() const { return basis_; }
  const Functions& functions() const { return functions_; }

 private:
  std::vector<double> basis_;
  Functions functions_;
};

/// Kernel images at the nodes of a grid of positions: bilinear between them, constant outside.
class WHITEDIFF_EXPORT TabulatedKernel final : public Kernel {
 public:
  /// @param x, y    node positions, strictly increasing.
  /// @param images  y.size() * x.size() images, x fastest, row by row.
  /// @throws std::invalid_argument if sizes differ, positions do not increase, or a value is not
  ///         finite.
  TabulatedKernel(std::vector<double> x, std::vector<double> y, std::vector<double> images,
                  Shape shape, KernelCenter center);

  void evaluate(std::span<const Point> positions, double* images) const override;
  const std::vector<double>& x() const { return x_; }
  const std::vector<double>& y() const { return y_; }
  const std::vector<double>& images() const { return images_; }

 private:
  std::vector<double> x_;
  std::vector<double> y_;
  std::vector<double> images_;
};

/// One kernel image for every position.
WHITEDIFF_EXPORT KernelPtr fixed_kernel(ImageView<const double> image, KernelCenter center);
WHITEDIFF_EXPORT KernelPtr fixed_kernel(ImageView<const double> image);

/// The kernel turned by 180 degrees about its centre: convolution with it is correlation with the
/// kernel, and its transfer function is the complex conjugate.
WHITEDIFF_EXPORT KernelPtr flipped(KernelPtr kernel);

}  // namespace whitediff
