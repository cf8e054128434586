add_library(test_guard STATIC ${CMAKE_CURRENT_SOURCE_DIR}/../support/guard.c)
target_include_directories(test_guard PUBLIC ${CMAKE_CURRENT_SOURCE_DIR}/../support)

foreach(name sha1 mask utf8 frame close decoder decoder_limits deflate url handshake)
  limpet_unit_test(test_${name} USES limpet_wire test_guard)
endforeach()
foreach(name test_decoder test_decoder_limits)
  target_sources(${name} PRIVATE ${CMAKE_CURRENT_SOURCE_DIR}/../support/decode.c)
endforeach()
