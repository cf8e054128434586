# The relay: its parts, then the whole on real sockets. A thread of its own works on the store's file.
foreach(name relay_bucket relay_log relay_metrics relay_protocol relay_tokens relay_replay)
  limpet_unit_test(test_${name} USES limpet_relay test_net_rig)
endforeach()
# The store, also on a damaged file and on a disk that fails.
foreach(name relay_store relay_store_cuts)
  limpet_unit_test(test_${name} USES limpet_relay test_net_rig test_disk)
endforeach()
foreach(name relay_store relay_replay)
  set_tests_properties(test_${name} PROPERTIES LABELS "unit;threads")
endforeach()
set_tests_properties(test_relay_store_cuts PROPERTIES TIMEOUT 300)
