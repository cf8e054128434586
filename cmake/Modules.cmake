# limpet_module(NAME SOURCES... [USES modules and libraries...])
#
# A folder of src/ as a static library `limpet_NAME`. Its headers are visible to itself and to what
# links it, by quotes only (so that no header of ours can stand in for a system header of the
# same name); a wrong include does not compile.
function(limpet_module name)
  cmake_parse_arguments(MODULE "" "" "SOURCES;USES" ${ARGN})
  add_library(limpet_${name} STATIC ${MODULE_SOURCES})
  target_compile_options(limpet_${name} PRIVATE ${LIMPET_LTO_OPTIONS})
  target_compile_options(limpet_${name} PUBLIC "SHELL:-iquote ${CMAKE_CURRENT_SOURCE_DIR}")
  target_link_libraries(limpet_${name} PUBLIC ${MODULE_USES})
endfunction()

# limpet_unit_test(NAME [USES ...]): tests/unit/NAME.c as a cmocka program, run by ctest.
function(limpet_unit_test name)
  cmake_parse_arguments(TEST "" "" "USES" ${ARGN})
  add_executable(${name} ${name}.c)
  target_link_libraries(${name} PRIVATE ${TEST_USES} PkgConfig::CMOCKA)
  target_compile_options(${name} PRIVATE "SHELL:-iquote ${PROJECT_BINARY_DIR}/parts") # for parts.h
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
  add_test(NAME ${name} COMMAND ${name})
  set_tests_properties(${name} PROPERTIES LABELS unit TIMEOUT 120)
endfunction()
