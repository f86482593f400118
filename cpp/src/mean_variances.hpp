#pragma once

#include <cstdint>
#include <vector>

#include "whitediff/whiten.hpp"

namespace whitediff {

/// Clipped mean variances of every source in every box, sources fastest, each from about `pixels`
/// pixels of evenly spaced rows, as many even as odd ones. Where others are positive, variances of
/// zero or less are not known and left out. Gaps (boxes without a known pixel among these, or
/// without any noise) are filled by the mean over the other boxes; NaN if all are gaps.
template <class T>
std::vector<double> mean_variances(const std::vector<Box>& boxes,
                                   const std::vector<NoiseSource<T>>& sources, std::int32_t ignore,
                                   std::size_t pixels, int threads);

/// Clipped mean variances of every source over all pixels; NaN where none is usable.
template <class T>
std::vector<double> frame_variances(const std::vector<NoiseSource<T>>& sources, std::int32_t ignore,
                                    int threads);

}  // namespace whitediff
