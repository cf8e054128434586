# What a build can leave out of the library. What is left out is refused by name when a program asks for it;
# see docs/building.md. Each module chooses its files by these; nothing below is decided by the preprocessor.
option(LIMPET_TLS "wss, with OpenSSL" ON)
option(LIMPET_DEFLATE "permessage-deflate, with zlib" ON)
option(LIMPET_JSON "JSON heartbeats, acknowledgements, typing, handlers by type" ON)
option(LIMPET_OUTBOX "durable messages, with SQLite" ON)

set(LIMPET_IS_WHOLE ON)
foreach(part TLS DEFLATE JSON OUTBOX)
  if(LIMPET_${part})
    set(LIMPET_HAS_${part} 1)
  else()
    set(LIMPET_HAS_${part} 0)
    set(LIMPET_IS_WHOLE OFF)
    list(APPEND LIMPET_LEFT_OUT LIMPET_${part})
  endif()
endforeach()

# The program is made of everything, so a smaller library comes without it.
option(LIMPET_PROGRAM "the program limpet, with relay and chat" ${LIMPET_IS_WHOLE})
if(LIMPET_PROGRAM AND NOT LIMPET_IS_WHOLE)
  message(FATAL_ERROR "The program limpet needs the whole library, and these are OFF: ${LIMPET_LEFT_OUT}. "
                      "Switch them on, or LIMPET_PROGRAM off to build the library alone.")
elseif(NOT LIMPET_PROGRAM)
  message(STATUS "The library without the program limpet; left out of it: ${LIMPET_LEFT_OUT}")
endif()

# parts.h tells the client, and the tests, what there is.
configure_file(${PROJECT_SOURCE_DIR}/src/client/parts.h.in ${PROJECT_BINARY_DIR}/parts/parts.h @ONLY)

# limpet_part(TARGET PART WITH sources... WITHOUT sources...): the sources of a part, or what stands in for them.
function(limpet_part target part)
  cmake_parse_arguments(CHOICE "" "" "WITH;WITHOUT" ${ARGN})
  if(LIMPET_${part})
    target_sources(${target} PRIVATE ${CHOICE_WITH})
  else()
    target_sources(${target} PRIVATE ${CHOICE_WITHOUT})
  endif()
endfunction()
