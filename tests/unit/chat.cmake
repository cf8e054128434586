# Conversations, without a network.
foreach(name conversation join_url relay_text rfc3339 typists)
  limpet_unit_test(test_${name} USES limpet_chat)
endforeach()
limpet_unit_test(test_chat USES limpet_chat test_client_support)
