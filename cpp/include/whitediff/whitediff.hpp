#pragma once

// Everything that the library offers.

#include "whitediff/blank_sky.hpp"
#include "whitediff/cells.hpp"
#include "whitediff/cores.hpp"
#include "whitediff/decorrelate.hpp"
#include "whitediff/error.hpp"
#include "whitediff/filter.hpp"
#include "whitediff/geometry.hpp"
#include "whitediff/image.hpp"
#include "whitediff/kernel.hpp"
#include "whitediff/measured_covariance.hpp"
#include "whitediff/noise_covariance.hpp"
#include "whitediff/noise_model.hpp"
#include "whitediff/photometry.hpp"
#include "whitediff/plane.hpp"
#include "whitediff/plans.hpp"
#include "whitediff/psf.hpp"
#include "whitediff/spatial_function.hpp"
#include "whitediff/statistics.hpp"
#include "whitediff/version.hpp"
#include "whitediff/whiten.hpp"
