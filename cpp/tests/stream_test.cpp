#include "stream.hpp"

#include <vector>

#include "support.hpp"

using namespace whitediff;

TEST_CASE_TEMPLATE("all numbers are streamed, and nothing beside them", T, float, double) {
  std::vector<T> values(200), out(300);
  for (std::size_t n = 0; n < values.size(); ++n) values[n] = T(n + 1);
  // Any place within a line of the cache, and any part of one left over.
  for (std::size_t begin = 0; begin <= 16; ++begin) {
    for (const std::size_t size : {0, 1, 3, 15, 16, 17, 40, 200}) {
      std::fill(out.begin(), out.end(), T(-1));
      stream(values.data(), static_cast<std::ptrdiff_t>(size), out.data() + begin);
      finish_streams();
      for (std::size_t n = 0; n < out.size(); ++n) {
        const bool inside = n >= begin && n < begin + size;
        REQUIRE(out[n] == (inside ? values[n - begin] : T(-1)));
      }
    }
  }
}
