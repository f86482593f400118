#include "cell_worker.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <span>
#include <type_traits>
#include <variant>

#include "cell_plan.hpp"
#include "line_products.hpp"
#include "require.hpp"
#include "stream.hpp"

namespace whitediff {
namespace {

// A level that fills gaps, or the outside of the frame, is known to 0.04 of the scatter, and a
// slope to 0.08 at the edge of a cell, more where neighbours are correlated: less than `flat_rise`
// of it may be noise. Elsewhere a level only spares digits.
constexpr double flat_rise = 0.25;
constexpr std::size_t pixels_of_filling = std::size_t{1} << 10;
constexpr std::size_t pixels_of_level = std::size_t{1} << 6;

// Rows that are asked of memory while those before them are transformed.
constexpr int rows_ahead = 8;

/// The pixels of a part's row y, which asks memory for those of a later one.
template <class Pixel>
const Pixel* row_of_part(ImageView<const Pixel> plane, const Box& part, int y) {
  if (y + rows_ahead < part.height()) {
    prefetch(plane.row(part.y0 + y + rows_ahead) + part.x0, part.width());
  }
  return plane.row(part.y0 + y) + part.x0;
}

/// The pixels of a row in another precision, or where they are.
template <class U, class T>
std::span<const U> as(std::span<const T> pixels, U* room) {
  if constexpr (std::is_same_v<U, T>) {
    return pixels;
  } else {
    std::copy(pixels.begin(), pixels.end(), room);
    return {room, pixels.size()};
  }
}

/// The pixels of a row, those that are no values replaced.
template <class U, class T, class IsValue>
std::span<const U> filled(std::span<const T> pixels, const Ramp<U>& level, const IsValue& is_value,
                          U* room) {
  for (std::size_t x = 0; x < pixels.size(); ++x) {
    room[x] = is_value(static_cast<int>(x)) ? pixels[x] : level.first + level.step * U(x);
  }
  return {room, pixels.size()};
}

}  // namespace

template <class T>
int CellWorker<T>::height() const {
  return std::max(tiles_[0].expanded.height(), tiles_[1].expanded.height());
}

template <class T>
template <class Use>
void CellWorker<T>::with_engine(bool exact, const LocalNoise& noise, const Use& use) {
  if constexpr (std::is_same_v<T, double>) {
    use(engine_);
  } else if (!exact) {
    use(engine_);
  } else {
    if (!exact_) exact_ = std::make_unique<Engine<double>>(task_);
    if (!exact_is_set_) exact_->set_filter(noise);
    exact_is_set_ = true;
    use(*exact_);
  }
}

template <class T>
void CellWorker<T>::run(std::size_t cell, const LocalNoise& noise) {
  cell_ = cell;
  box_ = task_.cells[cell].box.moved(0, -task_.input.first);
  expanded_ = task_.cells[cell].expanded.moved(0, -task_.input.first);
  tiles_ = tiles_of({box_, expanded_}, task_.border);
  for (Weights& weights : weights_) {
    weights.row.last = -1;  // no row yet
    weights.shared.resize(box_.width());
    weights.given.resize(box_.width());
  }
  task_.completion.set_gains(cell, engine_.filter.gains());
  const double sigma = noise_sigma(noise);
  Level level = reaches_edge() ? filling_level(sigma) : rough_level();
  bool complete = true, wide = false;
  if (!load_image(level, sigma)) {
    const Extremes<T> image = extremes_of_image();
    complete = image.complete;
    if (!complete && !reaches_edge()) level = filling_level(sigma);
    wide = image.reach(level, expanded_) > largest_float32_ratio * sigma;
  }
  bool turn = true;
  with_engine(wide, noise, [&](auto& engine) {
    if (wide || !complete) load_values(engine, level);
    engine.transform.filter_columns(
        [&](int first, auto* lines) { engine.filter.multiply(first, lines); });
    turn = task_.turns.wait(cell, Turns::Part::image);
    if (turn) give_image(engine, level, complete);
  });
  if (!turn) return;
  mark_edge(complete);
  task_.turns.finish(cell, Turns::Part::image);
  if (task_.variance == VariancePropagation::estimate) return;
  const bool wide_variance = filter_variance(engine_, noise);
  with_engine(wide_variance, noise, [&](auto& engine) {
    if (wide_variance) filter_variance(engine, noise);
    turn = task_.turns.wait(cell, Turns::Part::variance);
    if (turn) give_variance(engine);
  });
  if (turn) task_.turns.finish(cell, Turns::Part::variance);
}

template <class T>
const typename CellWorker<T>::Weights& CellWorker<T>::weigh(int tile, int y) {
  Weights& weights = weights_[tile];
  const int row = frame_row(y);
  if (row < weights.first || row > weights.row.last) {
    weights.row = task_.blend.row(cell_, row, weights.shared.data());
    weights.first = row;
    std::fill(weights.given.begin(), weights.given.end(), false);
    for (const std::size_t other : task_.blend.predecessors(cell_)) {
      const Box& theirs = task_.cells[other].box;
      if (row < theirs.y0 || row >= theirs.y1) continue;
      const Box both = theirs.clipped(task_.cells[cell_].box);
      std::fill_n(weights.given.begin() + (both.x0 - box_.x0), both.width(), true);
    }
  }
  return weights;
}

template <class T>
void CellWorker<T>::prefetch_row(ImageView<T> plane, int tile, int y) const {
  if (y < tiles_[tile].box.y1) prefetch_output(plane.row(output_row(y)) + box_.x0, box_.width());
}

template <class T>
template <class U>
void CellWorker<T>::add_row(const Weights& weights, const U* values, T* out) const {
  const double* shared = weights.shared.data() - box_.x0;
  const char* given = weights.given.data() - box_.x0;
  values -= box_.x0;
  const auto add = [&](int begin, int end) {
    for (int x = begin; x < end; ++x) {
      const auto share = static_cast<T>(static_cast<U>(shared[x]) * values[x]);
      out[x] = given[x] ? out[x] + share : share;
    }
  };
  const auto [begin, end, last] = weights.row;
  add(box_.x0, begin);
  if constexpr (std::is_same_v<T, U>) {
    stream(values + begin, end - begin, out + begin);
  } else {
    std::copy(values + begin, values + end, out + begin);
  }
  add(end, box_.x1);
}

template <class T>
std::span<const T> CellWorker<T>::tile_row(ImageView<const T> plane, int tile, int y) const {
  const Box& expanded = tiles_[tile].expanded;
  if (y >= expanded.height()) return {};
  return {row_of_part(plane, expanded, y), static_cast<std::size_t>(expanded.width())};
}

template <class T>
const std::int32_t* CellWorker<T>::tile_bits(int tile, int y) const {
  const Box& expanded = tiles_[tile].expanded;
  if (task_.input.mask.empty() || y >= expanded.height()) return nullptr;
  return row_of_part(task_.input.mask, expanded, y);
}

template <class T>
bool CellWorker<T>::reaches_edge() const {
  return expanded_.x0 == 0 || expanded_.x1 == task_.input.image.width() ||
         frame_row(expanded_.y0) == 0 || frame_row(expanded_.y1) == task_.frame_height;
}

template <class T>
Level CellWorker<T>::filling_level(double sigma) {
  return level_of(task_.input.image, task_.input.mask, task_.ignore_mask, task_.rule, expanded_,
                  pixels_of_filling, flat_rise * sigma, level_room_);
}

template <class T>
Level CellWorker<T>::rough_level() {
  return level_of(task_.input.image, task_.input.mask, task_.ignore_mask, task_.rule, expanded_,
                  pixels_of_level, std::numeric_limits<double>::infinity(), level_room_);
}

template <class T>
bool CellWorker<T>::load_image(const Level& level, double sigma) {
  // As far on both sides of the level, and no pixel beyond the limit.
  T reach = task_.rule.limit - static_cast<T>(level.largest(expanded_));
  if constexpr (std::is_same_v<T, float>) {
    reach = std::min(reach, static_cast<T>(largest_float32_ratio * sigma));
  }
  bool marked = false;
  const bool inside = engine_.transform.load(
      height(), ramps_of<T>(level), {-reach, reach}, [&](int tile, int y, T*) {
        const std::span<const T> pixels = tile_row(task_.input.image, tile, y);
        const std::int32_t* bits = task_.rule.no_value == 0 ? nullptr : tile_bits(tile, y);
        marked = marked || (bits && any_bit(bits, static_cast<int>(pixels.size()),  //
                                            task_.rule.no_value));
        return pixels;
      });
  return inside && !marked;
}

template <class T>
Extremes<T> CellWorker<T>::extremes_of_image() const {
  Extremes<T> all(task_.rule.limit);
  for (int y = expanded_.y0; y < expanded_.y1; ++y) {
    const std::int32_t* bits = task_.input.mask.empty() ? nullptr : task_.input.mask.row(y);
    const Extremes<T> row =
        extremes(task_.input.image.row(y) + expanded_.x0, bits ? bits + expanded_.x0 : nullptr,
                 expanded_.width(), task_.rule);
    if (!row.complete) task_.completion.report_gaps(frame_row(y));
    all.add(row);
  }
  return all;
}

template <class T>
double CellWorker<T>::noise_sigma(const LocalNoise& noise) const {
  double variance = 0.0;
  for (std::size_t i = 0; i < noise.sources.size(); ++i) {
    variance += engine_.filter.gains()[i] * noise.sources[i].variance;
  }
  // The middle of the frame, which is checked before, says little of other positions.
  require(std::isfinite(variance), "kernel, covariance and psf",
          "give a finite variance at every position", variance);
  return std::sqrt(variance);
}

template <class T>
template <class U>
void CellWorker<T>::load_values(Engine<U>& engine, const Level& level) const {
  const auto ramps = ramps_of<U>(level);
  engine.transform.load(height(), ramps, [&](int tile, int y, U* room) {
    const std::span<const T> pixels = tile_row(task_.input.image, tile, y);
    const std::int32_t* bits = tile_bits(tile, y);
    return filled(
        pixels, ramps(tile, y), [&](int x) { return task_.rule.is_value(pixels.data(), bits, x); },
        room);
  });
}

template <class T>
template <class U, class LevelOf, class Visit>
void CellWorker<T>::read(Engine<U>& engine, const LevelOf& level, const Visit& visit) {
  const auto first_row = [](const Cell& tile) { return tile.box.y0 - tile.expanded.y0; };
  int begin = first_row(tiles_[0]);
  int end = begin + tiles_[0].box.height();
  if (!tiles_[1].box.empty()) {
    begin = std::min(begin, first_row(tiles_[1]));
    end = std::max(end, first_row(tiles_[1]) + tiles_[1].box.height());
  }
  engine.transform.read(begin, end, level, [&](int tile, int y_in_tile, U* row) {
    const auto& [box, expanded] = tiles_[tile];
    const int y = expanded.y0 + y_in_tile;
    if (y >= box.y0 && y < box.y1) visit(tile, y, row + (box.x0 - expanded.x0));
  });
  finish_streams();
}

template <class T>
template <class U>
void CellWorker<T>::give_image(Engine<U>& engine, const Level& level, bool complete) {
  const Level filtered = engine.filter.of_level(level);
  read(engine, ramps_of<U>(filtered), [&](int tile, int y, const U* row) {
    T* out = task_.output.image.row(output_row(y));
    prefetch_row(task_.output.image, tile, y + rows_ahead);
    add_row(weigh(tile, y), row, out);
    if (complete) return;
    const T* original = task_.input.image.row(y);
    const std::int32_t* bits = task_.input.mask.empty() ? nullptr : task_.input.mask.row(y);
    for (int x = box_.x0; x < box_.x1; ++x) {
      if (!task_.rule.is_value(original, bits, x)) out[x] = original[x];
    }
  });
}

template <class T>
void CellWorker<T>::mark_edge(bool complete) {
  if (complete && expanded_.contains(box_.grown(task_.support.reach()))) return;
  if (!complete || marked_cell_ != cell_) find_marks(complete);
  marked_cell_ = complete ? std::optional(cell_) : std::nullopt;
  for (const auto& [row, begin, end] : marked_) {
    // Memory that is never written to is never paid for.
    std::uint8_t* out = task_.output.filter_edge.row(row - task_.output.first);
    std::fill(out + begin, out + end, std::uint8_t{1});
  }
}

template <class T>
void CellWorker<T>::find_marks(bool complete) {
  const int reach = task_.support.reach();
  marked_.clear();
  FilterEdge edge(task_.support, expanded_.shape());
  // Of the rows around the one at work.
  std::vector<std::vector<Gap>> gaps(2 * reach + 1);
  std::vector<std::uint8_t> marks(expanded_.width());
  for (int y = box_.y0 - reach; y < box_.y1 + reach; ++y) {
    std::rotate(gaps.begin(), gaps.begin() + 1, gaps.end());
    gaps.back() = complete ? std::vector<Gap>() : gaps_of(y);
    const int marked = y - reach;
    if (marked < box_.y0) continue;
    const bool ends_only = edge.mark(marked - expanded_.y0, gaps, marks.data());
    const int row = frame_row(marked);
    const auto add = [&](int begin, int end) {
      for (int x = std::max(begin, box_.x0); x < std::min(end, box_.x1); ++x) {
        if (!marks[x - expanded_.x0]) continue;
        const bool follows =
            !marked_.empty() && marked_.back().row == row && marked_.back().end == x;
        if (!follows) marked_.push_back({row, x, x});
        marked_.back().end = x + 1;
      }
    };
    const int middle = (expanded_.x0 + expanded_.x1) / 2;
    add(expanded_.x0, ends_only ? std::min(expanded_.x0 + reach, middle) : middle);
    add(ends_only ? std::max(expanded_.x1 - reach, middle) : middle, expanded_.x1);
  }
}

template <class T>
std::vector<Gap> CellWorker<T>::gaps_of(int y) const {
  std::vector<Gap> gaps;
  if (y < expanded_.y0 || y >= expanded_.y1) return gaps;
  const T* pixels = task_.input.image.row(y);
  const std::int32_t* bits = task_.input.mask.empty() ? nullptr : task_.input.mask.row(y);
  for (int x = 0; x < expanded_.width(); ++x) {
    if (task_.rule.is_value(pixels, bits, x + expanded_.x0)) continue;
    if (gaps.empty() || gaps.back().end < x) gaps.push_back({x, x});
    gaps.back().end = x + 1;
  }
  return gaps;
}

template <class T>
template <class U>
bool CellWorker<T>::filter_variance(Engine<U>& engine, const LocalNoise& noise) const {
  bool wide = false;
  const auto& sources = task_.input.sources;
  CellTransform<U>& transform = engine.transform;
  const std::size_t batch_size = transform.batch * transform.pitch();
  engine.variance_lines.resize(transform.lines_size());
  for (std::size_t i = 0; i < sources.size(); ++i) {
    const auto* plane = std::get_if<ImageView<const T>>(&sources[i].variance);
    const double mean = noise.sources[i].variance;
    if (!plane) {
      const auto number = static_cast<U>(std::get<double>(sources[i].variance));
      transform.load(height(), [&](int tile, int y, U* room) -> std::span<const U> {
        const Box& expanded = tiles_[tile].expanded;
        if (y >= expanded.height()) return {};
        std::fill_n(room, expanded.width(), number);
        return {room, static_cast<std::size_t>(expanded.width())};
      });
    } else {
      double greatest = sources[i].limit;
      if constexpr (std::is_same_v<T, float>) {
        greatest = std::min(greatest, largest_float32_ratio * mean);
      }
      const bool plain = transform.load(
          height(), transform.none, {U(0), U(greatest)},
          [&](int tile, int y, U* room) { return as<U>(tile_row(*plane, tile, y), room); });
      if (!plain) wide = load_known(engine, i, mean) || wide;
    }
    const std::complex<U>* response = engine.filter.squared_response(i).data();
    const bool is_first = i == 0, is_last = i + 1 == sources.size();
    const auto add = [&](int first, auto* lines) {
      const std::size_t begin = first * transform.pitch();
      std::complex<U>* sums = engine.variance_lines.data() + begin;
      multiply(response + begin, batch_size, lines);
      if (!is_first) whitediff::add(sums, batch_size, lines);
      if (!is_last) std::copy_n(lines, batch_size, sums);
    };
    is_last ? transform.filter_columns(add) : transform.transform_columns(add);
  }
  return wide;
}

template <class T>
template <class U>
bool CellWorker<T>::load_known(Engine<U>& engine, std::size_t source, double mean) const {
  const SourceRows<T>& rows = task_.input.sources[source];
  const auto& plane = std::get<ImageView<const T>>(rows.variance);
  T greatest = 0;
  engine.transform.load(height(), [&](int tile, int y, U* room) {
    const std::span<const T> pixels = tile_row(plane, tile, y);
    bool complete = true;
    for (const T pixel : pixels) {
      const bool known = rows.is_known(pixel);
      complete = complete && known;
      if (known) greatest = std::max(greatest, pixel);
    }
    if (!complete) task_.completion.report_unknown(frame_row(tiles_[tile].expanded.y0 + y));
    return filled(
        pixels, Ramp<U>{static_cast<U>(mean)}, [&](int x) { return rows.is_known(pixels[x]); },
        room);
  });
  return greatest > largest_float32_ratio * mean;
}

template <class T>
template <class U>
void CellWorker<T>::give_variance(Engine<U>& engine) {
  read(engine, engine.transform.none, [&](int tile, int y, U* row) {
    // What a filter leaves of variances is never negative, but for rounding.
    for (int x = 0; x < box_.width(); ++x) row[x] = std::max(row[x], U(0));
    prefetch_row(task_.output.variance, tile, y + rows_ahead);
    add_row(weigh(tile, y), row, task_.output.variance.row(output_row(y)));
  });
}

template class CellWorker<float>;
template class CellWorker<double>;

}  // namespace whitediff
