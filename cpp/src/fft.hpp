#pragma once

// The only door to Fourier transforms: fft_fftw.cpp or fft_ducc0.cpp, as WHITEDIFF_FFT says, is the
// one file that includes the header of another library.

#include <complex>
#include <cstddef>
#include <memory>
#include <new>
#include <vector>

#include "whitediff/geometry.hpp"

namespace whitediff::fft {

/// Memory aligned for the widest SIMD registers.
template <class T>
struct AlignedAllocator {
  using value_type = T;
  static constexpr std::align_val_t alignment{128};

  AlignedAllocator() = default;
  template <class U>
  AlignedAllocator(const AlignedAllocator<U>&) {}
  T* allocate(std::size_t n) { return static_cast<T*>(::operator new(n * sizeof(T), alignment)); }
  void deallocate(T* pointer, std::size_t) { ::operator delete(pointer, alignment); }
  bool operator==(const AlignedAllocator&) const = default;
};

template <class T>
using Buffer = std::vector<T, AlignedAllocator<T>>;

/// The same for what is written before it is read: nothing is written at first.
template <class T>
struct RoomAllocator : AlignedAllocator<T> {
  template <class U>
  void construct(U*) noexcept {}
};

template <class T>
using Room = std::vector<T, RoomAllocator<T>>;

/// How well to plan: by an estimate, or by trying algorithms out.
enum class Planning { estimate, measure };

/// A multiple of 16, >= size and not much larger, that transforms fast.
int fast_size(int size);

/// Unnormalised complex transforms of one length, `batch` lines at once, from one place to another.
///
/// Lines lie one behind the other, `pitch()` apart. A batch of columns of an image is one cache
/// line wide: turned round into lines of its own, it is transformed several times as fast as in
/// place.
template <class T>
class LineTransform {
 public:
  using Complex = std::complex<T>;
  static constexpr int batch = static_cast<int>(64 / sizeof(Complex));

  /// The cached transform of a length; plans are made on first use, under a lock.
  /// @throws Error if there is no plan.
  static std::shared_ptr<const LineTransform> get(int length);

  LineTransform(int length, Planning planning);
  ~LineTransform();
  LineTransform(const LineTransform&) = delete;
  LineTransform& operator=(const LineTransform&) = delete;

  int length() const { return length_; }
  std::size_t pitch() const { return pitch_; }

  /// `batch` lines from `in` to `out`, which must not overlap and be aligned as a Buffer is.
  void forward(const Complex* in, Complex* out) const;
  void inverse(const Complex* in, Complex* out) const;

 private:
  struct Plans;

  int length_;
  std::size_t pitch_;
  std::unique_ptr<Plans> plans_;
};

/// The unnormalised transform of float64 images of one shape to the half of the spectrum
/// kx = 0 .. width / 2, rows `stride()` apart.
class RealTransform {
 public:
  /// As LineTransform::get.
  static std::shared_ptr<const RealTransform> get(Shape shape);

  RealTransform(Shape shape, Planning planning);
  ~RealTransform();
  RealTransform(const RealTransform&) = delete;
  RealTransform& operator=(const RealTransform&) = delete;

  Shape shape() const { return shape_; }
  int columns() const { return shape_.width / 2 + 1; }
  std::size_t stride() const { return static_cast<std::size_t>(columns()); }
  /// Complex numbers of a spectrum.
  std::size_t spectrum_size() const { return stride() * shape_.height; }

  /// `image` has shape().size() reals, aligned as a Buffer is; `spectrum` likewise.
  void forward(const double* image, std::complex<double>* spectrum) const;
  /// The image comes out shape().size() times as large; the spectrum is destroyed.
  void inverse(std::complex<double>* spectrum, double* image) const;

 private:
  struct Plans;

  Shape shape_;
  std::unique_ptr<Plans> plans_;
};

}  // namespace whitediff::fft
