# Installs cafka, moves the installation, and builds and runs outside projects with it: one
# that finds the package, one compiler that is told by pkg-config, and one that has cafka as
# a subdirectory.
cmake_minimum_required(VERSION 3.25)

function(run) # a command that must succeed; its output is left in `output`
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE result OUTPUT_VARIABLE output
                  ERROR_VARIABLE output ECHO_OUTPUT_VARIABLE ECHO_ERROR_VARIABLE)
  if(NOT result EQUAL 0)
    list(JOIN ARGN " " command)
    message(FATAL_ERROR "${command} failed: ${result}")
  endif()
  set(output "${output}" PARENT_SCOPE)
endfunction()

function(refused words) # a command that must fail, and say this
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE result OUTPUT_VARIABLE output
                  ERROR_VARIABLE output)
  string(REGEX REPLACE "[ \n]+" " " output "${output}")
  if(result EQUAL 0 OR NOT output MATCHES "${words}")
    list(JOIN ARGN " " command)
    message(FATAL_ERROR "${command}: ${result}, and it did not say \"${words}\": ${output}")
  endif()
endfunction()

function(says words) # what the last command printed
  if(NOT output MATCHES "${words}")
    message(FATAL_ERROR "it did not say \"${words}\": ${output}")
  endif()
endfunction()

set(prefix "${SCRATCH}/prefix")
file(REMOVE_RECURSE "${SCRATCH}/staging" "${prefix}" "${SCRATCH}/build" "${SCRATCH}/tree"
     "${SCRATCH}/shared")
run("${CMAKE_COMMAND}" --install "${BUILD}" --prefix "${SCRATCH}/staging")
# An installation that only works where it was made would not be found out in place.
file(RENAME "${SCRATCH}/staging" "${prefix}")

file(GLOB_RECURSE strays LIST_DIRECTORIES false "${prefix}/include/*")
list(FILTER strays EXCLUDE REGEX "\\.hpp$")
if(strays)
  message(FATAL_ERROR "these are no headers, and were installed as such: ${strays}")
endif()

# Of the command line, what CAF's own libraries carry into it is CAF's.
file(GLOB_RECURSE installed LIST_DIRECTORIES false "${prefix}/*")
foreach(file IN LISTS installed)
  set(folders "${SOURCE}" "${BUILD}" "${SCRATCH}")
  if(NOT file MATCHES "/bin/")
    list(APPEND folders "${CAF}/include/caf" "${CAF}/lib")
  endif()
  file(READ "${file}" content HEX)
  foreach(folder IN LISTS folders)
    string(HEX "${folder}" folder_hex)
    string(FIND "${content}" "${folder_hex}" at)
    if(NOT at EQUAL -1)
      message(FATAL_ERROR "${file} names ${folder}, a folder of the machine that built it")
    endif()
  endforeach()
endforeach()

# The command line needs no librdkafka.
file(GET_RUNTIME_DEPENDENCIES EXECUTABLES "${prefix}/bin/cafka"
     RESOLVED_DEPENDENCIES_VAR needed UNRESOLVED_DEPENDENCIES_VAR missing)
if(NOT needed MATCHES "libspdlog" OR "${needed};${missing}" MATCHES "rdkafka")
  message(FATAL_ERROR "cafka needs: ${needed};${missing}")
endif()

set(configure "${CMAKE_COMMAND}" -G "${GENERATOR}" "-DCMAKE_CXX_COMPILER=${COMPILER}"
    "-DCMAKE_CXX_COMPILER_LAUNCHER=${LAUNCHER}" "-DCAF_ROOT=${CAF}")
run(${configure} -S "${OUTSIDE}/outside" -B "${SCRATCH}/build"
    "-DCMAKE_PREFIX_PATH=${prefix}" "-DVERSION=${VERSION}")
run("${CMAKE_COMMAND}" --build "${SCRATCH}/build")
run("${SCRATCH}/build/only_protocol")
says("only_protocol: every codec brings back what it was given")
run("${SCRATCH}/build/outside")
says("outside: every room is linked, of version ${VERSION}")
run("${SCRATCH}/build/with_testing")
says("with_testing: a record went to a cluster in the process")
refused("begin at caf::first_custom_type_id . 900, and the library cafka with . [0-9]+\\. Set"
        "${SCRATCH}/build/other_type_ids")

set(ENV{PKG_CONFIG_PATH} "${prefix}/${LIBDIR}/pkgconfig")
run("${PKG_CONFIG}" --modversion cafka)
says("${VERSION}")
foreach(module cafka-protocol cafka)
  run("${PKG_CONFIG}" "--define-variable=caf_prefix=${CAF}" --cflags --libs ${module})
  separate_arguments(flags UNIX_COMMAND "${output}")
  if(module STREQUAL "cafka")
    set(program start)
  else()
    set(program only_protocol)
  endif()
  run(${LAUNCHER} "${COMPILER}" -std=c++20 -c "${OUTSIDE}/outside/${program}.cpp"
      -o "${SCRATCH}/${module}.o" ${flags})
  run("${COMPILER}" "${SCRATCH}/${module}.o" -o "${SCRATCH}/${module}" ${flags})
  run("${SCRATCH}/${module}")
endforeach()

# As a subdirectory. Its libraries are those of this build, so that they need not be compiled
# once more; the program is compiled and linked as the project would.
run(${configure} -S "${OUTSIDE}/tree" -B "${SCRATCH}/tree" "-DSOURCE=${SOURCE}"
    "-DCMAKE_BUILD_TYPE=Release")
if(GENERATOR STREQUAL "Ninja")
  foreach(library protocol/libcafka_protocol.a supervision/libcafka_supervision.a
          actors/gssapi/libcafka_gssapi.a actors/libcafka_actors.a app/libcafka.a)
    if(NOT EXISTS "${BUILD}/${library}")
      continue() # Without Kerberos.
    endif()
    file(COPY_FILE "${BUILD}/${library}" "${SCRATCH}/tree/cafka/${library}")
  endforeach()
  foreach(step CMakeFiles/program.dir${OUTSIDE}/outside/start.cpp.o program)
    run(ninja -C "${SCRATCH}/tree" --quiet -t commands -s ${step})
    string(STRIP "${output}" command)
    run(sh -c "cd '${SCRATCH}/tree' && ${command}")
  endforeach()
  run("${SCRATCH}/tree/program")
endif()

refused("cafka's libraries are static: BUILD_SHARED_LIBS=ON is not supported"
        ${configure} -S "${SOURCE}" -B "${SCRATCH}/shared" -DBUILD_SHARED_LIBS=ON)
refused("There is no CAF\\. Either run [^ ]+/scripts/bootstrap.*or set CAF_ROOT"
        ${configure} -S "${SOURCE}" -B "${SCRATCH}/shared" -DBUILD_SHARED_LIBS=OFF
        "-DCAF_ROOT=${prefix}")
message(STATUS "the package serves")
