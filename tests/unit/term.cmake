# What terminal programs are made of, and the chat's screen.
foreach(name canvas glyph keys line_editor wrap)
  limpet_unit_test(test_${name} USES limpet_term)
endforeach()
