# Virtual time: delays, fleets, worlds.
foreach(name delays herd world world_script)
  limpet_unit_test(test_${name} USES limpet_sim)
endforeach()

# A session with a bug, put in by the linker: shrinking must find what it takes.
limpet_unit_test(test_world_shrink USES limpet_sim)
target_link_options(test_world_shrink PRIVATE -Wl,--wrap=session_acked)
