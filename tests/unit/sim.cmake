# Virtual time: delays and fleets.
foreach(name delays herd)
  limpet_unit_test(test_${name} USES limpet_sim)
endforeach()
