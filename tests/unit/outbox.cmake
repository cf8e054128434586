# The durable queue: its file, its thread, and what it keeps when everything below it fails.
add_library(test_outbox_rig STATIC ../support/outbox_rig.c)
target_include_directories(test_outbox_rig PUBLIC ${CMAKE_CURRENT_SOURCE_DIR}/../support)
target_link_libraries(test_outbox_rig PUBLIC limpet_outbox test_disk PkgConfig::CMOCKA)

foreach(name outbox outbox_cuts outbox_file outbox_memory)
  limpet_unit_test(test_${name} USES test_outbox_rig)
endforeach()
target_compile_definitions(test_outbox_file PRIVATE
  FORMAT_1_SQL="${CMAKE_CURRENT_SOURCE_DIR}/../support/outbox_format_1.sql")
set_tests_properties(test_outbox test_outbox_file PROPERTIES LABELS "unit;threads")
set_tests_properties(test_outbox_cuts test_outbox_memory PROPERTIES TIMEOUT 300)
