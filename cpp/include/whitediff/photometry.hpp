#pragma once

#include <vector>

#include "whitediff/export.hpp"
#include "whitediff/whiten.hpp"

namespace whitediff {

/// The PSF of the filtered image at any positions, that is, what becomes of a source of flux one
/// there: the PSF of the image at the position, through the filters of the cells that its pixels
/// come from (docs/mathematics.md, Eq. 21). Its sum is one but for what lies beyond its pixels and,
/// where cells overlap, for a thousandth.
///
/// `whitened_psfs` gives it at the centres of cells alone, from where it may differ by several per
/// cent at their edges: cells are as large as the noise allows.
/// @param positions  in pixel coordinates; beyond the frame the nearest cell counts.
/// @throws std::invalid_argument if the noise has no PSF, the PSF's sum is zero, or a position is
///         not finite.
WHITEDIFF_EXPORT std::vector<Image<double>> psfs_at(const Whitening& whitening,
                                                    const std::vector<Point>& positions,
                                                    int n_threads = 0);

/// The same through the filter of one cell for each position, wherever that is.
/// @throws std::invalid_argument as well if there are not as many cells as positions.
WHITEDIFF_EXPORT std::vector<Image<double>> psfs_at(const Whitening& whitening,
                                                    const std::vector<Point>& positions,
                                                    const std::vector<std::size_t>& cells,
                                                    int n_threads = 0);

/// The value of the filtered image at the place of a source of flux one, for a source at every
/// pixel of the frame: what turns a score into a flux (docs/mathematics.md, Eq. 22).
class WHITEDIFF_EXPORT PeakResponse {
 public:
  /// Evaluates the PSF on nodes of every cell, at most 128 pixels apart.
  /// @throws std::invalid_argument if the noise has no PSF, or the PSF's sum is zero.
  explicit PeakResponse(const Whitening& whitening, int n_threads = 0);

  /// Rows y0 .. y1 - 1 of the frame; NaN where no cell gives a pixel.
  /// @throws std::invalid_argument if they are not rows of the frame.
  Image<double> rows(int y0, int y1) const;

 private:
  /// Positions along an axis, and the response at each of them.
  struct Nodes {
    std::vector<double> x, y;
    std::vector<double> values;  // x fastest
  };

  Shape frame_;
  std::vector<Cell> cells_;
  Reduction reduction_;
  std::vector<Nodes> nodes_;  // of every cell
};

}  // namespace whitediff
