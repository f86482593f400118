#include "taken_pixels.hpp"

#include <algorithm>
#include <cmath>

#include "multiversion.hpp"

namespace whitediff {
namespace {

template <class T>
WHITEDIFF_ALWAYS_INLINE void take_row(const T* noise, const std::uint8_t* usable, int width,
                                      T level, T limit, T* values, std::uint8_t* taken) {
  for (int x = 0; x < width; ++x) {
    const T value = noise[x] - level;
    const bool inside = std::abs(value) <= limit && usable[x] != 0;
    values[x] = inside ? value : T(0);
    taken[x] = inside;
  }
}

WHITEDIFF_MULTIVERSION
void take_pixels(const float* noise, const std::uint8_t* usable, int width, float level,
                 float limit, float* values, std::uint8_t* taken) {
  take_row(noise, usable, width, level, limit, values, taken);
}
WHITEDIFF_MULTIVERSION
void take_pixels(const double* noise, const std::uint8_t* usable, int width, double level,
                 double limit, double* values, std::uint8_t* taken) {
  take_row(noise, usable, width, level, limit, values, taken);
}

}  // namespace

void take(const TakenPixels<float>& pixels, int y, int x0, int width, float* values,
          std::uint8_t* taken) {
  take_pixels(pixels.noise.row(y) + x0, pixels.usable.row(y) + x0, width,
              static_cast<float>(pixels.level), static_cast<float>(pixels.limit), values, taken);
}
void take(const TakenPixels<double>& pixels, int y, int x0, int width, double* values,
          std::uint8_t* taken) {
  take_pixels(pixels.noise.row(y) + x0, pixels.usable.row(y) + x0, width, pixels.level,
              pixels.limit, values, taken);
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
