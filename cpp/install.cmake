# Installs the library, its headers, the CMake package and the pkg-config file, none of which holds
# an absolute path.

include(CMakePackageConfigHelpers)
include(GNUInstallDirs)

set(component whitediff)
set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/whitediff)

# A shared library brings what it needs; a static one leaves it to the program that links it.
get_target_property(library_type whitediff TYPE)
if(library_type STREQUAL "SHARED_LIBRARY")
  set(private .private)
else()
  set(private "")
endif()

if(WHITEDIFF_FFT STREQUAL "FFTW")
  set(fft_packages "fftw3 fftw3f")
endif()

install(
  TARGETS whitediff
  EXPORT whitediffTargets
  COMPONENT ${component}
  INCLUDES
  DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(
  DIRECTORY include/whitediff ${CMAKE_CURRENT_BINARY_DIR}/include/whitediff
  DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
  COMPONENT ${component}
  FILES_MATCHING
  PATTERN "*.hpp")

install(
  EXPORT whitediffTargets
  NAMESPACE whitediff::
  DESTINATION ${package_dir}
  COMPONENT ${component})
# Also for a build tree, from which a project around this one may export its own targets.
export(
  EXPORT whitediffTargets
  NAMESPACE whitediff::
  FILE ${CMAKE_CURRENT_BINARY_DIR}/whitediffTargets.cmake)
configure_package_config_file(
  ${PROJECT_SOURCE_DIR}/cmake/whitediffConfig.cmake.in whitediffConfig.cmake
  INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(whitediffConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(
  FILES ${CMAKE_CURRENT_BINARY_DIR}/whitediffConfig.cmake
        ${CMAKE_CURRENT_BINARY_DIR}/whitediffConfigVersion.cmake
        ${PROJECT_SOURCE_DIR}/cmake/FindFFTW3.cmake
  DESTINATION ${package_dir}
  COMPONENT ${component})

file(RELATIVE_PATH prefix_from_pkgconfig
     "/${CMAKE_INSTALL_LIBDIR}/pkgconfig" "/")
configure_file(${PROJECT_SOURCE_DIR}/cmake/whitediff.pc.in whitediff.pc @ONLY)
install(
  FILES ${CMAKE_CURRENT_BINARY_DIR}/whitediff.pc
  DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig
  COMPONENT ${component})
