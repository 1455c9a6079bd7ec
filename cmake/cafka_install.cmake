# Installation: headers under include/cafka/<room>, static libraries, a package that
# find_package(cafka) finds, and files for pkg-config. Nothing in it names a folder of the
# machine that it was built on.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)
include(cafka_public_headers)

# cafka_pkg_config(<name> DESCRIPTION <text> REQUIRES <modules> LIBS <flags> CFLAGS <flags>
#                  VARIABLES <lines>)
# The libraries are static: what they need is named for every link.
function(cafka_pkg_config pc_name)
  cmake_parse_arguments(pc "" "DESCRIPTION;REQUIRES;LIBS;CFLAGS;VARIABLES" "" ${ARGN})
  foreach(part description requires libs cflags variables)
    string(TOUPPER ${part} key)
    set(pc_${part} "${pc_${key}}")
  endforeach()
  set(folder "${CMAKE_INSTALL_LIBDIR}/pkgconfig")
  cmake_path(RELATIVE_PATH CMAKE_INSTALL_PREFIX
             BASE_DIRECTORY "${CMAKE_INSTALL_PREFIX}/${folder}" OUTPUT_VARIABLE pc_up)
  configure_file("${PROJECT_SOURCE_DIR}/cmake/cafka.pc.in"
                 "${PROJECT_BINARY_DIR}/${pc_name}.pc" @ONLY)
  install(FILES "${PROJECT_BINARY_DIR}/${pc_name}.pc" DESTINATION "${folder}")
endfunction()

function(cafka_install_package)
  set(package "${CMAKE_INSTALL_LIBDIR}/cmake/cafka")
  cafka_public_headers(headers)
  foreach(header ${headers})
    cmake_path(GET header PARENT_PATH folder)
    install(FILES "${PROJECT_SOURCE_DIR}/${header}"
            DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}/cafka/${folder}")
  endforeach()
  install(FILES "${CAFKA_INCLUDE_ROOT}/cafka/cafka.hpp" "${CAFKA_INCLUDE_ROOT}/cafka/version.hpp"
          DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}/cafka")

  # Each library by itself, so that a component needs nothing of the others'.
  get_property(libraries GLOBAL PROPERTY CAFKA_ROOM_TARGETS)
  if(NOT CAFKA_TESTING)
    list(REMOVE_ITEM libraries cafka_testing_model cafka_testing)
  endif()
  foreach(library ${libraries})
    install(TARGETS ${library} EXPORT ${library}Targets
            ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}")
    install(EXPORT ${library}Targets NAMESPACE cafka:: DESTINATION "${package}")
  endforeach()
  set(CAFKA_GSSAPI_COMPONENT "")
  set(gssapi_modules "")
  set(gssapi_library "")
  if(CAFKA_HAS_GSSAPI)
    set(CAFKA_GSSAPI_COMPONENT gssapi)
    set(gssapi_modules " mit-krb5-gssapi mit-krb5")
    set(gssapi_library " -lcafka_gssapi")
  endif()
  configure_package_config_file("${PROJECT_SOURCE_DIR}/cmake/cafkaConfig.cmake.in"
                                "${PROJECT_BINARY_DIR}/cafkaConfig.cmake"
                                INSTALL_DESTINATION "${package}")
  write_basic_package_version_file("${PROJECT_BINARY_DIR}/cafkaConfigVersion.cmake"
                                   COMPATIBILITY SameMinorVersion)
  install(FILES "${PROJECT_BINARY_DIR}/cafkaConfig.cmake"
                "${PROJECT_BINARY_DIR}/cafkaConfigVersion.cmake" DESTINATION "${package}")

  cafka_pkg_config(cafka-protocol
    DESCRIPTION "Kafka's protocol: messages, records, decisions; without CAF"
    REQUIRES "zlib snappy liblz4 libzstd libisal libcrypto" CFLAGS "-I\${includedir}"
    LIBS "-L\${libdir} -lcafka_protocol")
  set(type_ids "")
  if(NOT CAFKA_TYPE_ID_OFFSET STREQUAL "")
    set(type_ids " -DCAFKA_TYPE_ID_OFFSET=${CAFKA_TYPE_ID_OFFSET}")
  endif()
  # CAF has no file of its own; it is beside cafka unless --define-variable says otherwise.
  cafka_pkg_config(cafka
    DESCRIPTION "${PROJECT_DESCRIPTION}"
    VARIABLES "caf_prefix=\${prefix}\n"
    REQUIRES "cafka-protocol = ${PROJECT_VERSION} openssl spdlog${gssapi_modules}"
    CFLAGS "-I\${caf_prefix}/include -pthread${type_ids}"
    LIBS "-L\${libdir} -lcafka -lcafka_actors${gssapi_library} -lcafka_supervision -L\${caf_prefix}/lib -lcaf_core -pthread")
  install(FILES "${PROJECT_SOURCE_DIR}/LICENSE" DESTINATION "${CMAKE_INSTALL_DOCDIR}")
endfunction()
