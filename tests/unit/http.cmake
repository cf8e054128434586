foreach(name http_reader http_query http_response http_server)
  limpet_unit_test(test_${name} USES test_net_rig)
endforeach()
target_link_libraries(test_http_reader PRIVATE test_guard)
