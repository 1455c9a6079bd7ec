# Installation: headers under include/cafka/<room>, static libraries, and a
# package that find_package(cafka) finds.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

function(cafka_install_package)
  set(package "${CMAKE_INSTALL_LIBDIR}/cmake/cafka")
  foreach(room ${CAFKA_ROOMS})
    install(DIRECTORY "${PROJECT_SOURCE_DIR}/${room}/"
            DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}/cafka/${room}"
            FILES_MATCHING PATTERN "*.hpp" PATTERN cli EXCLUDE
            PATTERN asio_connection.hpp EXCLUDE PATTERN tls_errors.hpp EXCLUDE)
  endforeach()
  get_property(libraries GLOBAL PROPERTY CAFKA_ROOM_TARGETS)
  install(TARGETS ${libraries} EXPORT cafkaTargets
          ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}")
  install(EXPORT cafkaTargets NAMESPACE cafka:: DESTINATION "${package}")

  # Where this build found CAF; a consumer's own CAF_ROOT goes before.
  cmake_path(SET CAFKA_CAF_DIR "${CAF_DIR}")
  configure_package_config_file("${PROJECT_SOURCE_DIR}/cmake/cafkaConfig.cmake.in"
                                "${PROJECT_BINARY_DIR}/cafkaConfig.cmake"
                                INSTALL_DESTINATION "${package}")
  write_basic_package_version_file("${PROJECT_BINARY_DIR}/cafkaConfigVersion.cmake"
                                   COMPATIBILITY SameMinorVersion)
  install(FILES "${PROJECT_BINARY_DIR}/cafkaConfig.cmake"
                "${PROJECT_BINARY_DIR}/cafkaConfigVersion.cmake" DESTINATION "${package}")
  install(FILES "${PROJECT_SOURCE_DIR}/LICENSE" DESTINATION "${CMAKE_INSTALL_DOCDIR}")
endfunction()
