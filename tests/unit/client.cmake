# The client through its public header, against servers on the test's own loop.
add_library(test_client_support STATIC ../support/client_diary.c
                                       ../support/client_fixture.c
                                       ../support/client_memory.c
                                       ../support/client_peer.c
                                       ../support/client_world.c)
target_include_directories(test_client_support PUBLIC ${CMAKE_CURRENT_SOURCE_DIR}/../support)
target_compile_options(test_client_support PRIVATE "SHELL:-iquote ${PROJECT_BINARY_DIR}/parts")
target_link_libraries(test_client_support PUBLIC limpet limpet_http limpet_wire limpet_session
                                                 PkgConfig::CMOCKA)

foreach(name options parts client_cuts client_endpoints client_errors client_flush client_life client_memory client_network client_provider
             client_receive client_send client_steps client_stop client_traps uv_open)
  limpet_unit_test(test_${name} USES test_client_support)
endforeach()

if(LIMPET_TLS)
  limpet_unit_test(test_client_memory_tls USES test_client_support)
  target_sources(test_client_memory_tls PRIVATE ../support/net_certs.c)
endif()

limpet_unit_test(test_threads USES test_client_support)
limpet_unit_test(test_pump USES test_client_support)
set_tests_properties(test_threads test_pump test_client_provider PROPERTIES LABELS "unit;threads")

# What is kept on disk, told apart by acknowledgements in JSON.
if(LIMPET_OUTBOX AND LIMPET_JSON)
  target_sources(test_client_support PRIVATE ../support/client_box.c)
  foreach(name client_durable client_durable_end client_durable_run)
    limpet_unit_test(test_${name} USES test_client_support)
    set_tests_properties(test_${name} PROPERTIES LABELS "unit;threads")
  endforeach()
  target_link_libraries(test_client_durable_run PRIVATE test_disk)
endif()

# The public header from C++, where there is a compiler for it.
if(CMAKE_CXX_COMPILER)
  add_executable(test_cxx test_cxx.cc)
  set_target_properties(test_cxx PROPERTIES CXX_STANDARD 11 CXX_STANDARD_REQUIRED ON
                                            RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
  get_target_property(options test_cxx COMPILE_OPTIONS)
  list(REMOVE_ITEM options -Wstrict-prototypes -Wmissing-prototypes) # C only
  list(APPEND options -Wpedantic)
  set_target_properties(test_cxx PROPERTIES COMPILE_OPTIONS "${options}")
  target_link_libraries(test_cxx PRIVATE limpet)
  add_test(NAME test_cxx COMMAND test_cxx)
  set_tests_properties(test_cxx PROPERTIES LABELS unit TIMEOUT 120)
endif()
