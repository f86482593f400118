# Simulates FITS files, whitens them, and checks that an existing file is not overwritten.
set(files difference.fits kernel.fits white.fits)
file(REMOVE ${files})
execute_process(COMMAND ${EXAMPLE} --simulate difference.fits kernel.fits COMMAND_ERROR_IS_FATAL ANY)
execute_process(COMMAND ${EXAMPLE} difference.fits kernel.fits 2.0 1.0 white.fits
                        COMMAND_ERROR_IS_FATAL ANY)
execute_process(
  COMMAND ${EXAMPLE} difference.fits kernel.fits 2.0 1.0 white.fits
  RESULT_VARIABLE result
  ERROR_QUIET)
if(NOT result EQUAL 2)
  message(FATAL_ERROR "expected a refusal to overwrite white.fits, got exit status ${result}")
endif()
file(REMOVE ${files})
