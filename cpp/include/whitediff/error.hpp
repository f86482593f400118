#pragma once

#include <stdexcept>

#include "whitediff/export.hpp"

namespace whitediff {

/// A computation that cannot be done though its arguments are well formed
/// (there is no plan for a Fourier transform).
/// Bad arguments raise std::invalid_argument instead.
class WHITEDIFF_EXPORT Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

}  // namespace whitediff
