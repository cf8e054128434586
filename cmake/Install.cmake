# What `cmake --install` puts where. Nothing installed knows the folder it was built in, and everything
# but the systemd units may be moved as a whole: paths are relative to the file that names them.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(LIMPET_SYSTEMD_UNIT_DIR lib/systemd/system CACHE STRING "where systemd units are installed")
set(LIMPET_ZSH_DIR ${CMAKE_INSTALL_DATADIR}/zsh/site-functions CACHE STRING "where zsh looks for completions")
set(limpet_cmake_dir ${CMAKE_INSTALL_LIBDIR}/cmake/limpet)
set(limpet_packaging ${CMAKE_BINARY_DIR}/packaging)

# Modules of pkg-config that the library is built on: who links it statically needs them too.
list(JOIN LIMPET_PRIVATE_PACKAGES ", " limpet_requires_private)
list(JOIN LIMPET_PRIVATE_PACKAGES " " limpet_private_packages)

# ---- the program, its manual and completions ----
if(LIMPET_PROGRAM)
  install(TARGETS limpet-cli)
  file(GLOB limpet_manuals CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/docs/*.1)
  install(FILES ${limpet_manuals} DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
  install(FILES packaging/completion/limpet.bash RENAME limpet
          DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions)
  install(FILES packaging/completion/_limpet DESTINATION ${LIMPET_ZSH_DIR})
endif()
install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})

# ---- the library ----
install(DIRECTORY include/limpet DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN *.h)
install(TARGETS limpet-shared LIBRARY NAMELINK_COMPONENT Development)
install(FILES ${LIMPET_STATIC_LIBRARY} DESTINATION ${CMAKE_INSTALL_LIBDIR})

file(RELATIVE_PATH limpet_prefix_from_pc ${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig ${CMAKE_INSTALL_PREFIX})
file(RELATIVE_PATH limpet_libdir ${CMAKE_INSTALL_PREFIX} ${CMAKE_INSTALL_FULL_LIBDIR})
file(RELATIVE_PATH limpet_includedir ${CMAKE_INSTALL_PREFIX} ${CMAKE_INSTALL_FULL_INCLUDEDIR})
string(REGEX REPLACE "/$" "" limpet_prefix_from_pc ${limpet_prefix_from_pc})
configure_file(packaging/pkgconfig/limpet.pc.in ${limpet_packaging}/limpet.pc @ONLY)
install(FILES ${limpet_packaging}/limpet.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

configure_package_config_file(packaging/cmake/limpet-config.cmake.in
  ${limpet_packaging}/limpet-config.cmake INSTALL_DESTINATION ${limpet_cmake_dir}
  PATH_VARS CMAKE_INSTALL_INCLUDEDIR CMAKE_INSTALL_LIBDIR NO_CHECK_REQUIRED_COMPONENTS_MACRO)
write_basic_package_version_file(${limpet_packaging}/limpet-config-version.cmake
                                 COMPATIBILITY SameMajorVersion)
install(FILES ${limpet_packaging}/limpet-config.cmake ${limpet_packaging}/limpet-config-version.cmake
        DESTINATION ${limpet_cmake_dir})

# ---- systemd ----
if(LIMPET_PROGRAM)
  file(GLOB limpet_units CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/packaging/systemd/*.service.in)
  foreach(unit ${limpet_units})
    get_filename_component(name ${unit} NAME_WLE)
    configure_file(${unit} ${limpet_packaging}/${name} @ONLY)
    install(FILES ${limpet_packaging}/${name} DESTINATION ${LIMPET_SYSTEMD_UNIT_DIR})
  endforeach()
endif()
