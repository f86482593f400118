#include "usable_sum.hpp"

#include <cmath>

namespace whitediff {

template <class T>
UsableSum usable_sum(ImageView<const T> image, ImageView<const std::int32_t> mask,
                     std::int32_t ignore, const Box& box) {
  UsableSum total;
  for (int y = box.y0; y < box.y1; ++y) {
    const std::int32_t* bits = mask.empty() ? nullptr : mask.row(y);
    for (int x = box.x0; x < box.x1; ++x) {
      const double value = image(y, x);
      if (!std::isfinite(value)) continue;
      const bool masked = bits && (bits[x] & ignore);
      (masked ? total.masked_sum : total.sum) += value;
      ++(masked ? total.masked_count : total.count);
    }
  }
  return total;
}

template UsableSum usable_sum(ImageView<const float>, ImageView<const std::int32_t>, std::int32_t,
                              const Box&);
template UsableSum usable_sum(ImageView<const double>, ImageView<const std::int32_t>, std::int32_t,
                              const Box&);

}  // namespace whitediff
