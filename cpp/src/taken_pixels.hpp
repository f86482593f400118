#pragma once

#include <cstdint>
#include <vector>

#include "whitediff/image.hpp"

namespace whitediff {

/// Pixels that are usable and within a limit of a level, which is subtracted.
template <class T>
struct TakenPixels {
  ImageView<const T> noise;
  ImageView<const std::uint8_t> usable;  ///< Other than 0.
  double level = 0.0;
  double limit = 0.0;
};

/// Writes some pixels of a row from column x0 on, 0 where none is taken, and whether one is, 0
/// or 1.
void take(const TakenPixels<float>& pixels, int y, int x0, int width, float* values,
          std::uint8_t* taken);
void take(const TakenPixels<double>& pixels, int y, int x0, int width, double* values,
          std::uint8_t* taken);

/// Some rows of a part of an image.
struct PartBand {
  std::size_t part;
  Box box;
};

/// Parts of an image, cut into bands of up to so many rows.
std::vector<PartBand> bands_of(const std::vector<Box>& parts, int rows);

}  // namespace whitediff
