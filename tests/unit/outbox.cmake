# The durable queue: its file, its thread, and what it keeps when everything below it fails.
add_library(test_outbox_rig STATIC ../support/outbox_rig.c)
target_include_directories(test_outbox_rig PUBLIC ${CMAKE_CURRENT_SOURCE_DIR}/../support)
target_link_libraries(test_outbox_rig PUBLIC limpet_outbox test_disk PkgConfig::CMOCKA)

foreach(name outbox outbox_cuts)
  limpet_unit_test(test_${name} USES test_outbox_rig)
endforeach()
set_tests_properties(test_outbox PROPERTIES LABELS "unit;threads")
