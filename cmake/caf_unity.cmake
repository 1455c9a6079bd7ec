# Included by CAF's project(), when scripts/bootstrap builds one: several of its sources are
# compiled at a time, which takes a third of the time. Two define what another defines too.
set(CMAKE_UNITY_BUILD ON)
set(CMAKE_UNITY_BUILD_BATCH_SIZE 8)

function(cafka_compile_alone library source)
  if(TARGET ${library} AND EXISTS "${CMAKE_SOURCE_DIR}/${source}")
    set_source_files_properties("${CMAKE_SOURCE_DIR}/${source}" TARGET_DIRECTORY ${library}
                                PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON)
  endif()
endfunction()
cmake_language(DEFER DIRECTORY "${CMAKE_SOURCE_DIR}"
  CALL cafka_compile_alone libcaf_core libcaf_core/src/binary_serializer.cpp)
cmake_language(DEFER DIRECTORY "${CMAKE_SOURCE_DIR}"
  CALL cafka_compile_alone libcaf_io libcaf_io/src/io/network/native_socket.cpp)
