# Faults, scripts and plans as values, on a clock of the test's own.
foreach(name chaos_fault chaos_script chaos_plan chaos_pace chaos_frames)
  limpet_unit_test(test_${name} USES limpet_chaos)
endforeach()
