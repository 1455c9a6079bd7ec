# How every target of cafka is built: standard, warnings, sanitizers, include root.
if(BUILD_SHARED_LIBS)
  # With a static CAF, which is what scripts/bootstrap builds, each shared library would have
  # a copy of CAF of its own, with tables of message types of its own.
  message(FATAL_ERROR "cafka's libraries are static: BUILD_SHARED_LIBS=ON is not supported. "
    "A shared library may link them, for they are position independent. A project that sets "
    "BUILD_SHARED_LIBS for itself sets it to OFF before add_subdirectory(cafka).")
endif()
if(NOT CAFKA_TYPE_ID_OFFSET MATCHES "^[0-9]*$" OR CAFKA_TYPE_ID_OFFSET GREATER 64000)
  message(FATAL_ERROR "CAFKA_TYPE_ID_OFFSET = ${CAFKA_TYPE_ID_OFFSET}: must be a number from 0 "
    "to 64000")
endif()

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/bin")
if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
  set(CMAKE_BUILD_TYPE Release)
endif()

# Paths relative to the source tree, so that every build directory shares its hits.
find_program(CAFKA_CCACHE ccache)
if(CAFKA_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER "${CMAKE_COMMAND}" -E env
      "CCACHE_BASEDIR=${PROJECT_SOURCE_DIR}" CCACHE_NOHASHDIR=1 "${CAFKA_CCACHE}")
endif()

# <cafka/protocol/...> in the tree as after installation: include/cafka links to the rooms.
set(CAFKA_INCLUDE_ROOT "${PROJECT_SOURCE_DIR}/include")

add_library(cafka_options INTERFACE)
target_compile_options(cafka_options INTERFACE -Wall -Wextra -Wpedantic -Wshadow
                       -Wnon-virtual-dtor)
if(CAFKA_WERROR)
  target_compile_options(cafka_options INTERFACE -Werror)
endif()

# For every target alike: a sanitizer that sees only half of a program misleads.
if(CAFKA_SANITIZE)
  add_compile_options(-fsanitize=${CAFKA_SANITIZE} -fno-omit-frame-pointer
                      -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${CAFKA_SANITIZE})
endif()
if(CAFKA_BUILD_FUZZERS)
  if(NOT CMAKE_CXX_COMPILER_ID MATCHES "Clang")
    message(FATAL_ERROR "libFuzzer comes with clang: configure with --preset fuzz")
  endif()
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()

# cafka_compile_together(<target> <sources>)
# The descriptions of messages, each of which holds little else, so that most of its time is its
# headers', are compiled several at a time. With CAFKA_UNITY, where instrumented code makes each
# source dear, so is every folder; names that no other file is to see are then to be unlike those
# of the folder's other files. In transport/ error_code is Boost's in one file, Kafka's in others;
# the files in apis/ have names in common.
function(cafka_compile_together target)
  set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_MODE GROUP)
  set(groups "")
  foreach(source ${ARGN})
    cmake_path(GET source PARENT_PATH folder)
    if(folder MATCHES "^(transport|apis)$" OR NOT (CAFKA_UNITY OR folder STREQUAL "messages"))
      continue()
    endif()
    string(MAKE_C_IDENTIFIER "in_${folder}" group)
    list(APPEND groups ${group})
    list(APPEND ${group} "${source}")
  endforeach()
  list(REMOVE_DUPLICATES groups)
  foreach(group ${groups})
    set(count 0)
    foreach(source ${${group}})
      math(EXPR part "${count} / 6")
      math(EXPR count "${count} + 1")
      set_source_files_properties("${source}" PROPERTIES UNITY_GROUP ${group}_${part})
    endforeach()
  endforeach()
endfunction()

# cafka_room(<name> LINK <targets> PRIVATE_LINK <targets> EXCLUDE <regex>)
# The library of one room, from the sources in its folder whose path there EXCLUDE does not
# match.
function(cafka_room name)
  cmake_parse_arguments(arg "" "" "LINK;PRIVATE_LINK;EXCLUDE" ${ARGN})
  file(GLOB_RECURSE sources RELATIVE "${CMAKE_CURRENT_SOURCE_DIR}" CONFIGURE_DEPENDS
       "${CMAKE_CURRENT_SOURCE_DIR}/*.cpp")
  if(arg_EXCLUDE)
    list(FILTER sources EXCLUDE REGEX "${arg_EXCLUDE}")
  endif()
  if(sources)
    add_library(cafka_${name} STATIC ${sources})
    set(scope PUBLIC)
  else()
    add_library(cafka_${name} INTERFACE)
    set(scope INTERFACE)
  endif()
  add_library(cafka::${name} ALIAS cafka_${name})
  set_target_properties(cafka_${name} PROPERTIES EXPORT_NAME ${name})
  if(sources AND name STREQUAL "cafka")
    set_target_properties(cafka_${name} PROPERTIES OUTPUT_NAME cafka)  # libcafka.a
  endif()
  target_compile_features(cafka_${name} ${scope} cxx_std_20)
  target_include_directories(cafka_${name} ${scope} "$<BUILD_INTERFACE:${CAFKA_INCLUDE_ROOT}>"
                             "$<INSTALL_INTERFACE:include>")
  target_link_libraries(cafka_${name} ${scope} ${arg_LINK})
  if(sources)
    cafka_compile_together(cafka_${name} ${sources})
    target_link_libraries(cafka_${name} PRIVATE ${arg_PRIVATE_LINK}
                          $<BUILD_INTERFACE:cafka_options>)
  endif()
  set_property(GLOBAL APPEND PROPERTY CAFKA_ROOM_TARGETS cafka_${name})
endfunction()

# Instrumented code takes long to compile, and a test's own lines run once: they are not
# optimized. The rooms are.
function(cafka_quick_to_compile target)
  if(CAFKA_SANITIZE)
    target_compile_options(${target} PRIVATE -O0)
  endif()
endfunction()

# cafka_test(<name> LINK <targets> LABELS <labels> TIMEOUT <seconds>)
# One Catch2 program, and one test, from the sources in this folder; none, no test. It has
# 900 s unless told: with a sanitizer, beside all else, minutes are common.
# Labels: "kafka" needs a real cluster's bootstrap list in the environment as
# CAFKA_KAFKA, "slow" is left out of `make check`.
function(cafka_test name)
  cmake_parse_arguments(arg "" "TIMEOUT" "LINK;LABELS" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS "${CMAKE_CURRENT_SOURCE_DIR}/*.cpp")
  if(NOT sources)
    return()
  endif()
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 900)
  endif()
  add_executable(${name} ${sources})
  target_link_libraries(${name} PRIVATE ${arg_LINK} cafka_options Catch2::Catch2WithMain)
  cafka_quick_to_compile(${name})
  add_test(NAME ${name} COMMAND ${name})
  set_tests_properties(${name} PROPERTIES LABELS "${arg_LABELS}" TIMEOUT ${arg_TIMEOUT})
  cafka_group_by_label(${name} "${arg_LABELS}")
endfunction()

# `kafka_programs` are those whose tests need a Kafka, by their label.
function(cafka_group_by_label program label)
  if(NOT TARGET kafka_programs)
    add_custom_target(kafka_programs)
  endif()
  if(label MATCHES "kafka")
    add_dependencies(kafka_programs ${program})
  endif()
endfunction()
