#include "line_products.hpp"

#include "multiversion.hpp"

namespace whitediff {
namespace {

template <class T>
WHITEDIFF_ALWAYS_INLINE void scale(const T* filter, std::size_t size, T* pairs) {
  for (std::size_t i = 0; i < size; ++i) {
    pairs[2 * i] *= filter[i];
    pairs[2 * i + 1] *= filter[i];
  }
}

template <class T>
WHITEDIFF_ALWAYS_INLINE void product(const T* a, std::size_t size, T* b) {
  for (std::size_t i = 0; i < size; ++i) {
    const T real = a[2 * i] * b[2 * i] - a[2 * i + 1] * b[2 * i + 1];
    const T imaginary = a[2 * i] * b[2 * i + 1] + a[2 * i + 1] * b[2 * i];
    b[2 * i] = real;
    b[2 * i + 1] = imaginary;
  }
}

template <class T>
WHITEDIFF_ALWAYS_INLINE void add_product(const T* a, const T* b, std::size_t size, T* sum) {
  for (std::size_t i = 0; i < size; ++i) {
    sum[2 * i] += a[2 * i] * b[2 * i] - a[2 * i + 1] * b[2 * i + 1];
    sum[2 * i + 1] += a[2 * i] * b[2 * i + 1] + a[2 * i + 1] * b[2 * i];
  }
}

}  // namespace

// std::complex is laid out as two numbers, by the standard.
WHITEDIFF_MULTIVERSION
void multiply(const float* filter, std::size_t size, std::complex<float>* lines) {
  scale(filter, size, reinterpret_cast<float*>(lines));
}
WHITEDIFF_MULTIVERSION
void multiply(const double* filter, std::size_t size, std::complex<double>* lines) {
  scale(filter, size, reinterpret_cast<double*>(lines));
}

WHITEDIFF_MULTIVERSION
void multiply(const std::complex<float>* filter, std::size_t size, std::complex<float>* lines) {
  product(reinterpret_cast<const float*>(filter), size, reinterpret_cast<float*>(lines));
}
WHITEDIFF_MULTIVERSION
void multiply(const std::complex<double>* filter, std::size_t size, std::complex<double>* lines) {
  product(reinterpret_cast<const double*>(filter), size, reinterpret_cast<double*>(lines));
}

WHITEDIFF_MULTIVERSION
void multiply_add(const std::complex<float>* lines, const std::complex<float>* filter,
                  std::size_t size, std::complex<float>* sums) {
  add_product(reinterpret_cast<const float*>(lines), reinterpret_cast<const float*>(filter), size,
              reinterpret_cast<float*>(sums));
}
WHITEDIFF_MULTIVERSION
void multiply_add(const std::complex<double>* lines, const std::complex<double>* filter,
                  std::size_t size, std::complex<double>* sums) {
  add_product(reinterpret_cast<const double*>(lines), reinterpret_cast<const double*>(filter), size,
              reinterpret_cast<double*>(sums));
}

}  // namespace whitediff
