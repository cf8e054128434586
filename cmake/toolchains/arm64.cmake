# 64-bit ARM.
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(LIMPET_ARCHITECTURE arm64)
set(LIMPET_TRIPLET aarch64-linux-gnu)
set(LIMPET_EMULATOR qemu-aarch64)
include(${CMAKE_CURRENT_LIST_DIR}/debian.cmake)
