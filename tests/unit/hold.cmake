# Pure parts of `limpet hold`.
foreach(name hold_target hold_resume)
  limpet_unit_test(test_${name} USES limpet_hold)
endforeach()
