add_library(test_guard STATIC ${CMAKE_CURRENT_SOURCE_DIR}/../support/guard.c)
target_include_directories(test_guard PUBLIC ${CMAKE_CURRENT_SOURCE_DIR}/../support)

foreach(name sha1 mask utf8 frame close decoder decoder_limits url handshake tunnel)
  limpet_unit_test(test_${name} USES limpet_wire test_guard)
endforeach()
foreach(name test_decoder test_decoder_limits)
  target_sources(${name} PRIVATE ${CMAKE_CURRENT_SOURCE_DIR}/../support/decode.c)
endforeach()
if(LIMPET_DEFLATE)
  limpet_unit_test(test_deflate USES limpet_wire test_guard)
  set_tests_properties(test_deflate PROPERTIES LABELS "unit;pure")
endif()

# Those that only compute and are quick under an emulator too: of utf8 and decoder each takes 20-60 s there.
foreach(name sha1 mask frame close decoder_limits url handshake)
  set_tests_properties(test_${name} PROPERTIES LABELS "unit;pure")
endforeach()
