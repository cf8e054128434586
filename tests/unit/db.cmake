# SQLite files opened our way, and the threads that own them.
add_library(test_disk STATIC ../support/disk.c ../support/damage.c ../support/folder.c)
target_include_directories(test_disk PUBLIC ${CMAKE_CURRENT_SOURCE_DIR}/../support)
target_link_libraries(test_disk PUBLIC PkgConfig::SQLITE3 PkgConfig::CMOCKA Threads::Threads)

foreach(name db worker)
  limpet_unit_test(test_${name} USES limpet_db test_disk)
endforeach()
set_tests_properties(test_worker PROPERTIES LABELS "unit;threads")
