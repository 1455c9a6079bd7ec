# What cafka stands on. scripts/bootstrap installs all of it. Who adds cafka as a subdirectory
# links these as well, and so sees them.
set(CMAKE_FIND_PACKAGE_TARGETS_GLOBAL ON)
find_package(Threads REQUIRED)
find_package(OpenSSL REQUIRED)
find_package(ZLIB REQUIRED)
find_package(Snappy REQUIRED)
find_package(Boost 1.74 REQUIRED)
find_package(spdlog REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(PkgConfig REQUIRED)
pkg_check_modules(LZ4 REQUIRED IMPORTED_TARGET GLOBAL liblz4)
pkg_check_modules(ZSTD REQUIRED IMPORTED_TARGET GLOBAL libzstd)
pkg_check_modules(ISAL REQUIRED IMPORTED_TARGET GLOBAL libisal)
set(CAFKA_HAS_GSSAPI FALSE)
if(CAFKA_WITH_GSSAPI)
  pkg_check_modules(KRB5 QUIET IMPORTED_TARGET GLOBAL mit-krb5-gssapi mit-krb5)
  if(KRB5_FOUND)
    set(CAFKA_HAS_GSSAPI TRUE)
    # Debian's files say -isystem, which CMake takes for one thing when it configures first and
    # for another later: all that needs it would be built twice.
    set_target_properties(PkgConfig::KRB5 PROPERTIES INTERFACE_COMPILE_OPTIONS ""
      INTERFACE_INCLUDE_DIRECTORIES "${KRB5_mit-krb5_INCLUDEDIR}")
  elseif(NOT CAFKA_WITH_GSSAPI STREQUAL "AUTO")
    message(FATAL_ERROR "CAFKA_WITH_GSSAPI = ${CAFKA_WITH_GSSAPI}: pkg-config does not know "
      "mit-krb5-gssapi. Install MIT's libkrb5 (Debian: libkrb5-dev), or set it to OFF")
  endif()
endif()
message(STATUS "Logins by Kerberos: ${CAFKA_HAS_GSSAPI}")

# CAF: the one that is named, else the one scripts/bootstrap has left for this flavour,
# else the system's.
if(CAFKA_SANITIZE MATCHES "thread")
  set(caf_flavour tsan)
else()
  set(caf_flavour release)
endif()
set(caf_bootstrapped "${CMAKE_CURRENT_SOURCE_DIR}/build/deps/caf-${caf_flavour}")
if(NOT CAF_ROOT)
  if(DEFINED ENV{CAF_ROOT})
    set(CAF_ROOT "$ENV{CAF_ROOT}")
  elseif(EXISTS "${caf_bootstrapped}")
    set(CAF_ROOT "${caf_bootstrapped}")
  elseif(caf_flavour STREQUAL "tsan")
    message(FATAL_ERROR "ThreadSanitizer needs a CAF built with it: run scripts/bootstrap tsan")
  endif()
endif()
set(caf_where "")
if(CAF_ROOT)
  if(NOT IS_DIRECTORY "${CAF_ROOT}")
    message(FATAL_ERROR "There is no folder ${CAF_ROOT} to find CAF in: run scripts/bootstrap "
                        "${caf_flavour}, or set CAF_ROOT")
  endif()
  file(REAL_PATH "${CAF_ROOT}" CAF_ROOT)
  set(caf_where PATHS "${CAF_ROOT}" NO_DEFAULT_PATH)
  if(NOT CAF_ROOT STREQUAL CAFKA_CAF_ROOT)
    # Another CAF than last time: what was found then is forgotten.
    unset(CAF_DIR CACHE)
    set(CAFKA_CAF_ROOT "${CAF_ROOT}" CACHE INTERNAL "The CAF_ROOT of the last configuration")
  endif()
endif()
find_package(CAF QUIET COMPONENTS core io ${caf_where})
if(NOT CAF_FOUND)
  message(FATAL_ERROR "There is no CAF. Either run ${CMAKE_CURRENT_SOURCE_DIR}/scripts/bootstrap, "
    "which builds one on Debian, or set CAF_ROOT to the prefix where CAF 0.18.7 is installed.")
elseif(CAF_VERSION VERSION_LESS 0.18)
  message(FATAL_ERROR "cafka needs CAF 0.18 or newer, and ${CAF_DIR} is ${CAF_VERSION}")
endif()
if(NOT TARGET CAF::io AND (CAFKA_BUILD_TESTS OR CAFKA_BUILD_EXAMPLES))
  message(FATAL_ERROR "The CAF in ${CAF_DIR} has no module io, which tests and examples need: set "
    "CAF_ROOT to one that has, or CAFKA_BUILD_TESTS and CAFKA_BUILD_EXAMPLES to OFF")
endif()
message(STATUS "Found CAF: ${CAF_DIR} (${CAF_VERSION})")

# The command line, the tests and the benchmarks. librdkafka is the broker of the command
# line's demo and of tests, and the benchmarks' peer.
if(PROJECT_IS_TOP_LEVEL)
  find_package(CLI11 REQUIRED)
  pkg_check_modules(RDKAFKA IMPORTED_TARGET rdkafka)
  if(NOT RDKAFKA_FOUND AND (CAFKA_BUILD_TESTS OR CAFKA_BUILD_BENCH))
    message(FATAL_ERROR "The tests and the benchmarks need librdkafka: install it, or set "
      "CAFKA_BUILD_TESTS and CAFKA_BUILD_BENCH to OFF")
  endif()
endif()
if(CAFKA_BUILD_TESTS)
  find_package(Catch2 3 REQUIRED)
endif()
