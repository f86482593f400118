#pragma once

// The only door to FFTW: fft.cpp is the one file that includes its header.

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
  T* allocate(std::size_t n) {
    return static_cast<T*>(::operator new(n * sizeof(T), alignment));
  }
  void deallocate(T* pointer, std::size_t) { ::operator delete(pointer, alignment); }
  bool operator==(const AlignedAllocator&) const = default;
};

template <class T>
using Buffer = std::vector<T, AlignedAllocator<T>>;

/// An even number >= size, not much larger, that transforms fast.
int fast_size(int size);

/// The unnormalised transform of real images of one shape, rows and columns apart.
///
/// A spectrum is stored row by row (ky), `stride()` complex numbers apart, of which the first
/// `columns()` (kx = 0 .. width / 2) count. Rows and columns are transformed in batches: rows of
/// `batch` in a scratch of `row_stride()` reals each, columns of `batch` side by side. A caller
/// can so skip empty rows, and multiply columns while they are in the nearest cache. Strides
/// keep every batch aligned, and off the powers of two that make columns fight for cache sets.
template <class T>
class RealTransform {
 public:
  static constexpr int batch = static_cast<int>(128 / sizeof(std::complex<T>));

  /// The cached transform of a shape; plans are made on first use, under a lock.
  /// @throws Error if FFTW makes no plan.
  static std::shared_ptr<const RealTransform> get(Shape shape);

  explicit RealTransform(Shape shape);
  ~RealTransform();
  RealTransform(const RealTransform&) = delete;
  RealTransform& operator=(const RealTransform&) = delete;

  Shape shape() const { return shape_; }
  int columns() const { return shape_.width / 2 + 1; }
  std::size_t stride() const { return stride_; }
  std::size_t row_stride() const { return row_stride_; }
  /// Complex numbers of a spectrum: a whole batch fits behind every row.
  std::size_t spectrum_size() const { return (shape_.height + batch) * stride_; }
  /// Reals of the scratch that holds a batch of rows.
  std::size_t scratch_size() const { return batch * row_stride_; }

  /// `batch` rows of reals to as many rows of the spectrum.
  void forward_rows(T* scratch, std::complex<T>* spectrum_row) const;
  /// The way back; the spectrum rows are destroyed.
  void inverse_rows(std::complex<T>* spectrum_row, T* scratch) const;
  /// `batch` columns, in place; the first is a multiple of `batch`.
  void forward_columns(std::complex<T>* spectrum_column) const;
  void inverse_columns(std::complex<T>* spectrum_column) const;

  /// Whole images: `image` has `shape().size()` reals.
  void forward(const T* image, std::complex<T>* spectrum) const;
  /// Not normalised: the image comes out shape().size() times as large; the spectrum is destroyed.
  void inverse(std::complex<T>* spectrum, T* image) const;

 private:
  struct Plans;

  Shape shape_;
  std::size_t stride_;
  std::size_t row_stride_;
  std::unique_ptr<Plans> plans_;
};

/// Drops the cached plans; transforms in use stay valid.
void clear_cache();

}  // namespace whitediff::fft
