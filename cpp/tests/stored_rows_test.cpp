#include "whitediff/stored_rows.hpp"

#include <algorithm>
#include <cstring>
#include <limits>

#include "parallel.hpp"
#include "support.hpp"

using namespace whitediff;

namespace {

/// The bytes of a number in the opposite order, one by one.
template <class T>
T turned(T number) {
  auto* bytes = reinterpret_cast<unsigned char*>(&number);
  std::reverse(bytes, bytes + sizeof(T));
  return number;
}

}  // namespace

TEST_CASE_TEMPLATE("bytes are turned round, those of NaN too, on any number of threads", T, float,
                   double) {
  // More than one band, part of wider rows, and no multiple of any vector.
  auto stored = test::noise<T>({1501, 1303}, 1, 100.0);
  const Box part{1, 2, 1300, 1500};
  for (int y = 0; y < 1501; ++y) {
    stored(y, 5) = std::numeric_limits<T>::quiet_NaN();
    for (int x = 0; x < 1303; ++x) {
      const T swapped = turned(stored(y, x));
      std::memcpy(&stored(y, x), &swapped, sizeof(T));
    }
  }
  const ImageView<const T> view = stored.view().cut(part);
  for (const int threads : {1, 3}) {
    Image<T> native(view.shape());
    with_threads(threads, [&] { swap_bytes(view, native.view()); });
    bool same = true;
    for (int y = 0; y < view.height(); ++y) {
      for (int x = 0; x < view.width(); ++x) {
        const T expected = turned(view(y, x));
        same = same && std::memcmp(&expected, &native(y, x), sizeof(T)) == 0;
      }
    }
    CHECK(same);
  }
}

TEST_CASE_TEMPLATE("pixels of a mask have bits of two sets, one of them, or none", Bits,
                   std::uint8_t, std::uint16_t, std::uint32_t, std::uint64_t) {
  const Shape shape{7, 37};
  Image<Bits> mask(shape);
  for (int y = 0; y < shape.height; ++y) {
    for (int x = 0; x < shape.width; ++x) mask(y, x) = static_cast<Bits>(y * shape.width + x);
  }
  constexpr Bits highest = static_cast<Bits>(Bits(1) << (8 * sizeof(Bits) - 1));
  mask(3, 3) = highest;
  const Bits first = 0b101, second = static_cast<Bits>(0b100 | highest);
  Image<std::int32_t> found(shape);
  find_bits<Bits>(mask.view(), first, second, found.view());
  for (int y = 0; y < shape.height; ++y) {
    for (int x = 0; x < shape.width; ++x) {
      std::int32_t expected = 0;
      for (std::size_t bit = 0; bit < 8 * sizeof(Bits); ++bit) {
        if (!(mask(y, x) >> bit & 1)) continue;
        if (first >> bit & 1) expected |= 1;
        if (second >> bit & 1) expected |= 2;
      }
      CHECK(found(y, x) == expected);
    }
  }
}
