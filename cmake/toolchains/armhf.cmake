# 32-bit ARM with a floating-point unit: every size_t and pointer is 4 bytes.
set(CMAKE_SYSTEM_PROCESSOR armv7l)
set(LIMPET_ARCHITECTURE armhf)
set(LIMPET_TRIPLET arm-linux-gnueabihf)
set(LIMPET_EMULATOR qemu-arm)
include(${CMAKE_CURRENT_LIST_DIR}/debian.cmake)
