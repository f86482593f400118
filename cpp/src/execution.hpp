#pragma once

#include <memory>
#include <vector>

#include "frame_rows.hpp"
#include "whitediff/whiten.hpp"

namespace whitediff {

/// What only the filtering of a frame tells.
struct Outcome {
  long clipped_modes = 0;  ///< Modes with less power than the floor, over all filters.
  Unknown unknown;
};

/// Filters a frame as planned.
/// @param output  all rows of the frame; the edges of filters are zero to begin with.
template <class T>
Outcome execute(const Plane<T>& image, const std::vector<NoiseSource<T>>& sources,
                const WhitenOptions& options, const Whitening& plan, const OutputRows<T>& output);

/// The same in bands of rows; see `whiten_bands`.
template <class T>
Outcome execute(const Plane<T>& image, const std::vector<NoiseSource<T>>& sources,
                const WhitenOptions& options, const Whitening& plan, const WriteRows<T>& write);

/// Filters frames of one shape, one after the other, all of them as planned.
template <class T>
class FrameFilter {
 public:
  /// Keeps references to sources and plan.
  FrameFilter(const std::vector<NoiseSource<T>>& sources, const WhitenOptions& options,
              const Whitening& plan);
  FrameFilter(FrameFilter&&) noexcept;
  ~FrameFilter();

  /// @param mask    of the image; may be empty.
  /// @param output  as for `execute`.
  void filter(ImageView<const T> image, const Plane<std::int32_t>& mask,
              const OutputRows<T>& output);
  /// Of all frames so far; modes are those of the last one.
  Outcome outcome() const;

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace whitediff
