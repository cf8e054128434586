# The library as programs outside of this tree get it, shared and static. In both all modules are one
# piece whose only names are those of packaging/symbols.txt, so that nothing in it can clash with a
# program's own `frame_encode` or with another copy of llhttp.
set(LIMPET_SYMBOLS_FILE ${PROJECT_SOURCE_DIR}/packaging/symbols.txt)
set(LIMPET_LIBRARY_DIR ${CMAKE_BINARY_DIR}/lib)
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${LIMPET_SYMBOLS_FILE})

# limpet_static_parts(OUT TARGET...): the static libraries of the tree below these targets, and these.
function(limpet_static_parts out)
  set(found)
  set(waiting ${ARGN})
  while(waiting)
    list(POP_FRONT waiting target)
    if(NOT TARGET ${target})
      continue()
    endif()
    get_target_property(alias ${target} ALIASED_TARGET)
    if(alias)
      set(target ${alias})
    endif()
    get_target_property(is_imported ${target} IMPORTED)
    get_target_property(type ${target} TYPE)
    if(is_imported OR NOT type STREQUAL STATIC_LIBRARY OR target IN_LIST found)
      continue()
    endif()
    list(APPEND found ${target})
    get_target_property(libraries ${target} LINK_LIBRARIES)
    if(libraries)
      list(APPEND waiting ${libraries})
    endif()
  endwhile()
  set(${out} ${found} PARENT_SCOPE)
endfunction()

# The names, as the linker and as objcopy want them.
file(STRINGS ${LIMPET_SYMBOLS_FILE} lines REGEX "^limpet_")
list(TRANSFORM lines REPLACE " .*" "" OUTPUT_VARIABLE names)
list(JOIN names "\n" names_text)
list(JOIN names ";\n    " names_list)
file(CONFIGURE OUTPUT ${LIMPET_LIBRARY_DIR}/names.txt CONTENT "${names_text}\n" @ONLY)
file(CONFIGURE OUTPUT ${LIMPET_LIBRARY_DIR}/limpet.map @ONLY
     CONTENT "LIMPET_0 {\n  global:\n    ${names_list};\n  local:\n    *;\n};\n")

# ---- shared ----
get_target_property(limpet_parts limpet LINK_LIBRARIES)
add_library(limpet-shared SHARED $<TARGET_OBJECTS:limpet>)
target_link_libraries(limpet-shared PRIVATE ${limpet_parts})
target_include_directories(limpet-shared INTERFACE ${PROJECT_SOURCE_DIR}/include)
target_link_options(limpet-shared PRIVATE -Wl,--version-script=${LIMPET_LIBRARY_DIR}/limpet.map)
# A look-up that hangs is not waited for, so its thread may still run when a program unloads the library.
target_link_options(limpet-shared PRIVATE -Wl,-z,nodelete)
if(NOT LIMPET_SANITIZE) # the sanitizers' runtime is found in the program
  target_link_options(limpet-shared PRIVATE -Wl,-z,defs)
endif()
set_target_properties(limpet-shared PROPERTIES
  OUTPUT_NAME limpet LINKER_LANGUAGE C LIBRARY_OUTPUT_DIRECTORY ${LIMPET_LIBRARY_DIR}
  VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR}
  LINK_DEPENDS ${LIMPET_LIBRARY_DIR}/limpet.map)
limpet_link_time_optimised(limpet-shared)

# ---- static: one object, all names but the public ones made local ----
limpet_static_parts(limpet_archives ${limpet_parts})
list(TRANSFORM limpet_archives REPLACE "(.+)" "$<TARGET_FILE:\\1>" OUTPUT_VARIABLE limpet_archive_files)
separate_arguments(limpet_c_flags UNIX_COMMAND "${CMAKE_C_FLAGS} ${CMAKE_C_FLAGS_${CMAKE_BUILD_TYPE}}")
if(LIMPET_LTO_OPTIONS)
  # Optimised here and now: whoever links the result needs neither our compiler nor its plugin.
  set(limpet_join_options ${LIMPET_LTO_OPTIONS} -flinker-output=nolto-rel)
endif()
set(LIMPET_STATIC_LIBRARY ${LIMPET_LIBRARY_DIR}/liblimpet.a)
add_custom_command(OUTPUT ${LIMPET_STATIC_LIBRARY}
  COMMAND ${CMAKE_C_COMPILER} ${limpet_c_flags} ${limpet_join_options} -r -nostdlib -o limpet.o
          $<TARGET_OBJECTS:limpet> -Wl,--start-group ${limpet_archive_files} -Wl,--end-group
  COMMAND ${CMAKE_OBJCOPY} --keep-global-symbols=names.txt limpet.o
  COMMAND ${CMAKE_COMMAND} -E rm -f ${LIMPET_STATIC_LIBRARY}
  COMMAND ${CMAKE_AR} rcs ${LIMPET_STATIC_LIBRARY} limpet.o
  DEPENDS limpet ${limpet_archives} ${LIMPET_LIBRARY_DIR}/names.txt
  WORKING_DIRECTORY ${LIMPET_LIBRARY_DIR} COMMAND_EXPAND_LISTS VERBATIM
  COMMENT "Joining the static library")
add_custom_target(limpet-static ALL DEPENDS ${LIMPET_STATIC_LIBRARY})
