# The client through its public header, against servers on the test's own loop.
add_library(test_client_support STATIC ../support/client_diary.c ../support/client_fixture.c
                                       ../support/client_memory.c
                                       ../support/client_peer.c
                                       ../support/client_world.c)
target_include_directories(test_client_support PUBLIC ${CMAKE_CURRENT_SOURCE_DIR}/../support)
target_link_libraries(test_client_support PUBLIC limpet limpet_net limpet_wire limpet_session
                                                 PkgConfig::CMOCKA)

foreach(name options client_cuts client_errors client_flush client_life client_memory client_receive client_send client_stop client_traps)
  limpet_unit_test(test_${name} USES test_client_support)
endforeach()
