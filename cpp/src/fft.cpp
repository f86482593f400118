#include "fft.hpp"

#include <pthread.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <memory>
#include <mutex>
#include <utility>

#include "fft_planner.hpp"
#include "whitediff/plans.hpp"

namespace whitediff::fft {
namespace {

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

std::recursive_mutex& planner_mutex() {
  static std::recursive_mutex mutex;
  // A fork finds the planner at rest. Its mutex is a new one: the thread that has the old one has
  // another number there.
  [[maybe_unused]] static const int registered = pthread_atfork(
      [] { mutex.lock(); }, [] { mutex.unlock(); }, [] { std::construct_at(&mutex); });
  return mutex;
}

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

std::size_t line_pitch(int length, int batch, std::size_t bytes) {
  std::size_t pitch = (static_cast<std::size_t>(std::max(length, 1)) + batch - 1) / batch * batch;
  // Powers of two would make the lines fight for the same sets of the cache.
  if ((pitch * bytes) % 512 == 0) pitch += batch;
  return pitch;
}

template <class T>
std::shared_ptr<const LineTransform<T>> LineTransform<T>::get(int length) {
  return line_cache<T>().get(length);
}

template std::shared_ptr<const LineTransform<float>> LineTransform<float>::get(int);
template std::shared_ptr<const LineTransform<double>> LineTransform<double>::get(int);

std::shared_ptr<const RealTransform> RealTransform::get(Shape shape) {
  return image_cache().get(shape);
}

}  // namespace whitediff::fft

namespace whitediff {

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

}  // namespace whitediff
