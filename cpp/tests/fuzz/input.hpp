#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace whitediff::fuzz {

/// Takes values out of the bytes that the fuzzer makes; zeros when they are used up.
class Input {
 public:
  Input(const std::uint8_t* data, std::size_t size) : data_(data), size_(size) {}

  template <class T>
  T take() {
    T value{};
    const std::size_t count = sizeof(T) < size_ ? sizeof(T) : size_;
    std::memcpy(&value, data_, count);
    data_ += count;
    size_ -= count;
    return value;
  }

  /// A number in lowest .. highest.
  int within(int lowest, int highest) {
    return lowest + static_cast<int>(take<std::uint16_t>() % (highest - lowest + 1));
  }

 private:
  const std::uint8_t* data_;
  std::size_t size_;
};

inline void require(bool condition, const char* what) {
  if (condition) return;
  std::fprintf(stderr, "does not hold: %s\n", what);
  std::abort();
}

}  // namespace whitediff::fuzz
