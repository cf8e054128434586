add_library(test_net_rig STATIC ${CMAKE_CURRENT_SOURCE_DIR}/../support/net_rig.c
                                ${CMAKE_CURRENT_SOURCE_DIR}/../support/net_certs.c)
target_include_directories(test_net_rig PUBLIC ${CMAKE_CURRENT_SOURCE_DIR}/../support)
target_link_libraries(test_net_rig PUBLIC limpet_http PkgConfig::CMOCKA)

foreach(name memory loop output resolve dial tls link opening closing listener steps uuid proxy link_proxy)
  limpet_unit_test(test_${name} USES test_net_rig)
endforeach()
