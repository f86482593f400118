#include "stream.hpp"

#include <vector>

#include "support.hpp"

using namespace whitediff;

TEST_CASE_TEMPLATE("all numbers are streamed, and nothing beside them", T, float, double) {
  std::vector<T> values(200), out(300);
  for (std::size_t n = 0; n < values.size(); ++n) values[n] = T(n + 1);
  const auto check = [&](const auto& copy) {
    // Any place within a line of the cache, and any part of one left over.
    for (std::size_t begin = 0; begin <= 16; ++begin) {
      for (const std::size_t size : {0, 1, 3, 15, 16, 17, 40, 200}) {
        std::fill(out.begin(), out.end(), T(-1));
        copy(values.data(), static_cast<std::ptrdiff_t>(size), out.data() + begin);
        finish_streams();
        for (std::size_t n = 0; n < out.size(); ++n) {
          const bool inside = n >= begin && n < begin + size;
          REQUIRE(out[n] == (inside ? values[n - begin] : T(-1)));
        }
      }
    }
  };
  check([](const T* from, std::ptrdiff_t size, T* to) { stream(from, size, to); });
  check([](const T* from, std::ptrdiff_t size, T* to) { copy_past_caches(from, size, to); });
}

TEST_CASE_TEMPLATE("what is asked of memory beforehand stays as it is", T, float, double) {
  const std::vector<T> values(200, T(3));
  for (const std::ptrdiff_t size : {1, 16, 17, 200}) {
    prefetch(values.data(), size);
    prefetch_output(values.data(), size);
  }
  CHECK(values == std::vector<T>(200, T(3)));
}
