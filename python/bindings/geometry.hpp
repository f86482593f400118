#pragma once

// Positions and shapes are pairs of numbers in Python: (height, width), (x, y), (cy, cx).

#include <pybind11/pybind11.h>

#include <utility>

#include "whitediff/geometry.hpp"
#include "whitediff/kernel.hpp"

namespace pybind11::detail {

template <class Value, class Number>
struct pair_like_caster {
  using Pair = std::pair<Number, Number>;
  PYBIND11_TYPE_CASTER(Value, make_caster<Pair>::name);

  bool load(handle from, bool convert) {
    make_caster<Pair> pair;
    if (!pair.load(from, convert)) return false;
    const auto [first, second] = cast_op<Pair>(pair);
    value = {first, second};
    return true;
  }

  static handle cast(const Value& value, return_value_policy policy, handle parent) {
    const auto [first, second] = value;
    return make_caster<Pair>::cast(Pair(first, second), policy, parent);
  }
};

template <>
struct type_caster<whitediff::Shape> : pair_like_caster<whitediff::Shape, int> {};
template <>
struct type_caster<whitediff::KernelCenter> : pair_like_caster<whitediff::KernelCenter, int> {};
template <>
struct type_caster<whitediff::Point> : pair_like_caster<whitediff::Point, double> {};

}  // namespace pybind11::detail
