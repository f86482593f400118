#include "fft.hpp"

#include <fftw3.h>
#include <pthread.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "whitediff/error.hpp"
#include "whitediff/plans.hpp"

namespace whitediff::fft {
namespace {

// FFTW's planner is not thread-safe; execution is. Recursive, since a constructor that fails
// destroys the plans that it has made so far, and caches make plans while they hold it.
std::recursive_mutex& planner_mutex() {
  static std::recursive_mutex mutex;
  // A fork finds the planner at rest. Its mutex is a new one: the thread that has the old one has
  // another number there.
  [[maybe_unused]] static const int registered = pthread_atfork(
      [] { mutex.lock(); }, [] { mutex.unlock(); }, [] { std::construct_at(&mutex); });
  return mutex;
}

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

/// Transforms by what they transform (a length or a shape).
template <class Transform, class Key>
class Cache {
 public:
  // The mutex must outlive the cache, whose destructor destroys plans.
  Cache() { planner_mutex(); }

  std::shared_ptr<const Transform> get(Key key) {
    const std::lock_guard lock(planner_mutex());
    const auto found = entries_.find(key);
    if (found != entries_.end()) return found->second;
    auto made = std::make_shared<const Transform>(key, Planning::estimate);
    entries_.emplace(key, made);
    return made;
  }

  void clear() {
    decltype(entries_) dropped;
    const std::lock_guard lock(planner_mutex());
    dropped.swap(entries_);
  }

  void measure() {
    const std::lock_guard lock(planner_mutex());
    for (auto& [key, entry] : entries_) {
      entry = std::make_shared<const Transform>(key, Planning::measure);
    }
  }

 private:
  struct Less {
    bool operator()(int a, int b) const { return a < b; }
    bool operator()(Shape a, Shape b) const {
      return std::pair(a.height, a.width) < std::pair(b.height, b.width);
    }
  };

  std::map<Key, std::shared_ptr<const Transform>, Less> entries_;
};

template <class T>
Cache<LineTransform<T>, int>& line_cache() {
  static Cache<LineTransform<T>, int> cache;
  return cache;
}

Cache<RealTransform, Shape>& image_cache() {
  static Cache<RealTransform, Shape> cache;
  return cache;
}

}  // namespace

int fast_size(int size) {
  // Among the products of small primes these are the ones that batched, estimated plans transform
  // in 1.2 to 1.7 ns a number there and back (most others take twice as long).
  static constexpr int best[] = {16,  32,  48,  64,  80,  96,  128, 144, 160,
                                 192, 240, 256, 320, 384, 400, 512, 640};
  const auto found = std::lower_bound(std::begin(best), std::end(best), size);
  if (found != std::end(best)) return *found;
  for (int candidate = (size + 15) / 16 * 16;; candidate += 16) {
    int rest = candidate;
    for (int prime : {2, 3, 5}) {
      while (rest % prime == 0) rest /= prime;
    }
    if (rest == 1) return candidate;
  }
}

template <class T>
struct LineTransform<T>::Plans {
  PlanPtr<T> forward, inverse;
};

template <class T>
LineTransform<T>::LineTransform(int length, Planning planning)
    : length_(length),
      pitch_((static_cast<std::size_t>(std::max(length, 1)) + batch - 1) / batch * batch),
      plans_(std::make_unique<Plans>()) {
  // Powers of two would make the lines fight for the same sets of the cache.
  if ((pitch_ * sizeof(Complex)) % 512 == 0) pitch_ += batch;
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
std::shared_ptr<const LineTransform<T>> LineTransform<T>::get(int length) {
  return line_cache<T>().get(length);
}

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

std::shared_ptr<const RealTransform> RealTransform::get(Shape shape) {
  return image_cache().get(shape);
}

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

void clear_plans() {
  fft::line_cache<float>().clear();
  fft::line_cache<double>().clear();
  fft::image_cache().clear();
}

void measure_plans() {
  fft::line_cache<float>().measure();
  fft::line_cache<double>().measure();
  fft::image_cache().measure();
}

std::string export_wisdom() { return exported<float>() + separator + exported<double>(); }

bool import_wisdom(const std::string& wisdom) {
  const auto middle = wisdom.find(separator);
  if (middle == std::string::npos) return false;
  return imported<float>(wisdom.substr(0, middle)) && imported<double>(wisdom.substr(middle + 1));
}

}  // namespace whitediff
