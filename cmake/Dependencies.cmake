# The libraries that Limpet stands on; `make deps` installs Debian's packages of them.
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
pkg_check_modules(UV REQUIRED IMPORTED_TARGET libuv>=1.44)
set(LIMPET_PRIVATE_PACKAGES libuv) # what the library of this build links, as pkg-config calls it
if(LIMPET_TLS)
  find_package(OpenSSL 3 REQUIRED)
  list(APPEND LIMPET_PRIVATE_PACKAGES libssl libcrypto)
endif()
if(LIMPET_DEFLATE)
  find_package(ZLIB REQUIRED)
  list(APPEND LIMPET_PRIVATE_PACKAGES zlib)
endif()
if(LIMPET_OUTBOX)
  pkg_check_modules(SQLITE3 REQUIRED IMPORTED_TARGET sqlite3>=3.37)
  list(APPEND LIMPET_PRIVATE_PACKAGES sqlite3)
endif()
if(LIMPET_PROGRAM)
  pkg_check_modules(JANSSON REQUIRED IMPORTED_TARGET jansson)
endif()

# llhttp: a library of its own on newer systems; on Debian 12 the package node-llhttp carries the
# C sources, which are compiled here, in a cross build too.
pkg_check_modules(LLHTTP QUIET IMPORTED_TARGET libllhttp)
if(TARGET PkgConfig::LLHTTP)
  add_library(llhttp ALIAS PkgConfig::LLHTTP)
  list(APPEND LIMPET_PRIVATE_PACKAGES libllhttp)
else()
  find_path(LLHTTP_SOURCE_DIR llhttp.c PATHS /usr/share/llhttp /usr/local/share/llhttp
            NO_CMAKE_FIND_ROOT_PATH)
  find_path(LLHTTP_INCLUDE_DIR llhttp.h PATHS /usr/share/include/llhttp /usr/local/share/include/llhttp
            NO_CMAKE_FIND_ROOT_PATH)
  if(NOT LLHTTP_SOURCE_DIR OR NOT LLHTTP_INCLUDE_DIR)
    message(FATAL_ERROR "llhttp not found: install libllhttp-dev or node-llhttp (make deps)")
  endif()
  add_library(llhttp STATIC ${LLHTTP_SOURCE_DIR}/llhttp.c ${LLHTTP_SOURCE_DIR}/api.c
                            ${LLHTTP_SOURCE_DIR}/http.c)
  target_include_directories(llhttp SYSTEM PUBLIC ${LLHTTP_INCLUDE_DIR})
  target_compile_options(llhttp PRIVATE -w -O2)
endif()
