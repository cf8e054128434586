# Cross builds with Debian's compilers and a sysroot of Debian's packages (scripts/cross makes it). Included by
# the file of an architecture, which sets LIMPET_TRIPLET, LIMPET_EMULATOR and the processor.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_C_COMPILER ${LIMPET_TRIPLET}-gcc)
set(CMAKE_CXX_COMPILER ${LIMPET_TRIPLET}-g++)
get_filename_component(CMAKE_SYSROOT ${CMAKE_CURRENT_LIST_DIR}/../../build/sysroot-${LIMPET_ARCHITECTURE} ABSOLUTE)

# Programs of this machine, all else of the other.
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)
set(ENV{PKG_CONFIG_SYSROOT_DIR} ${CMAKE_SYSROOT})
set(ENV{PKG_CONFIG_LIBDIR} ${CMAKE_SYSROOT}/usr/lib/${LIMPET_TRIPLET}/pkgconfig:${CMAKE_SYSROOT}/usr/share/pkgconfig)

# ctest runs the tests by it.
set(CMAKE_CROSSCOMPILING_EMULATOR ${LIMPET_EMULATOR} -L ${CMAKE_SYSROOT})
