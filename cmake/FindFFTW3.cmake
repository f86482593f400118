# Finds FFTW 3 in single and double precision.
#
# Defines the imported targets FFTW3::fftw3 and FFTW3::fftw3f, and FFTW3_FOUND. Looks first where
# pkg-config says, then in the usual places; FFTW3_ROOT and CMAKE_PREFIX_PATH are honoured.

find_package(PkgConfig QUIET)
if(PkgConfig_FOUND)
  pkg_check_modules(PC_FFTW3 QUIET fftw3)
  pkg_check_modules(PC_FFTW3F QUIET fftw3f)
endif()

find_path(FFTW3_INCLUDE_DIR NAMES fftw3.h HINTS ${PC_FFTW3_INCLUDEDIR} ${PC_FFTW3F_INCLUDEDIR})
find_library(FFTW3_LIBRARY NAMES fftw3 HINTS ${PC_FFTW3_LIBDIR})
find_library(FFTW3F_LIBRARY NAMES fftw3f HINTS ${PC_FFTW3F_LIBDIR})
mark_as_advanced(FFTW3_INCLUDE_DIR FFTW3_LIBRARY FFTW3F_LIBRARY)

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(
  FFTW3
  REQUIRED_VARS FFTW3_LIBRARY FFTW3F_LIBRARY FFTW3_INCLUDE_DIR
  REASON_FAILURE_MESSAGE
    "FFTW 3 in single and double precision (libraries fftw3 and fftw3f, header fftw3.h) is needed. Install it with one of
    apt install libfftw3-dev
    dnf install fftw-devel
    brew install fftw
    conda install -c conda-forge fftw
  or point CMAKE_PREFIX_PATH to it.")

if(FFTW3_FOUND)
  foreach(precision "" "F")
    string(TOLOWER "FFTW3::fftw3${precision}" target)
    string(REPLACE "fftw3::" "FFTW3::" target "${target}")
    if(NOT TARGET ${target})
      add_library(${target} UNKNOWN IMPORTED)
      set_target_properties(
        ${target} PROPERTIES IMPORTED_LOCATION "${FFTW3${precision}_LIBRARY}"
                             INTERFACE_INCLUDE_DIRECTORIES "${FFTW3_INCLUDE_DIR}")
    endif()
  endforeach()
endif()
