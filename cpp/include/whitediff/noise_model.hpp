#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "whitediff/export.hpp"
#include "whitediff/kernel.hpp"
#include "whitediff/spatial_covariance.hpp"

namespace whitediff {

/// A kernel image at one position; the pixels belong to somebody else.
struct KernelImage {
  ImageView<const double> pixels;
  KernelCenter center;
};

/// One raw input image as seen at one position: pixels of noise with this variance, that went
/// through all these kernels and were multiplied by a weight.
/// Its transfer function is a(k) = weight * product of the kernels' Fourier transforms
/// (docs/mathematics.md, Eq. 1). Noise that is not white has, in addition, the product of the
/// spectra of its covariances (docs/mathematics.md, Eq. 17).
struct LocalSource {
  double variance = 0.0;
  double weight = 1.0;
  std::vector<KernelImage> kernels;
  std::vector<NoiseCovariance> covariances = {};
};

/// The noise of an image at one position, P(k) = sum_i v_i C_i(k) |a_i(k)|^2 (docs/mathematics.md,
/// Eqs. 1 and 17; C_i is 1 where pixels are independent), and its point spread function, whose
/// Fourier transform is the product of those of `psf`.
struct LocalNoise {
  std::vector<LocalSource> sources;
  std::vector<KernelImage> psf;
};

/// The noise of an image at many positions (those of its cells, as a rule).
class WHITEDIFF_EXPORT NoiseModel {
 public:
  /// A raw input image, apart from its variance.
  struct Source {
    double weight = 1.0;
    std::vector<KernelPtr> kernels;
    std::vector<SpatialCovariance> covariances = {};
  };

  /// @param sources    at least one.
  /// @param psf        kernels whose product is the PSF of the image; none if unknown.
  /// @param positions  pixel coordinates.
  /// @param variances  of every source at every position, sources fastest.
  /// @throws std::invalid_argument if there is no source, a pointer is null, a weight is zero or
  ///         not finite, a variance is negative or not finite, or sizes differ.
  NoiseModel(std::vector<Source> sources, std::vector<KernelPtr> psf, std::vector<Point> positions,
             std::vector<double> variances);

  std::size_t size() const { return positions_.size(); }
  const std::vector<Source>& sources() const { return sources_; }
  const std::vector<KernelPtr>& psf() const { return psf_; }
  const std::vector<Point>& positions() const { return positions_; }
  const std::vector<double>& variances() const { return variances_; }

  /// The greatest height and width among all kernels and PSFs; (1, 1) if there is none.
  Shape largest_kernel() const;

  /// The noise at some of the positions, with the kernel images that it refers to. Move only.
  class Batch {
   public:
    Batch() = default;
    Batch(Batch&&) = default;
    Batch& operator=(Batch&&) = default;
    std::size_t size() const { return local_.size(); }
    const LocalNoise& operator[](std::size_t i) const { return local_[i]; }
    /// All of it.
    std::vector<const LocalNoise*> pointers() const;

   private:
    friend class NoiseModel;
    std::vector<std::vector<double>> images_;
    std::vector<LocalNoise> local_;
  };

  /// The noise at the positions of these indices, kernel images and covariances evaluated all
  /// at once.
  /// @throws std::invalid_argument if a kernel gives a non-finite value, or a covariance is none.
  Batch batch(std::span<const std::size_t> indices) const;
  /// The noise at all positions.
  Batch batch() const;

 private:
  std::vector<Source> sources_;
  std::vector<KernelPtr> psf_;
  std::vector<Point> positions_;
  std::vector<double> variances_;
};

}  // namespace whitediff
