# Link-time optimisation of a release by gcc: the way of a small message leads through four modules, and
# without it half of its cost is calls. Objects stay fat, so that whoever links them without it can;
# the tests do, to be built fast.
option(LIMPET_LTO "optimise releases at link time" ON)

if(LIMPET_LTO AND CMAKE_BUILD_TYPE MATCHES "^(Release|MinSizeRel)$" AND CMAKE_C_COMPILER_ID STREQUAL "GNU")
  set(LIMPET_LTO_OPTIONS -flto=auto -ffat-lto-objects)
  add_link_options(-fno-lto) # else the linker's plugin finds the fat objects' other half: 6 s a test
endif()

# limpet_link_time_optimised(TARGET...): at home in programs whose speed matters. A -fno-lto anywhere on the
# line keeps the plugin out, whatever follows it.
function(limpet_link_time_optimised)
  foreach(target ${ARGN})
    get_target_property(link_options ${target} LINK_OPTIONS)
    if(link_options)
      list(REMOVE_ITEM link_options -fno-lto)
      set_target_properties(${target} PROPERTIES LINK_OPTIONS "${link_options}")
    endif()
    target_compile_options(${target} PRIVATE ${LIMPET_LTO_OPTIONS})
    target_link_options(${target} PRIVATE ${LIMPET_LTO_OPTIONS})
  endforeach()
endfunction()
