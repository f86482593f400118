#include "filter_survey.hpp"

#include <algorithm>
#include <deque>
#include <mutex>
#include <optional>
#include <utility>

#include "parallel.hpp"

namespace whitediff {
namespace {

/// All that a survey depends on, in numbers.
using Key = std::vector<double>;

// What is remembered: a set of kernels of 21 x 21 pixels takes a tenth of a MiB.
constexpr std::size_t most_entries = 8;
constexpr std::size_t largest_key = std::size_t{1} << 18;

void append(ImageView<const double> image, Key& key) {
  key.push_back(image.height());
  key.push_back(image.width());
  for (int y = 0; y < image.height(); ++y) {
    key.insert(key.end(), image.row(y), image.row(y) + image.width());
  }
}

void append(const std::vector<KernelImage>& kernels, Key& key) {
  key.push_back(static_cast<double>(kernels.size()));
  for (const KernelImage& kernel : kernels) {
    key.push_back(kernel.center.y);
    key.push_back(kernel.center.x);
    append(kernel.pixels, key);
  }
}

/// Numbers of the kernels, which are most of a key.
std::size_t size_of_kernels(const LocalNoise& noise) {
  std::size_t size = 64;
  for (const LocalSource& source : noise.sources) {
    for (const KernelImage& kernel : source.kernels) size += kernel.pixels.shape().size();
  }
  return size;
}

Key key_of(const LocalNoise& noise) {
  Key key;
  key.reserve(size_of_kernels(noise));
  key.push_back(static_cast<double>(noise.sources.size()));
  for (const LocalSource& source : noise.sources) {
    key.push_back(source.variance);
    key.push_back(source.weight);
    append(source.kernels, key);
    key.push_back(static_cast<double>(source.covariances.size()));
    for (const NoiseCovariance& covariance : source.covariances) append(covariance.lags(), key);
  }
  append(noise.psf, key);
  return key;
}

Key key_of(const FilterOptions& options) {
  return {static_cast<double>(options.mode), options.power_floor, options.tolerance};
}

void append(const Key& part, Key& key) { key.insert(key.end(), part.begin(), part.end()); }

/// Results by what they depend on, those that were found last. A thread that finds another one at
/// it, or a fork that finds a thread at it that it does not have, goes without.
template <class Result>
class Memory {
 public:
  template <class Find>
  Result get(Key key, const Find& find) {
    if (auto known = look_up(key)) return *std::move(known);
    Result found = find();
    if (key.size() <= largest_key) keep(std::move(key), found);
    return found;
  }

 private:
  std::optional<Result> look_up(const Key& key) {
    const std::unique_lock lock(mutex_, std::try_to_lock);
    if (!lock) return std::nullopt;
    for (const auto& [known, result] : entries_) {
      if (known == key) return result;
    }
    return std::nullopt;
  }

  void keep(Key key, const Result& result) {
    const std::unique_lock lock(mutex_, std::try_to_lock);
    if (!lock) return;
    entries_.emplace_front(std::move(key), result);
    if (entries_.size() > most_entries) entries_.pop_back();
  }

  std::mutex mutex_;
  std::deque<std::pair<Key, Result>> entries_;
};

template <class Result>
Memory<Result>& memory() {
  static Memory<Result> memory;
  return memory;
}

/// Whether a place is a new one among those that were seen, which it joins.
bool is_new(Key place, std::vector<Key>& seen) {
  if (std::find(seen.begin(), seen.end(), place) != seen.end()) return false;
  seen.push_back(std::move(place));
  return true;
}

int widest_response(const std::vector<const LocalNoise*>& noises, const FilterOptions& options,
                    const FilterSupport& support, int threads) {
  std::vector<int> radii(noises.size());
  parallel_for(noises.size(), threads, [&](std::size_t n) {
    for (const auto& response : squared_responses(*noises[n], options, support)) {
      radii[n] = std::max(radii[n], response.shape().width / 2);
    }
  });
  return *std::max_element(radii.begin(), radii.end());
}

}  // namespace

FilterSurvey survey_filters(const std::vector<const LocalNoise*>& noises,
                            const FilterOptions& options, VariancePropagation variance,
                            int threads) {
  Key key = key_of(options);
  key.push_back(static_cast<double>(variance));
  std::vector<Key> seen;
  std::vector<const LocalNoise*> places;
  for (const LocalNoise* noise : noises) {
    if (!is_new(key_of(*noise), seen)) continue;
    append(seen.back(), key);
    places.push_back(noise);
  }
  return memory<FilterSurvey>().get(std::move(key), [&] {
    FilterSurvey survey{filter_support(places, options, threads), 0};
    survey.border = survey.support.radius;
    if (variance == VariancePropagation::full) {
      survey.border =
          std::max(survey.border, widest_response(places, options, survey.support, threads));
    }
    return survey;
  });
}

FilterChange survey_change(const SteppedNoise& noise, const FilterOptions& options, int threads) {
  Key key = key_of(options);
  std::vector<Key> seen;
  SteppedNoise places;
  for (std::size_t n = 0; n < noise.here.size(); ++n) {
    Key place = key_of(*noise.here[n]);
    const Key in_x = key_of(*noise.in_x[n]), in_y = key_of(*noise.in_y[n]);
    if (in_x == place && in_y == place) continue;
    append(in_x, place);
    append(in_y, place);
    if (!is_new(std::move(place), seen)) continue;
    append(seen.back(), key);
    places.here.push_back(noise.here[n]);
    places.in_x.push_back(noise.in_x[n]);
    places.in_y.push_back(noise.in_y[n]);
  }
  return memory<FilterChange>().get(std::move(key),
                                    [&] { return largest_change(places, options, threads); });
}

}  // namespace whitediff
