# Which headers are public: they are installed, and documented.

# The headers that programs include by name. What these include is installed as well; the
# rest is internal.
set(CAFKA_PUBLIC_HEADERS
  app/application.hpp
  app/configuration.hpp
  protocol/messages/all.hpp
  protocol/records/batch_builder.hpp
  protocol/records/compression.hpp
  protocol/records/fetched_records.hpp
  protocol/schema/codec.hpp
  protocol/schema/printer.hpp
  supervision/caf_compat.hpp
  supervision/proxy.hpp
  supervision/tree.hpp)
# Not where the installation is without cafka::testing.
if(NOT DEFINED CAFKA_TESTING OR CAFKA_TESTING)
  list(APPEND CAFKA_PUBLIC_HEADERS testing/cluster.hpp testing/fake_worker.hpp
       testing/records.hpp)
endif()

# cafka_public_headers(<variable>): them and all that they include, from the root.
function(cafka_public_headers variable)
  set(found "")
  set(open ${CAFKA_PUBLIC_HEADERS})
  while(open)
    list(POP_FRONT open header)
    if(header IN_LIST found)
      continue()
    endif()
    list(APPEND found "${header}")
    cmake_path(GET header PARENT_PATH folder)
    file(STRINGS "${PROJECT_SOURCE_DIR}/${header}" lines REGEX "^#include \"")
    foreach(line ${lines})
      string(REGEX REPLACE "^#include \"(.*)\".*" "${folder}/\\1" included "${line}")
      cmake_path(NORMAL_PATH included)
      list(APPEND open "${included}")
    endforeach()
  endwhile()
  set(${variable} ${found} PARENT_SCOPE)
endfunction()
