#pragma once

#include <string>

#include "whitediff/export.hpp"

namespace whitediff {

// Fourier transforms are planned on first use and kept for the process. Plans are estimated, which
// takes milliseconds; measured ones run a tenth faster, take up to a second each, and can be kept
// as FFTW's wisdom. With ducc0 in the place of FFTW there is nothing to measure, and no wisdom.
// Everything here may be called at any time from any thread; computations under way keep the plans
// that they have.

/// Drops all plans; they are made again when needed.
WHITEDIFF_EXPORT void clear_plans();

/// Replaces the plans made so far by measured ones.
/// @throws Error if there is no plan.
WHITEDIFF_EXPORT void measure_plans();

/// What FFTW has learnt by measuring, in both precisions, as text; empty without FFTW.
WHITEDIFF_EXPORT std::string export_wisdom();

/// Takes over what `export_wisdom` gave, for plans made from now on.
/// @returns false if the text is not wisdom, or that of another FFTW.
WHITEDIFF_EXPORT bool import_wisdom(const std::string& wisdom);

}  // namespace whitediff
