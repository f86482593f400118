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
WHITEDIFF_ALWAYS_INLINE void sum(const T* a, std::size_t size, T* b) {
  for (std::size_t i = 0; i < 2 * size; ++i) b[i] += a[i];
}

template <class T>
WHITEDIFF_ALWAYS_INLINE void reversed(const T* line, int size, T* out) {
  out[0] = line[0];
  out[1] = -line[1];
  for (int k = 1; k < size; ++k) {
    out[2 * (size - k)] = line[2 * k];
    out[2 * (size - k) + 1] = -line[2 * k + 1];
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
void add(const std::complex<float>* others, std::size_t size, std::complex<float>* lines) {
  sum(reinterpret_cast<const float*>(others), size, reinterpret_cast<float*>(lines));
}
WHITEDIFF_MULTIVERSION
void add(const std::complex<double>* others, std::size_t size, std::complex<double>* lines) {
  sum(reinterpret_cast<const double*>(others), size, reinterpret_cast<double*>(lines));
}

WHITEDIFF_MULTIVERSION
void mirror(const std::complex<float>* line, int size, std::complex<float>* out) {
  reversed(reinterpret_cast<const float*>(line), size, reinterpret_cast<float*>(out));
}
WHITEDIFF_MULTIVERSION
void mirror(const std::complex<double>* line, int size, std::complex<double>* out) {
  reversed(reinterpret_cast<const double*>(line), size, reinterpret_cast<double*>(out));
}

}  // namespace whitediff
