# Warnings, sanitizers and coverage for every target of the project.
add_compile_options(-Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes
                    -Wpointer-arith -Wvla -fno-common)
if(LIMPET_WERROR)
  add_compile_options(-Werror)
endif()
if(LIMPET_SANITIZE)
  add_compile_options(-fsanitize=${LIMPET_SANITIZE} -fno-sanitize-recover=all
                      -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${LIMPET_SANITIZE})
endif()
if(LIMPET_COVERAGE)
  add_compile_options(-fprofile-instr-generate -fcoverage-mapping)
  add_link_options(-fprofile-instr-generate)
endif()
if(LIMPET_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link) # coverage; the targets alone link the fuzzer
endif()
