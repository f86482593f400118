#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "whitediff/image.hpp"

namespace whitediff {

/// A plane through the pixels of a box.
struct BoxLevel {
  Box box;
  double middle = 0.0;                  ///< In the centre of the box.
  double slope_y = 0.0, slope_x = 0.0;  ///< Per pixel.

  double at(int y, int x) const {
    const Point center = box.center();
    return middle + slope_y * (y - center.y) + slope_x * (x - center.x);
  }
};

/// Pixels that are usable and within a limit of their level, which is subtracted.
template <class T>
struct TakenPixels {
  ImageView<const T> noise;
  ImageView<const std::uint8_t> usable;  ///< Other than 0.
  std::vector<BoxLevel> levels;          ///< Of boxes that share no pixel; no other pixel is taken.
  double limit = 0.0;
};

/// Writes the pixels of a box, 0 where none is taken, and whether one is, 0 or 1, to rows `pitch`
/// apart. Where there is no level nothing is written.
void take(const TakenPixels<float>& pixels, const Box& box, float* values, std::uint8_t* taken,
          std::ptrdiff_t pitch);
void take(const TakenPixels<double>& pixels, const Box& box, double* values, std::uint8_t* taken,
          std::ptrdiff_t pitch);

/// The same of a row of a level's box.
void take(const TakenPixels<float>& pixels, const BoxLevel& level, int y, float* values,
          std::uint8_t* taken);
void take(const TakenPixels<double>& pixels, const BoxLevel& level, int y, double* values,
          std::uint8_t* taken);

/// Some rows of a part of an image.
struct PartBand {
  std::size_t part;
  Box box;
};

/// Parts of an image, cut into bands of up to so many rows.
std::vector<PartBand> bands_of(const std::vector<Box>& parts, int rows);

}  // namespace whitediff
