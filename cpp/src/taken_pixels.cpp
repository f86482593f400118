#include "taken_pixels.hpp"

#include <algorithm>
#include <cmath>

#include "multiversion.hpp"

namespace whitediff {
namespace {

template <class T>
WHITEDIFF_ALWAYS_INLINE void take_row(const T* noise, const std::uint8_t* usable, int width,
                                      T level, T slope, T limit, T* values, std::uint8_t* taken) {
  for (int x = 0; x < width; ++x) {
    const T value = noise[x] - (level + slope * static_cast<T>(x));
    const bool inside = std::abs(value) <= limit && usable[x] != 0;
    values[x] = inside ? value : T(0);
    taken[x] = inside;
  }
}

WHITEDIFF_MULTIVERSION
void take_pixels(const float* noise, const std::uint8_t* usable, int width, float level,
                 float slope, float limit, float* values, std::uint8_t* taken) {
  take_row(noise, usable, width, level, slope, limit, values, taken);
}
WHITEDIFF_MULTIVERSION
void take_pixels(const double* noise, const std::uint8_t* usable, int width, double level,
                 double slope, double limit, double* values, std::uint8_t* taken) {
  take_row(noise, usable, width, level, slope, limit, values, taken);
}

/// Pixels of a level from column x0 on.
template <class T>
void take_from(const TakenPixels<T>& pixels, const BoxLevel& level, int y, int x0, int width,
               T* values, std::uint8_t* taken) {
  take_pixels(pixels.noise.row(y) + x0, pixels.usable.row(y) + x0, width,
              static_cast<T>(level.at(y, x0)), static_cast<T>(level.slope_x),
              static_cast<T>(pixels.limit), values, taken);
}

template <class T>
void take_box(const TakenPixels<T>& pixels, const Box& box, T* values, std::uint8_t* taken,
              std::ptrdiff_t pitch) {
  for (const BoxLevel& level : pixels.levels) {
    const Box part = level.box.clipped(box);
    if (part.empty()) continue;
    for (int y = part.y0; y < part.y1; ++y) {
      const std::ptrdiff_t offset = (y - box.y0) * pitch + (part.x0 - box.x0);
      take_from(pixels, level, y, part.x0, part.width(), values + offset, taken + offset);
    }
  }
}

}  // namespace

void take(const TakenPixels<float>& pixels, const Box& box, float* values, std::uint8_t* taken,
          std::ptrdiff_t pitch) {
  take_box(pixels, box, values, taken, pitch);
}
void take(const TakenPixels<double>& pixels, const Box& box, double* values, std::uint8_t* taken,
          std::ptrdiff_t pitch) {
  take_box(pixels, box, values, taken, pitch);
}

void take(const TakenPixels<float>& pixels, const BoxLevel& level, int y, float* values,
          std::uint8_t* taken) {
  take_from(pixels, level, y, level.box.x0, level.box.width(), values, taken);
}
void take(const TakenPixels<double>& pixels, const BoxLevel& level, int y, double* values,
          std::uint8_t* taken) {
  take_from(pixels, level, y, level.box.x0, level.box.width(), values, taken);
}

std::vector<PartBand> bands_of(const std::vector<Box>& parts, int rows) {
  std::vector<PartBand> bands;
  for (std::size_t n = 0; n < parts.size(); ++n) {
    const Box& part = parts[n];
    for (int y = part.y0; y < part.y1; y += rows) {
      bands.push_back({n, {part.x0, y, part.x1, std::min(y + rows, part.y1)}});
    }
  }
  return bands;
}

}  // namespace whitediff
