#include <ducc0/fft/fftnd_impl.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "fft.hpp"
#include "fft_planner.hpp"
#include "whitediff/error.hpp"
#include "whitediff/plans.hpp"

namespace whitediff::fft {
namespace {

// As many lines are transformed at once as a register has numbers.
template <class T>
constexpr int lanes = std::min<int>(LineTransform<T>::batch, ducc0::native_simd<T>::size());

template <class T>
using Lanes = typename ducc0::simd_select<T, lanes<T>>::type;

void check(bool valid, const std::string& what) {
  if (!valid) throw Error("ducc0 made no plan for " + what);
}

}  // namespace

template <class T>
struct LineTransform<T>::Plans {
  explicit Plans(int length) : plan(static_cast<std::size_t>(length)) {}

  void run(const Complex* in, Complex* out, std::size_t pitch, bool forward) const {
    const std::size_t length = plan.length();
    ducc0::aligned_array<ducc0::Cmplx<Lanes<T>>> lines(length), scratch(plan.bufsize());
    for (int first = 0; first < batch; first += lanes<T>) {
      for (std::size_t k = 0; k < length; ++k) {
        for (int lane = 0; lane < lanes<T>; ++lane) {
          const Complex value = in[(first + lane) * pitch + k];
          lines[k].r[lane] = value.real();
          lines[k].i[lane] = value.imag();
        }
      }
      const auto* result = plan.exec(lines.data(), scratch.data(), T(1), forward);
      for (std::size_t k = 0; k < length; ++k) {
        for (int lane = 0; lane < lanes<T>; ++lane) {
          out[(first + lane) * pitch + k] = {result[k].r[lane], result[k].i[lane]};
        }
      }
    }
  }

  ducc0::pocketfft_c<T> plan;
};

template <class T>
LineTransform<T>::LineTransform(int length, Planning)
    : length_(length), pitch_(line_pitch(length, batch, sizeof(Complex))) {
  check(length >= 1, "length " + std::to_string(length));
  plans_ = std::make_unique<Plans>(length);
}

template <class T>
LineTransform<T>::~LineTransform() = default;

template <class T>
void LineTransform<T>::forward(const Complex* in, Complex* out) const {
  plans_->run(in, out, pitch_, ducc0::FORWARD);
}

template <class T>
void LineTransform<T>::inverse(const Complex* in, Complex* out) const {
  plans_->run(in, out, pitch_, ducc0::BACKWARD);
}

template class LineTransform<float>;
template class LineTransform<double>;

struct RealTransform::Plans {
  std::vector<std::size_t> image, spectrum;
};

RealTransform::RealTransform(Shape shape, Planning) : shape_(shape) {
  check(shape.height >= 1 && shape.width >= 1, "shape " + to_string(shape));
  const auto height = static_cast<std::size_t>(shape.height);
  plans_ = std::make_unique<Plans>(
      Plans{{height, static_cast<std::size_t>(shape.width)}, {height, stride()}});
}

RealTransform::~RealTransform() = default;

void RealTransform::forward(const double* image, std::complex<double>* spectrum) const {
  ducc0::r2c(ducc0::cfmav<double>(image, plans_->image),
             ducc0::vfmav<std::complex<double>>(spectrum, plans_->spectrum), {0, 1}, ducc0::FORWARD,
             1.0);
}

void RealTransform::inverse(std::complex<double>* spectrum, double* image) const {
  ducc0::c2r_mut(ducc0::vfmav<std::complex<double>>(spectrum, plans_->spectrum),
                 ducc0::vfmav<double>(image, plans_->image), {0, 1}, ducc0::BACKWARD, 1.0);
}

}  // namespace whitediff::fft

namespace whitediff {

std::string export_wisdom() { return ""; }

bool import_wisdom(const std::string&) { return false; }

}  // namespace whitediff
