# The relay: its parts, then the whole on real sockets. A thread of its own works on the store's file.
foreach(name relay_bucket relay_log relay_metrics relay_protocol relay_tokens relay_store relay_replay)
  limpet_unit_test(test_${name} USES limpet_relay test_net_rig)
endforeach()
foreach(name relay_store relay_replay)
  set_tests_properties(test_${name} PROPERTIES LABELS "unit;threads")
endforeach()
# The store on a disk that fails.
limpet_unit_test(test_relay_store_cuts USES limpet_relay test_net_rig test_disk)
set_tests_properties(test_relay_store_cuts PROPERTIES TIMEOUT 300)
