add_library(test_net_rig STATIC ${CMAKE_CURRENT_SOURCE_DIR}/../support/net_gate.c
                                ${CMAKE_CURRENT_SOURCE_DIR}/../support/net_rig.c)
target_include_directories(test_net_rig PUBLIC ${CMAKE_CURRENT_SOURCE_DIR}/../support)
target_link_libraries(test_net_rig PUBLIC limpet_http PkgConfig::CMOCKA)

foreach(name memory loop output resolve dial link opening closing listener uuid proxy link_proxy)
  limpet_unit_test(test_${name} USES test_net_rig)
endforeach()

if(LIMPET_TLS)
  target_sources(test_net_rig PRIVATE ${CMAKE_CURRENT_SOURCE_DIR}/../support/net_certs.c)
  limpet_unit_test(test_tls USES test_net_rig)
  limpet_unit_test(test_steps USES test_net_rig)
endif()
