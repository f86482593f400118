#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "whitediff/cells.hpp"
#include "whitediff/export.hpp"
#include "whitediff/filter.hpp"
#include "whitediff/noise_model.hpp"
#include "whitediff/plane.hpp"

namespace whitediff {

/// How the variance plane of the result is made (docs/mathematics.md, Eqs. 4 and 5).
enum class VariancePropagation {
  estimate,  ///< sum_i v_i(x) * mean over k of |c_i(k)|^2
  full,      ///< sum_i v_i convolved with the image-space square of c_i
};

/// One raw input image of noise.
template <class T>
struct NoiseSource {
  /// Of the shape of the image, or one number for all pixels, >= 0.
  std::variant<double, Plane<T>> variance = 0.0;
  std::vector<KernelPtr> kernels = {};  ///< What the image went through.
  double weight = 1.0;                  ///< What it was multiplied by.
  Plane<std::int32_t> mask = {};        ///< For the clipped mean of the variance; may be empty.
  /// What filters are made with instead of clipped means of the variance; finite and >= 0.
  std::optional<double> mean_variance = {};
  std::string name = "variance";  ///< What messages call the variance.
  /// Those of its pixels, whose spectra multiply; none: they are independent (docs/mathematics.md,
  /// Eq. 17).
  std::vector<SpatialCovariance> covariances = {};
};

/// Called in the calling thread as cells are done; what it throws ends the computation.
using Progress = std::function<void(std::size_t done, std::size_t total)>;

struct WhitenOptions {
  FilterOptions filter;
  /// A filter for every cell, with clipped mean variances of some 4 000 pixels of it; if false,
  /// one for the frame: kernels at its centre, clipped mean variances of whole planes.
  bool spatially_varying = true;
  VariancePropagation variance = VariancePropagation::estimate;
  /// Kernels whose product is the PSF of the image; mode score needs it, others pass it on.
  std::vector<KernelPtr> psf;
  /// What remains between the pixels when the image is whitened without it: a factor of the power
  /// of every source (docs/mathematics.md, Eq. 17).
  std::optional<SpatialCovariance> remaining;
  Point xy0;                       ///< Position of pixel [0, 0], for kernels and PSF.
  Plane<std::int32_t> mask;        ///< Of the image; may be empty.
  std::int32_t ignore_mask = 0;    ///< Pixels with one of these bits are left out of statistics.
  std::int32_t no_value_mask = 0;  ///< Pixels of the image with one of these bits have no value.
  /// Empty: found from the filter and the cost. Where an expanded box is empty, the border is
  /// found. Pixels that no box covers come out as NaN.
  std::vector<Cell> cells;
  Reduction reduction = Reduction::crossfade;
  /// 0: usable_cores(), or fewer where a frame is too small for them; a fork uses one. Never
  /// changes the result.
  int n_threads = 0;
  Progress progress;
};

/// Seconds that the stages of a computation took.
struct Timings {
  double plan = 0.0;        ///< Support of the filters, border, cells.
  double statistics = 0.0;  ///< Clipped means in all cells.
  double filter = 0.0;      ///< Filters made and applied, variances propagated.
};

/// Where more than this part of a filter, of its sum of squares, falls on gaps or beyond the frame,
/// the variance of the pixel is off by about 1 per cent or more.
constexpr double edge_share = 1e-3;

/// Pixels of the cells that nothing is known of.
struct WHITEDIFF_EXPORT Unknown {
  // Of the image: they came out as they went in.
  std::size_t marked = 0;      ///< By the mask.
  std::size_t not_finite = 0;  ///< Of the others.
  std::size_t too_large = 0;   ///< Of the others: no pixel can be.
  /// Of every source: mean variances stood in for them.
  std::vector<std::size_t> variances;

  Unknown& operator+=(const Unknown& other);
};

/// How the noise of an image was made white.
struct Whitening {
  Shape frame = {};
  Point xy0 = {};  ///< Position of pixel [0, 0].
  std::vector<Cell> cells;
  Reduction reduction = Reduction::crossfade;
  NoiseModel noise;  ///< At the centre of every cell; at that of the frame if not varying.
  FilterOptions filter = {};
  FilterSupport support = {};
  int border = 0;  ///< Of automatic cells; that the filter asks for, where cells were given.
  int n_threads = 0;
  /// Modes where power, or that of a covariance, is below its floor, over all filters.
  long clipped_modes = 0;
  /// Whether a source had no unmasked variance: its means are those of masked pixels.
  bool masked_means = false;
  Unknown unknown = {};
  Timings seconds = {};
};

/// An image of white noise, and how it was made.
template <class T>
struct Whitened : Whitening {
  Image<T> image;
  Image<T> variance;
  /// 1 where more than `edge_share` of the filter fell on gaps or beyond the frame, else 0.
  Image<std::uint8_t> filter_edge;
};

/// Takes finished rows of the result, the first of them row `y0` of the frame. Called in the
/// calling thread, down the frame, once for every row; what it throws ends the computation. The
/// rows stay as they are for as long as their owner is kept.
template <class T>
using WriteRows = std::function<void(int y0, ImageView<const T> image, ImageView<const T> variance,
                                     ImageView<const std::uint8_t> filter_edge,
                                     const std::shared_ptr<const void>& owner)>;

/// Makes the noise of an image white: any linear combination of raw images, with pixels that are
/// independent or of a given covariance.
///
/// A pixel has no value if it is not finite, if its mask says so, or if it is larger than any pixel
/// can be (1e25, or 1e10 times the noise). Such gaps, and what lies beyond the frame, are filled
/// with the level of the cell, a median with a slope, for the filtering, and put back after it. A
/// variance is not known if it is not finite, zero or negative (where the rest of its plane is
/// positive), or larger than any can be (1e25, or 1e10 times the mean): the mean variance stands
/// in, and what is no number or too large is put back. Both are counted. Cells with pixels or
/// variances beyond what float32 transforms can take (1e5 times the noise) are filtered in double
/// precision.
/// @param image    at least one pixel; non-finite pixels allowed.
/// @param sources  at least one.
/// @throws std::invalid_argument for shapes that differ, a kernel larger than the image, a
///         negative number for a variance, a variance plane without a known pixel, no total
///         variance, cells outside the frame, mode score without a PSF, a kernel that gives
///         non-finite values.
/// @throws Error if there is no plan for a Fourier transform.
template <class T>
WHITEDIFF_EXPORT Whitened<T> whiten(ImageView<const T> image,
                                    const std::vector<NoiseSource<T>>& sources,
                                    const WhitenOptions& options = {});

/// The same into pixels that are there already: new memory takes a sixth of the time.
/// What they hold does not matter. They share no pixel with the image, its sources, its masks, or
/// one another.
/// @param whitened, variance, filter_edge  of the shape of the image.
/// @throws std::invalid_argument as `whiten`, and if a shape differs.
template <class T>
WHITEDIFF_EXPORT Whitening whiten_into(ImageView<const T> image,
                                       const std::vector<NoiseSource<T>>& sources,
                                       ImageView<T> whitened, ImageView<T> variance,
                                       ImageView<std::uint8_t> filter_edge,
                                       const WhitenOptions& options = {});

/// The same for a frame that need not fit into memory: planes are read, and the result is written,
/// in bands of rows. The result is that of `whiten`, bit by bit.
///
/// Each band is some 700 rows high, as a rule; it is read once for filtering, after a sparse look
/// at the variances of the whole frame (two complete passes where the filter does not vary).
/// @throws std::invalid_argument as `whiten`, and for a `write` that is empty.
template <class T>
WHITEDIFF_EXPORT Whitening whiten_bands(const Plane<T>& image,
                                        const std::vector<NoiseSource<T>>& sources,
                                        const WriteRows<T>& write,
                                        const WhitenOptions& options = {});

/// Parts of an image and of its whitened version that stand for the whole, one below the other; all
/// of a small image, which is cut into as many. Between the parts no pixel is usable.
template <class T>
struct Sample {
  /// Where a part lies.
  struct Part {
    Box box;       ///< Among the pixels of the sample.
    Point center;  ///< In pixel coordinates.
  };

  Image<T> image, whitened, variance;
  /// 1 where the image is finite, no mask has a bit of `ignore_mask`, and the filter does not fall
  /// on gaps or beyond the frame.
  Image<std::uint8_t> usable;
  std::vector<Part> parts = {};
};

/// So many pixels tell the noise on the scale of a PSF to less than one per cent.
constexpr double sample_pixels = 1e6;

/// Makes the noise of so many pixels of an image white, for a look at the noise that takes less
/// time than the whole. Of images with up to half as many pixels more: all of it.
/// @param options  progress does not count, nor do cells where the image is large.
/// @throws std::invalid_argument as `whiten`.
template <class T>
WHITEDIFF_EXPORT Sample<T> whiten_sample(const Plane<T>& image,
                                         const std::vector<NoiseSource<T>>& sources,
                                         const WhitenOptions& options = {},
                                         double pixels = sample_pixels);

/// The same parts of an image that is white already; of `image` there is none.
/// @param options  those that it was whitened with: bits of both masks are left out.
/// @throws std::invalid_argument if shapes differ.
template <class T>
WHITEDIFF_EXPORT Sample<T> sample_of(ImageView<const T> whitened, ImageView<const T> variance,
                                     ImageView<const std::uint8_t> filter_edge,
                                     const WhitenOptions& options = {});

/// The filter of every position of the noise model of a result.
WHITEDIFF_EXPORT std::vector<FilterImage> filter_images(const NoiseModel& noise,
                                                        const FilterOptions& options,
                                                        const FilterSupport& support,
                                                        int n_threads = 0);

/// The PSF of the filtered image at every position.
WHITEDIFF_EXPORT std::vector<Image<double>> whitened_psfs(const NoiseModel& noise,
                                                          const FilterOptions& options,
                                                          const FilterSupport& support,
                                                          int n_threads = 0);

}  // namespace whitediff
