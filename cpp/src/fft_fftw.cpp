#include <fftw3.h>

#include <cstdlib>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "fft.hpp"
#include "fft_planner.hpp"
#include "whitediff/error.hpp"
#include "whitediff/plans.hpp"

namespace whitediff::fft {
namespace {

// The two precisions of FFTW under one name.
template <class T>
struct Api;

template <>
struct Api<float> {
  using Plan = fftwf_plan;
  using Complex = fftwf_complex;
  static constexpr auto plan_lines = fftwf_plan_many_dft;
  static constexpr auto execute_lines = fftwf_execute_dft;
  static constexpr auto destroy = fftwf_destroy_plan;
  static constexpr auto export_wisdom = fftwf_export_wisdom_to_string;
  static constexpr auto import_wisdom = fftwf_import_wisdom_from_string;
};

template <>
struct Api<double> {
  using Plan = fftw_plan;
  using Complex = fftw_complex;
  static constexpr auto plan_lines = fftw_plan_many_dft;
  static constexpr auto execute_lines = fftw_execute_dft;
  static constexpr auto destroy = fftw_destroy_plan;
  static constexpr auto export_wisdom = fftw_export_wisdom_to_string;
  static constexpr auto import_wisdom = fftw_import_wisdom_from_string;
};

template <class T>
struct DestroyPlan {
  void operator()(typename Api<T>::Plan plan) const {
    const std::lock_guard lock(planner_mutex());
    Api<T>::destroy(plan);
  }
};

template <class T>
using PlanPtr = std::unique_ptr<std::remove_pointer_t<typename Api<T>::Plan>, DestroyPlan<T>>;

template <class T>
PlanPtr<T> checked(typename Api<T>::Plan plan, const std::string& what) {
  if (!plan) throw Error("FFTW made no plan for " + what);
  return PlanPtr<T>(plan);
}

// FFTW takes inputs that it leaves alone by pointers to non-const.
template <class T>
typename Api<T>::Complex* as_fftw(const std::complex<T>* values) {
  return reinterpret_cast<typename Api<T>::Complex*>(const_cast<std::complex<T>*>(values));
}

unsigned flags_of(Planning planning) {
  return planning == Planning::measure ? FFTW_MEASURE : FFTW_ESTIMATE;
}

}  // namespace

template <class T>
struct LineTransform<T>::Plans {
  PlanPtr<T> forward, inverse;
};

template <class T>
LineTransform<T>::LineTransform(int length, Planning planning)
    : length_(length),
      pitch_(line_pitch(length, batch, sizeof(Complex))),
      plans_(std::make_unique<Plans>()) {
  Buffer<Complex> in(batch * pitch_), out(batch * pitch_);
  const int distance = static_cast<int>(pitch_);
  const std::lock_guard lock(planner_mutex());
  const auto plan = [&](int sign) {
    return checked<T>(
        Api<T>::plan_lines(1, &length, batch, as_fftw(in.data()), nullptr, 1, distance,
                           as_fftw(out.data()), nullptr, 1, distance, sign, flags_of(planning)),
        "length " + std::to_string(length));
  };
  plans_->forward = plan(FFTW_FORWARD);
  plans_->inverse = plan(FFTW_BACKWARD);
}

template <class T>
LineTransform<T>::~LineTransform() = default;

template <class T>
void LineTransform<T>::forward(const Complex* in, Complex* out) const {
  Api<T>::execute_lines(plans_->forward.get(), as_fftw(in), as_fftw(out));
}

template <class T>
void LineTransform<T>::inverse(const Complex* in, Complex* out) const {
  Api<T>::execute_lines(plans_->inverse.get(), as_fftw(in), as_fftw(out));
}

template class LineTransform<float>;
template class LineTransform<double>;

struct RealTransform::Plans {
  PlanPtr<double> forward, inverse;
};

RealTransform::RealTransform(Shape shape, Planning planning)
    : shape_(shape), plans_(std::make_unique<Plans>()) {
  const std::string what = "shape " + to_string(shape);
  if (shape.height < 1 || shape.width < 1) throw Error("FFTW made no plan for " + what);
  Buffer<double> image(shape.size());
  Buffer<std::complex<double>> spectrum(spectrum_size());
  const std::lock_guard lock(planner_mutex());
  plans_->forward =
      checked<double>(fftw_plan_dft_r2c_2d(shape.height, shape.width, image.data(),
                                           as_fftw(spectrum.data()), flags_of(planning)),
                      what);
  plans_->inverse =
      checked<double>(fftw_plan_dft_c2r_2d(shape.height, shape.width, as_fftw(spectrum.data()),
                                           image.data(), flags_of(planning)),
                      what);
}

RealTransform::~RealTransform() = default;

void RealTransform::forward(const double* image, std::complex<double>* spectrum) const {
  fftw_execute_dft_r2c(plans_->forward.get(), const_cast<double*>(image), as_fftw(spectrum));
}

void RealTransform::inverse(std::complex<double>* spectrum, double* image) const {
  fftw_execute_dft_c2r(plans_->inverse.get(), as_fftw(spectrum), image);
}

}  // namespace whitediff::fft

namespace whitediff {
namespace {

// Stands between the wisdom of the two precisions; wisdom itself is parentheses, words and numbers.
constexpr char separator = '|';

template <class T>
std::string exported() {
  const std::lock_guard lock(fft::planner_mutex());
  const std::unique_ptr<char, decltype(&std::free)> text(fft::Api<T>::export_wisdom(), &std::free);
  if (!text) throw std::bad_alloc();
  return text.get();
}

template <class T>
bool imported(const std::string& wisdom) {
  const std::lock_guard lock(fft::planner_mutex());
  return fft::Api<T>::import_wisdom(wisdom.c_str()) != 0;
}

}  // namespace

std::string export_wisdom() { return exported<float>() + separator + exported<double>(); }

bool import_wisdom(const std::string& wisdom) {
  const auto middle = wisdom.find(separator);
  if (middle == std::string::npos) return false;
  return imported<float>(wisdom.substr(0, middle)) && imported<double>(wisdom.substr(middle + 1));
}

}  // namespace whitediff
