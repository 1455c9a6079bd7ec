# The API documentation, by Doxygen, of the headers that are installed:
#   cmake -P cmake/cafka_docs.cmake
# It goes to build/docs/html. A warning, such as a public member without a comment, is an error.
cmake_minimum_required(VERSION 3.25)
cmake_path(GET CMAKE_CURRENT_LIST_DIR PARENT_PATH PROJECT_SOURCE_DIR)
include("${CMAKE_CURRENT_LIST_DIR}/cafka_public_headers.cmake")

find_program(DOXYGEN doxygen REQUIRED)
file(STRINGS "${PROJECT_SOURCE_DIR}/include/cafka/version.hpp" lines
     REGEX "_(MAJOR|MINOR|PATCH) [0-9]+$")
list(TRANSFORM lines REPLACE ".* " "")
list(JOIN lines "." PROJECT_VERSION)
cafka_public_headers(headers)
list(TRANSFORM headers PREPEND "\"${PROJECT_SOURCE_DIR}/")
list(TRANSFORM headers APPEND "\"")
list(JOIN headers " " headers)
set(output "${PROJECT_SOURCE_DIR}/build/docs")
file(MAKE_DIRECTORY "${output}")
configure_file("${PROJECT_SOURCE_DIR}/docs/Doxyfile.in" "${output}/Doxyfile" @ONLY)
execute_process(COMMAND "${DOXYGEN}" "${output}/Doxyfile" RESULT_VARIABLE failed)
if(failed)
  message(FATAL_ERROR "Doxygen has warnings, which are errors")
endif()
message(STATUS "The documentation is ${output}/html/index.html")
