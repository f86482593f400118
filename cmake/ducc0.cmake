# Brings the Fourier transforms of ducc0, release 0.35.0, in ducc0_SOURCE_DIR:
# FETCHCONTENT_SOURCE_DIR_DUCC0 names a copy that is on the machine.

include(FetchContent)
FetchContent_Declare(
  ducc0
  GIT_REPOSITORY https://github.com/mreineck/ducc.git
  GIT_TAG b3de68c22c09446d4f04d62a64c7f2d7ddfa8f68
  # Its own CMakeLists.txt builds a Python module.
  SOURCE_SUBDIR src)
FetchContent_MakeAvailable(ducc0)
