#pragma once

#include <optional>
#include <vector>

#include "whitediff/export.hpp"
#include "whitediff/whiten.hpp"

namespace whitediff {

/// Which image was convolved with the matching kernel.
enum class Convolved { template_image, science_image };

struct DecorrelateOptions {
  WhitenOptions whiten;  ///< whiten.psf is the PSF of the difference image (preconvolved: of the
                         ///< science image).
  Convolved convolved = Convolved::template_image;
  /// The factor by which the difference was multiplied after the subtraction. Default:
  /// `flux_scale`.
  std::optional<double> scale;
  /// Whether the difference is a likelihood image: the science image was correlated with its PSF
  /// before the subtraction. In mode score alone.
  bool preconvolved = false;
  /// The kernel with which it was correlated; default: its PSF.
  KernelPtr pre_kernel;
};

/// The factor with which a difference has the fluxes of the science image: 1 if the template was
/// convolved, 1 / (kernel sum at the centre of the frame) if the science image was.
/// @param frame  shape of the difference image.
/// @param xy0    position of its pixel [0, 0] in the coordinates of the kernel.
/// @throws std::invalid_argument if that sum is zero.
WHITEDIFF_EXPORT double flux_scale(const Kernel& kernel, Convolved convolved, Shape frame,
                                   Point xy0 = {});

/// A difference image as `whiten` takes it.
template <class T>
struct Subtraction {
  std::vector<NoiseSource<T>> sources;  ///< Science and template.
  std::vector<KernelPtr> psf;           ///< Kernels whose product is the PSF; none if unknown.
};

/// The sources of the noise of a difference image.
///
/// Template convolved: D = scale (S - K*T) (docs/mathematics.md, Eq. 7; DMTN-021, Eq. 1).
/// Science convolved: D = scale (K*S - T) (docs/mathematics.md, Eq. 8).
/// Preconvolved: the difference is a likelihood image, D = scale (S' - K*T) where S' is the science
/// image correlated with the pre-kernel p (docs/mathematics.md, Eq. 9; DMTN-179).
/// @param frame  shape of the difference image.
/// @param science, template_image  variances of the raw images, with their masks; kernels empty.
/// @throws std::invalid_argument if a kernel or weight is given with a variance, preconvolved comes
///         without mode score, with a convolved science image or without PSF and pre-kernel, a
///         pre-kernel comes without preconvolved, or the kernel's sum is zero where it divides.
template <class T>
WHITEDIFF_EXPORT Subtraction<T> subtraction_sources(Shape frame, NoiseSource<T> science,
                                                    NoiseSource<T> template_image,
                                                    const KernelPtr& kernel,
                                                    const DecorrelateOptions& options = {});

/// Makes the noise of a difference image white, or (mode score) gives the optimal detection image:
/// `whiten` with the sources of `subtraction_sources`.
/// @throws std::invalid_argument as these.
template <class T>
WHITEDIFF_EXPORT Whitened<T> decorrelate(ImageView<const T> difference,
                                         const NoiseSource<T>& science,
                                         const NoiseSource<T>& template_image,
                                         const KernelPtr& kernel,
                                         const DecorrelateOptions& options = {});

/// The same in bands of rows; see `whiten_bands`.
template <class T>
WHITEDIFF_EXPORT Whitening decorrelate_bands(const Plane<T>& difference,
                                             const NoiseSource<T>& science,
                                             const NoiseSource<T>& template_image,
                                             const KernelPtr& kernel, const WriteRows<T>& write,
                                             const DecorrelateOptions& options = {});

}  // namespace whitediff
