# What the chat's screen shows.
foreach(name chat_banner chat_layout)
  limpet_unit_test(test_${name} USES limpet_chat_view)
endforeach()
# Pure parts of `limpet connect`.
foreach(name check_advice metrics_text splitter)
  limpet_unit_test(test_${name} USES limpet_connect_parts)
endforeach()
