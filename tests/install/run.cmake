# Installs cafka, moves the installation, and builds and runs the outside project on it.
function(run)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE result OUTPUT_VARIABLE output
                  ERROR_VARIABLE output ECHO_OUTPUT_VARIABLE ECHO_ERROR_VARIABLE)
  if(NOT result EQUAL 0)
    list(JOIN ARGN " " command)
    message(FATAL_ERROR "${command} failed: ${result}")
  endif()
  set(output "${output}" PARENT_SCOPE)
endfunction()

set(prefix "${SCRATCH}/prefix")
file(REMOVE_RECURSE "${SCRATCH}/staging" "${prefix}" "${SCRATCH}/build")
run("${CMAKE_COMMAND}" --install "${BUILD}" --prefix "${SCRATCH}/staging")
# An installation that only works where it was made would not be found out in place.
file(RENAME "${SCRATCH}/staging" "${prefix}")

file(GLOB_RECURSE strays LIST_DIRECTORIES false "${prefix}/include/*")
list(FILTER strays EXCLUDE REGEX "\\.hpp$")
if(strays)
  message(FATAL_ERROR "these are no headers, and were installed as such: ${strays}")
endif()

run("${CMAKE_COMMAND}" -G "${GENERATOR}" -S "${OUTSIDE}" -B "${SCRATCH}/build"
    "-DCMAKE_PREFIX_PATH=${prefix}" "-DCMAKE_CXX_COMPILER=${COMPILER}"
    "-DCMAKE_CXX_COMPILER_LAUNCHER=${LAUNCHER}")
run("${CMAKE_COMMAND}" --build "${SCRATCH}/build")
run("${SCRATCH}/build/outside")
if(NOT output MATCHES "outside: every room is linked")
  message(FATAL_ERROR "the outside program did not say what it should")
endif()
