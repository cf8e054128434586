# The session: unit tests, the state document, and the proof that it needs no C library.
set(session_support ${CMAKE_CURRENT_LIST_DIR}/../support)

add_library(session_rig STATIC ${session_support}/session_rig.c)
target_compile_options(session_rig PUBLIC "SHELL:-iquote ${session_support}")
target_link_libraries(session_rig PUBLIC limpet_session PkgConfig::CMOCKA)

foreach(test backoff failure round status table)
  limpet_unit_test(test_${test} USES limpet_session)
endforeach()
if(LIMPET_JSON)
  limpet_unit_test(test_heartbeat USES limpet_session)
  limpet_unit_test(test_json_peek USES limpet_session)
  limpet_unit_test(test_ack USES session_rig)
  set_tests_properties(test_heartbeat test_json_peek test_ack PROPERTIES LABELS "unit;pure")
  add_dependencies(pure-tests test_heartbeat test_json_peek test_ack)
endif()
foreach(test session wishes question barrier queue fates check session_traps)
  limpet_unit_test(test_${test} USES session_rig)
endforeach()

# Traces that the browser's engines run too; vectors_tool writes them.
add_library(session_vectors STATIC ${session_support}/vectors.c)
target_compile_options(session_vectors PUBLIC "SHELL:-iquote ${session_support}")
target_link_libraries(session_vectors PUBLIC limpet_session PkgConfig::CMOCKA)
limpet_unit_test(test_vectors USES session_vectors)
target_compile_definitions(test_vectors PRIVATE
  VECTORS_DIR="${CMAKE_CURRENT_LIST_DIR}/../vectors")
add_executable(vectors_tool ${session_support}/vectors_tool.c)
target_link_libraries(vectors_tool PRIVATE session_vectors)
set_target_properties(vectors_tool PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)

add_executable(states_doc ${session_support}/states_doc.c)
target_link_libraries(states_doc PRIVATE limpet_session)
set_target_properties(states_doc PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
add_test(NAME states_doc
  COMMAND ${session_support}/states_doc_test.sh $<TARGET_FILE:states_doc>
          ${CMAKE_CURRENT_LIST_DIR}/../../docs/states.md)

find_program(LIMPET_WASM_CLANG NAMES clang)
find_program(LIMPET_WASM_LD NAMES wasm-ld wasm-ld-14)
add_test(NAME session_wasm
  COMMAND ${session_support}/session_wasm.sh ${LIMPET_WASM_CLANG} ${LIMPET_WASM_LD}
          ${CMAKE_CURRENT_LIST_DIR}/../../src/session ${CMAKE_BINARY_DIR}/session_wasm)
set_tests_properties(states_doc session_wasm PROPERTIES LABELS unit TIMEOUT 120)

# Those that only compute; quick under an emulator too.
foreach(test backoff failure status table session wishes question barrier queue fates check session_traps vectors)
  set_tests_properties(test_${test} PROPERTIES LABELS "unit;pure")
  add_dependencies(pure-tests test_${test})
endforeach()
